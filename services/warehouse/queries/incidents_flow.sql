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
-- Which stood or began in the range. Whoever waited again, or waits still, is settled by
-- the records themselves.
lives AS
(
    SELECT incident, any(site) AS its_site, max(opened_at) AS opened, max(claimed_at) AS claimed, max(closed_at) AS closed,
        min(waits_from) AS waits, min(held_from) AS held, held = {not_yet} OR max(waits_last) >= held AS unsettled
    FROM {db}.incident_clocks
    WHERE {clocks_since}
    GROUP BY incident
),
changes AS
(
    SELECT {bucket_of_change} AS bucket, toInt64({is_waiting}) AS waits,
        waits - lagInFrame(waits, 1, 0) OVER (PARTITION BY incident ORDER BY kafka_offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS change
    FROM {db}.incidents
    WHERE {received_before} AND received_at >= (SELECT min(opened) FROM lives WHERE unsettled) AND (site, incident) IN (SELECT its_site, incident FROM lives WHERE unsettled)
)
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time,
    countIf(what = 'opened') AS opened, countIf(what = 'claimed') AS claimed, countIf(what = 'closed') AS closed,
    toUInt64(sum(sum(change)) OVER (ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS waiting
FROM
(
    SELECT greatest(intDiv(at, {bucket_ms:Int64}), intDiv({from:Int64}, {bucket_ms:Int64})) AS bucket, step.1 AS what, toInt64(step.3) AS change
    FROM (SELECT arrayJoin([('opened', opened, 0), ('claimed', claimed, 0), ('closed', closed, 0), ('', waits, NOT unsettled), ('', held, -(NOT unsettled AND waits < {not_yet}))]) AS step, toUnixTimestamp64Milli(step.2) AS at FROM lives)
    WHERE at < {to:Int64} AND (at >= {from:Int64} OR change != 0)
    UNION ALL
    SELECT bucket, '', change FROM changes WHERE change != 0
    UNION ALL
    SELECT {each_bucket} AS bucket, '', toInt64(0)
)
WHERE {from:Int64} < {to:Int64}
GROUP BY bucket
ORDER BY bucket
