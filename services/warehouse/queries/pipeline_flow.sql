-- What passed through the pipeline. Polls are counted by the beats that carried
-- them, which are kept for some days; events heard again are events too.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket
-- column time time start of the bucket
-- column events count records of panels, people and the system
-- column heartbeats count polls of panels
-- column detections count detections opened
-- column rejected count what could not become an event
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time,
    sumIf(n, what = 'event') AS events, sumIf(n, what = 'heartbeat') AS heartbeats,
    sumIf(n, what = 'detection') AS detections, sumIf(n, what = 'rejected') AS rejected
FROM
(
    SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, 'event' AS what, toUInt64(count()) AS n
    FROM {db}.events WHERE {in_range} GROUP BY bucket
    UNION ALL
    SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, 'heartbeat' AS what, toUInt64(sum(heartbeats)) AS n
    FROM {db}.beats WHERE {in_range} GROUP BY bucket
    UNION ALL
    SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, 'detection' AS what, toUInt64(count()) AS n
    FROM {db}.detections WHERE status = 'opened' AND {in_range} GROUP BY bucket
    UNION ALL
    SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, 'rejected' AS what, toUInt64(count()) AS n
    FROM {db}.rejected WHERE {in_range} GROUP BY bucket
    UNION ALL
    SELECT {each_bucket} AS bucket, '' AS what, toUInt64(0) AS n
)
GROUP BY bucket
ORDER BY bucket
