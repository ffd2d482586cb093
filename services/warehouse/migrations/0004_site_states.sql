-- Every record of the site-states topic: the history of each site's public
-- state. event_id is the event that changed it, received_at when that was.
CREATE TABLE IF NOT EXISTS {db}.site_states
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    event_id        UUID,
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    version             UInt64 CODEC(Delta, ZSTD(1)),
    deleted             Bool,
    label               String CODEC(ZSTD(1)),
    site_class          LowCardinality(String),
    undeclared          Bool,
    account             String CODEC(ZSTD(1)),
    area_names          Array(LowCardinality(String)),
    area_modes          Array(LowCardinality(String)),
    area_since          Array(DateTime64(3, 'UTC')),
    open_zones          Array(String),
    paths               Array(UInt8),
    path_statuses       Array(LowCardinality(String)),
    path_last_heard_at  Array(DateTime64(3, 'UTC')),
    communication_lost  Bool,
    closure             LowCardinality(String),
    closed_since        DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    storm               Bool,
    open_incidents      Array(String),
    open_detections     Array(String),
    accepted_events     UInt64 CODEC(T64, ZSTD(1)),
    degraded            Bool,
    site_groups         Array(LowCardinality(String)),
    time_zone           LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, kafka_offset)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {db}.site_states_current AS
SELECT * FROM (SELECT * FROM {db}.site_states ORDER BY site, kafka_offset DESC LIMIT 1 BY site) WHERE NOT deleted;
