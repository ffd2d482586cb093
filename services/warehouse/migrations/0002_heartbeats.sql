-- One row for each poll of a panel: kafka_index is its place in its beat. What
-- is older than a few days stands in the hours below and in the log.
CREATE TABLE IF NOT EXISTS {db}.heartbeats
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    site            UInt64 CODEC(Delta, ZSTD(1)),
    path            UInt8,
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    receiver        LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (site, path, received_at)
TTL toDateTime(received_at) + INTERVAL 3 DAY
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {db}.heartbeats_by_hour
(
    hour       DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    site       UInt64 CODEC(Delta, ZSTD(1)),
    path       UInt8,
    heartbeats SimpleAggregateFunction(sum, UInt64),
    first_at   SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_at    SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (site, path, hour)
TTL hour + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.heartbeats_to_hours TO {db}.heartbeats_by_hour AS
SELECT toStartOfHour(toDateTime(received_at, 'UTC')) AS hour, site, path,
    count() AS heartbeats, min(received_at) AS first_at, max(received_at) AS last_at
FROM {db}.heartbeats
GROUP BY hour, site, path;

-- One row for each beat of a writer, empty ones too: the ticks of the log.
CREATE TABLE IF NOT EXISTS {db}.beats
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    writer          LowCardinality(String),
    boot            UUID CODEC(ZSTD(1)),
    writer_kind     LowCardinality(String),
    receiver_group  LowCardinality(String),
    sequence        UInt64 CODEC(Delta, ZSTD(1)),
    ticked_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    heartbeats      UInt32 CODEC(T64, ZSTD(1)),
    shed            UInt32 CODEC(T64, ZSTD(1)),
    frames          UInt64 CODEC(T64, ZSTD(1)),
    last            Bool
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (kafka_partition, kafka_offset)
TTL toDateTime(received_at) + INTERVAL 8 DAY
SETTINGS ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
