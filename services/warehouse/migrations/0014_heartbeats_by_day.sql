-- In which hours of a day each path was heard, a bit each: what a month of heartbeats
-- says of their regularity, in a row a day instead of 24. A set: adding the same twice
-- changes nothing, and the hours that stand there already are added here.
CREATE TABLE IF NOT EXISTS {db}.heartbeats_by_day
(
    day   Date CODEC(Delta, ZSTD(1)),
    site  UInt64 CODEC(Delta, ZSTD(1)),
    path  UInt8,
    hours SimpleAggregateFunction(groupBitOr, UInt32)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, path, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1,
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.heartbeats_to_days TO {db}.heartbeats_by_day AS
SELECT toDate(received_at) AS day, site, path, groupBitOr(bitShiftLeft(1::UInt32, toHour(received_at))) AS hours
FROM {db}.heartbeats
GROUP BY day, site, path;

-- Not grouped: merges do that, and 400 days of all paths are more than fit in memory.
INSERT INTO {db}.heartbeats_by_day (day, site, path, hours)
SELECT toDate(hour) AS day, site, path, bitShiftLeft(1::UInt32, toHour(hour)) AS hours
FROM {db}.heartbeats_by_hour
SETTINGS insert_deduplicate = 0;
