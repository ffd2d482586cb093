-- Every record of the detections topic: opened, updated, closed. event_id is the
-- detection's id, the same for all three; received_at is when it changed.
CREATE TABLE IF NOT EXISTS {db}.detections
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    event_id        UUID,
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    kind            LowCardinality(String),
    status          LowCardinality(String),
    opened_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    closed_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    evidence        Array(UUID),
    evidence_count  UInt64 CODEC(T64, ZSTD(1)),
    path            UInt8,
    zone            LowCardinality(String),
    area            LowCardinality(String),
    interval_ms     Int64 CODEC(T64, ZSTD(1)),
    threshold       UInt32 CODEC(T64, ZSTD(1)),
    window_ms       Int64 CODEC(T64, ZSTD(1)),
    policy_version  UInt64 CODEC(T64, ZSTD(1)),
    last_heard_at   DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    incident        String CODEC(ZSTD(1)),
    close_reason    LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, kind, event_id, kafka_offset)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {db}.detections_current AS
SELECT * FROM {db}.detections ORDER BY event_id, kafka_offset DESC LIMIT 1 BY event_id;
