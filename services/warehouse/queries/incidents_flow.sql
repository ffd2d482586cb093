-- Incidents opened, claimed for the first time and closed, and how many nobody
-- held at the end of each bucket.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket
-- column time time start of the bucket
-- column opened count incidents opened
-- column claimed count incidents claimed for the first time
-- column closed count incidents closed
-- column waiting count incidents that nobody held at the end of the bucket
WITH
seen AS
(
    SELECT arrayJoin([('opened', toUnixTimestamp64Milli(max(opened_at))), ('claimed', toUnixTimestamp64Milli(max(claimed_at))), ('closed', toUnixTimestamp64Milli(max(closed_at)))]) AS step
    FROM {db}.incidents
    WHERE NOT deleted AND {received_from}
    GROUP BY incident
),
changes AS
(
    SELECT {bucket_of_change} AS bucket, toInt64({is_waiting}) AS waits,
        waits - lagInFrame(waits, 1, 0) OVER (PARTITION BY incident ORDER BY kafka_offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS change
    FROM {db}.incidents
    WHERE {received_before} AND {incidents_open_since}
)
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time,
    countIf(what = 'opened') AS opened, countIf(what = 'claimed') AS claimed, countIf(what = 'closed') AS closed,
    toUInt64(sum(sum(change)) OVER (ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS waiting
FROM
(
    SELECT intDiv(step.2, {bucket_ms:Int64}) AS bucket, step.1 AS what, toInt64(0) AS change
    FROM seen WHERE step.2 >= {from:Int64} AND step.2 < {to:Int64}
    UNION ALL
    SELECT bucket, '', change FROM changes WHERE change != 0
    UNION ALL
    SELECT {each_bucket} AS bucket, '', toInt64(0)
)
WHERE {from:Int64} < {to:Int64}
GROUP BY bucket
ORDER BY bucket
