-- Every record of the events topic that is not a beat: what panels, people and
-- the system said. kind is the name of the event's body.
CREATE TABLE IF NOT EXISTS {db}.events
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    event_id        UUID,
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    kind            LowCardinality(String),
    occurred_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    origin          LowCardinality(String),
    class           LowCardinality(String),
    format          LowCardinality(String),
    code            LowCardinality(String),
    area            LowCardinality(String),
    zone            LowCardinality(String),
    user_code       String CODEC(ZSTD(1)),
    mode            LowCardinality(String),
    restored        Bool,
    line            UInt32 CODEC(T64, ZSTD(1)),
    account         String CODEC(ZSTD(1)),
    path            UInt8,
    receiver        LowCardinality(String),
    transport       LowCardinality(String),
    sequence        UInt16,
    token           LowCardinality(String),
    fingerprint     UUID,
    correlation     String CODEC(ZSTD(1)),
    incident        String CODEC(ZSTD(1)),
    operator        LowCardinality(String),
    role            LowCardinality(String),
    means           LowCardinality(String),
    result          LowCardinality(String),
    outcome         LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, received_at, kafka_partition, kafka_offset)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Events of a minute by kind and class: what dashboards count.
CREATE TABLE IF NOT EXISTS {db}.events_by_minute
(
    minute DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    kind   LowCardinality(String),
    class  LowCardinality(String),
    events UInt64
)
ENGINE = SummingMergeTree(events)
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, kind, class)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.events_to_minutes TO {db}.events_by_minute AS
SELECT toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute, kind, class, count() AS events
FROM {db}.events
GROUP BY minute, kind, class;
