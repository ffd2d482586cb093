-- Everything that was said of a site and done to it in a range, oldest first.
-- param site UInt64 - number of the site
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many rows at most
-- column received_at time when it came
-- column kind - what it is
-- column origin - panel, user or system
-- column operator - who did it; empty for panels and the system
-- column class - class of the signal
-- column code - code of the signal
-- column zone - zone of the signal
-- column incident - incident that it belongs to
-- column result - what came of it
-- column status - accepted, refused, repeated or heard_again; empty for an accepted event of a panel
-- column reason - why it was refused
SELECT e.received_at AS received_at, toString(e.kind) AS kind, toString(e.origin) AS origin, toString(e.operator) AS operator, toString(e.class) AS class, toString(e.code) AS code, toString(e.zone) AS zone,
    e.incident AS incident, toString(if(e.outcome != '', e.outcome, e.result)) AS result, toString(o.said) AS status, toString(o.why) AS reason
FROM
(
    SELECT * FROM {db}.events WHERE site = {site:UInt64} AND {in_range}
) AS e
LEFT JOIN
(
    SELECT event_id, any(status) AS said, any(reason) AS why FROM {db}.outcomes WHERE site = {site:UInt64} AND {received_from} GROUP BY event_id
) AS o ON o.event_id = e.event_id
ORDER BY received_at, e.kafka_partition, e.kafka_offset
LIMIT {limit:UInt32}
