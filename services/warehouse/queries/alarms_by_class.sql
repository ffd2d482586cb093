-- Accepted alarms by class and time of receipt.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket
-- column time time start of the bucket
-- column class - class of the alarms
-- column alarms count accepted alarms
SELECT fromUnixTimestamp64Milli(x.1 * {bucket_ms:Int64}, 'UTC') AS time, x.2 AS class, sum(x.3) AS alarms
FROM
(
    SELECT arrayJoin(arrayConcat(groupArray((bucket, alarm_class, n)), arrayFlatten(arrayMap(c -> arrayMap(b -> (b, c, toUInt64(0)), {bucket_range}), groupUniqArray(alarm_class))))) AS x
    FROM
    (
        SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, alarm_class, count() AS n
        FROM {accepted_alarms}
        GROUP BY bucket, alarm_class
    )
)
GROUP BY time, class
ORDER BY time, class
