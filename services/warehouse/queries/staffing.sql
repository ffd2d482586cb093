-- Who was needed and who was there, over time. An incident is work from its first claim
-- to its end, one that is still open to the end of the range.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param bucket_ms Int64 ms width of a bucket; a quarter of an hour is usual
-- column time time start of the bucket
-- column work_ms ms work on incidents in the bucket, summed
-- column needed count operators who do one thing at a time, to do that work in the bucket
-- column present count people who acted in the bucket
-- column short count how many more were needed than were there
WITH
held AS
(
    SELECT greatest(began, {from:Int64}) AS start_ms, if(ended = 0, {to:Int64}, least(ended, {to:Int64})) AS end_ms
    FROM
    (
        SELECT toUnixTimestamp64Milli(max(claimed_at)) AS began, toUnixTimestamp64Milli(max(closed_at)) AS ended
        FROM {db}.incident_clocks
        WHERE {clocks_since}
        GROUP BY incident
    )
    WHERE began > 0 AND end_ms > start_ms
)
SELECT fromUnixTimestamp64Milli(bucket * {bucket_ms:Int64}, 'UTC') AS time, toInt64(sum(work)) AS work_ms,
    toUInt64(intDiv(work_ms + width - 1, width)) AS needed, toUInt64(sum(people)) AS present, toUInt64(greatest(toInt64(needed) - toInt64(present), 0)) AS short
FROM
(
    SELECT *, least({to:Int64}, (bucket + 1) * {bucket_ms:Int64}) - greatest({from:Int64}, bucket * {bucket_ms:Int64}) AS width
    FROM
    (
        SELECT bucket, least(end_ms, (bucket + 1) * {bucket_ms:Int64}) - greatest(start_ms, bucket * {bucket_ms:Int64}) AS work, toUInt64(0) AS people
        FROM (SELECT start_ms, end_ms, arrayJoin(range(intDiv(start_ms, {bucket_ms:Int64}), intDiv(end_ms - 1, {bucket_ms:Int64}) + 1)) AS bucket FROM held)
        UNION ALL
        SELECT intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}) AS bucket, toInt64(0) AS work, uniqExact(operator) AS people
        FROM {db}.events
        WHERE origin = 'user' AND operator != '' AND {in_range}
        GROUP BY bucket
        UNION ALL
        SELECT {each_bucket} AS bucket, toInt64(0) AS work, toUInt64(0) AS people
    )
)
GROUP BY bucket, width
ORDER BY bucket
