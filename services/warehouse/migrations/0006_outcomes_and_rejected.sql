-- What became of each act of a person, and of each panel event not accepted.
CREATE TABLE IF NOT EXISTS {db}.outcomes
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    event_id        UUID,
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    status          LowCardinality(String),
    reason          LowCardinality(String),
    incident        String CODEC(ZSTD(1)),
    holder          LowCardinality(String),
    first_event_id  UUID
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, received_at, kafka_partition, kafka_offset)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What could not become an event. The bytes stay in the log, sealed.
CREATE TABLE IF NOT EXISTS {db}.rejected
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    event_id        UUID,
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    stage           LowCardinality(String),
    source          LowCardinality(String),
    reason          LowCardinality(String),
    detail          String CODEC(ZSTD(1)),
    raw_length      UInt64 CODEC(T64, ZSTD(1)),
    remote          LowCardinality(String),
    of_topic        LowCardinality(String),
    of_partition    Int32,
    of_offset       Int64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, kafka_partition, kafka_offset)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Records of any topic that could not be decoded, with the reason. received_at
-- is the time stamp that Kafka has for them.
CREATE TABLE IF NOT EXISTS {db}.undecodable
(
    topic           LowCardinality(String),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    event_id        UUID,
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    reason          String CODEC(ZSTD(1)),
    value_length    UInt64 CODEC(T64, ZSTD(1)),
    value_sha256    String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (topic, kafka_partition, kafka_offset)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
