-- Incidents that wait for somebody to claim them, by class, as of a time.
-- param to Int64 time the state as of then
-- column class - class of the incidents
-- column waiting count open incidents that nobody holds
-- column oldest_ms ms how long the oldest of them waits
-- column missed count of them, past the second figure of their answer clock
SELECT toString(last_class) AS class, count() AS waiting,
    toInt64({to:Int64} - min(opened)) AS oldest_ms,
    countIf(missed_ms > 0 AND missed_ms <= {to:Int64}) AS missed
FROM
(
    SELECT incident, argMax(class, kafka_offset) AS last_class, argMax(toUnixTimestamp64Milli(opened_at), kafka_offset) AS opened,
        argMax(toUnixTimestamp64Milli(missed_at), kafka_offset) AS missed_ms,
        argMax({is_waiting}, kafka_offset) AS is_waiting
    FROM {db}.incidents
    WHERE {incidents_open_then}
    GROUP BY incident
)
WHERE is_waiting
GROUP BY last_class
ORDER BY class
