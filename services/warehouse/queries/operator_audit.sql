-- Everything that a person did in a range, on all sites, oldest first.
-- param operator String - who
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many rows at most
-- column received_at time when it came
-- column kind - what it is
-- column site - number of the site; 0 for none
-- column incident - incident that it belongs to
-- column result - what came of it
-- column status - accepted, refused or repeated
-- column reason - why it was refused
SELECT e.received_at AS received_at, toString(e.kind) AS kind, e.site AS site, e.incident AS incident, toString(if(e.outcome != '', e.outcome, e.result)) AS result, toString(o.said) AS status, toString(o.why) AS reason
FROM
(
    SELECT * FROM {db}.events WHERE origin = 'user' AND operator = {operator:String} AND {in_range} ORDER BY received_at, kafka_partition, kafka_offset LIMIT {limit:UInt32}
) AS e
LEFT JOIN
(
    SELECT event_id, any(status) AS said, any(reason) AS why FROM {db}.outcomes
    WHERE {received_from} AND status != 'heard_again' AND event_id IN (SELECT event_id FROM {db}.events WHERE origin = 'user' AND operator = {operator:String} AND {in_range})
    GROUP BY event_id
) AS o ON o.event_id = e.event_id
ORDER BY received_at, e.kafka_partition, e.kafka_offset
