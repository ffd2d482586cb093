-- Detections opened, by kind.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket
-- column time time start of the bucket
-- column kind - what was detected
-- column opened count detections opened
WITH counted AS
(
    SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, toString(kind) AS what, count() AS n
    FROM {db}.detections
    WHERE status = 'opened' AND {in_range}
    GROUP BY bucket, what
)
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time, what AS kind, sum(n) AS opened
FROM
(
    SELECT bucket, what, n FROM counted
    UNION ALL
    SELECT {each_bucket} AS bucket, what, toUInt64(0) AS n
    FROM (SELECT DISTINCT what FROM counted)
)
GROUP BY bucket, what
ORDER BY bucket, what
