-- Accepted alarms by class and time of receipt.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket
-- column time time start of the bucket
-- column class - class of the alarms
-- column alarms count accepted alarms
WITH counted AS
(
    SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, alarm_class, count() AS n
    FROM {accepted_alarms}
    GROUP BY bucket, alarm_class
)
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time, alarm_class AS class, sum(n) AS alarms
FROM
(
    SELECT bucket, alarm_class, n FROM counted
    UNION ALL
    SELECT {each_bucket} AS bucket, alarm_class, toUInt64(0) AS n
    FROM (SELECT DISTINCT alarm_class FROM counted)
)
GROUP BY bucket, alarm_class
ORDER BY bucket, alarm_class
