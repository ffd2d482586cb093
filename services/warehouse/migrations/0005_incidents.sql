-- Every record of the incidents topic: the history of each incident. event_id is
-- the event that opened it, received_at when this version came about. A clock
-- that was not reached is 1970-01-01.
CREATE TABLE IF NOT EXISTS {db}.incidents
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    event_id        UUID,
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    incident            String CODEC(ZSTD(1)),
    version             UInt64 CODEC(Delta, ZSTD(1)),
    deleted             Bool,
    class_group         LowCardinality(String),
    class               LowCardinality(String),
    status              LowCardinality(String),
    priority            UInt8,
    opened_at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    displayed_at        DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    claimed_at          DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    first_act_at        DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    verified_at         DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    closed_at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    restored_at         DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    at_risk_at          DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    missed_at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    last_alarm_at       DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    claimed_by          LowCardinality(String),
    closed_by           LowCardinality(String),
    verification_means  LowCardinality(String),
    verification_result LowCardinality(String),
    outcome             LowCardinality(String),
    alarms              UInt64 CODEC(T64, ZSTD(1)),
    re_alerts           UInt32 CODEC(T64, ZSTD(1)),
    evidence            Array(UUID),
    storm               Bool,
    zone                LowCardinality(String),
    area                LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, incident, kafka_offset)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {db}.incidents_current AS
SELECT * FROM (SELECT * FROM {db}.incidents ORDER BY incident, kafka_offset DESC LIMIT 1 BY incident) WHERE NOT deleted;
