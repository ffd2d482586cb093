-- Accepted alarms of sites that were closed around the clock when the alarm was
-- received, and of all others.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket
-- column time time start of the bucket
-- column sites_are - closed or other
-- column alarms count accepted alarms
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time, sites AS sites_are, sum(n) AS alarms
FROM
(
    SELECT intDiv(toUnixTimestamp64Milli(a.received_at), {bucket_ms:Int64}) AS bucket, if(c.closed, 'closed', 'other') AS sites, toUInt64(1) AS n
    FROM {accepted_alarms} AS a
    ASOF LEFT JOIN {closure_changes} AS c ON c.site = a.site AND c.since <= a.received_at
    UNION ALL
    SELECT bucket, arrayJoin(['closed', 'other']) AS sites, toUInt64(0) AS n
    FROM (SELECT {each_bucket} AS bucket)
)
GROUP BY bucket, sites
ORDER BY bucket, sites
