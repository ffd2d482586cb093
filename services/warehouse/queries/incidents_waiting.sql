-- Incidents that wait for somebody to claim them as of a time, the oldest first.
-- param to Int64 time the state as of then
-- param limit UInt32 count how many at most
-- column incident - id of the incident
-- column site - number of the site
-- column label - what the site is called
-- column class - class of the incident
-- column status - open or verified
-- column opened_at time when it opened
-- column waiting_ms ms how long it waits
-- column alarms count alarms folded into it
-- column late - in time, at risk or missed, by its answer clock
SELECT i.incident AS incident, i.site AS site, s.label AS label, toString(i.class) AS class, toString(i.status) AS status,
    i.opened_at AS opened_at, {to:Int64} - toUnixTimestamp64Milli(i.opened_at) AS waiting_ms, i.alarms AS alarms,
    multiIf(toUnixTimestamp64Milli(i.missed_at) > 0 AND toUnixTimestamp64Milli(i.missed_at) <= {to:Int64}, 'missed',
        toUnixTimestamp64Milli(i.at_risk_at) > 0 AND toUnixTimestamp64Milli(i.at_risk_at) <= {to:Int64}, 'at risk', 'in time') AS late
FROM
(
    SELECT *
    FROM
    (
        SELECT *
        FROM {db}.incidents
        WHERE {incidents_open_then}
        ORDER BY incident, kafka_offset DESC
        LIMIT 1 BY incident
    )
    WHERE {is_waiting}
    ORDER BY opened_at, incident
    LIMIT {limit:UInt32}
) AS i
LEFT JOIN {states_then} AS s ON s.site = i.site
ORDER BY opened_at, incident
