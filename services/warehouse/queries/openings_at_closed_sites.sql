-- Accepted disarms of sites that were closed around the clock just before: each
-- is to be called back.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column openings count disarms
-- column sites count sites that were disarmed
SELECT count() AS openings, uniqExact(e.site) AS sites
FROM
(
    SELECT site, received_at
    FROM {db}.events
    WHERE kind = 'disarmed' AND {in_range} AND {accepted}
) AS e
ASOF LEFT JOIN {closure_changes} AS c ON c.site = e.site AND c.since < e.received_at
WHERE c.closed
