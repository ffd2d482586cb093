-- Detections that are open as of a time, by kind.
-- param to Int64 time the state as of then
-- column kind - what is detected
-- column open count detections open
-- column oldest_ms ms how long the oldest of them is open
SELECT toString(last_kind) AS kind, count() AS open, toInt64({to:Int64} - min(opened)) AS oldest_ms
FROM
(
    SELECT event_id, argMax(kind, kafka_offset) AS last_kind, argMax(status, kafka_offset) AS last_status,
        toUnixTimestamp64Milli(argMax(opened_at, kafka_offset)) AS opened
    FROM {db}.detections
    WHERE {detections_open_then}
    GROUP BY event_id
)
WHERE last_status != 'closed'
GROUP BY last_kind
ORDER BY kind
