-- Sites closed around the clock at the end of each bucket, by how that is known.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket
-- column time time start of the bucket
-- column closure - detected, declared or end_to_confirm
-- column sites count sites so closed at the end of the bucket
WITH
states AS
(
    SELECT greatest(intDiv(toUnixTimestamp64Milli(since), {bucket_ms:Int64}), intDiv({from:Int64}, {bucket_ms:Int64})) AS bucket, ['none', 'detected', 'declared', 'end_to_confirm', 'none'][code + 1] AS became,
        lagInFrame(became, 1, 'none') OVER (PARTITION BY site ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS was
    FROM {closures}
),
changes AS
(
    SELECT bucket, arrayJoin([(became, 1), (was, -1)]) AS change
    FROM states
    WHERE became != was
)
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time, known_by AS closure,
    toUInt64(sum(sum(n)) OVER (PARTITION BY known_by ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS sites
FROM
(
    SELECT bucket, change.1 AS known_by, toInt64(change.2) AS n
    FROM changes
    WHERE known_by IN ('detected', 'declared', 'end_to_confirm')
    UNION ALL
    SELECT bucket, arrayJoin(['detected', 'declared', 'end_to_confirm']) AS known_by, toInt64(0) AS n
    FROM (SELECT {each_bucket} AS bucket)
)
WHERE {from:Int64} < {to:Int64}
GROUP BY bucket, known_by
ORDER BY bucket, closure
