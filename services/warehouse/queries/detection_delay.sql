-- How long after the last proof of life a loss was detected, and how much of that is
-- beyond the interval of its polls: what EN 50136-1 calls the reporting time.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column kind - what was detected
-- column detections count detections opened in the range
-- column p50_ms ms from the last proof of life, half of them
-- column p95_ms ms 95 % were detected sooner
-- column max_ms ms the slowest
-- column p95_beyond_ms ms 95 % were detected sooner after the interval had passed
SELECT toString(kind) AS kind, count() AS detections,
    quantileExact(0.5)(silent_ms) AS p50_ms, quantileExact(0.95)(silent_ms) AS p95_ms, max(silent_ms) AS max_ms, quantileExact(0.95)(silent_ms - interval_ms) AS p95_beyond_ms
FROM
(
    SELECT kind, interval_ms, toUnixTimestamp64Milli(opened_at) - toUnixTimestamp64Milli(last_heard_at) AS silent_ms
    FROM {db}.detections
    WHERE status = 'opened' AND toUnixTimestamp64Milli(last_heard_at) > 0 AND {in_range}
)
GROUP BY kind
ORDER BY kind
