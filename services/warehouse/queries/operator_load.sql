-- What each operator did in a range: acts that were taken, incidents claimed and closed,
-- and how long those took from the first claim.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column operator - who
-- column acts count acts that were not refused
-- column claimed count of them, claims of incidents
-- column closed count incidents that this person closed
-- column median_handling_ms ms from first claim to closing, the median of those closed; 0 when none was closed
-- column p90_handling_ms ms nine of ten took less
-- column busiest_ten_minutes count most acts in ten minutes, counted from the hour
WITH
acted AS
(
    SELECT toString(of) AS who, sum(n) AS acts, sum(claims) AS claimed, max(n) AS busiest
    FROM
    (
        SELECT operator AS of, intDiv(toUnixTimestamp64Milli(received_at), 600000) AS slot, count() AS n, countIf(kind = 'incident_claimed') AS claims
        FROM {db}.events
        WHERE origin = 'user' AND operator != '' AND {in_range}
            AND event_id NOT IN (SELECT event_id FROM {db}.outcomes WHERE status IN ('refused', 'repeated') AND {received_from})
        GROUP BY of, slot
    )
    GROUP BY who
),
handled AS
(
    SELECT toString(last_closed_by) AS who, count() AS n_closed, quantileExact(0.5)(x.closed - x.claimed) AS median_ms, quantileExact(0.9)(x.closed - x.claimed) AS p90_ms
    FROM {closed_in_range} AS x
    WHERE last_closed_by != '' AND claimed > 0
    GROUP BY who
)
SELECT acted.who AS operator, acts, claimed, n_closed AS closed, median_ms AS median_handling_ms, p90_ms AS p90_handling_ms, busiest AS busiest_ten_minutes
FROM acted LEFT JOIN handled ON handled.who = acted.who
ORDER BY operator
