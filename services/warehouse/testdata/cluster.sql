-- Every record of the events topic that is not a beat: what panels, people and
-- the system said. kind is the name of the event's body.
CREATE TABLE IF NOT EXISTS vigie.events ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, received_at, kafka_partition, kafka_offset)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

-- Events of a minute by kind and class: what dashboards count.
CREATE TABLE IF NOT EXISTS vigie.events_by_minute ON CLUSTER `centre-1`
(
    minute DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    kind   LowCardinality(String),
    class  LowCardinality(String),
    events UInt64
)
ENGINE = ReplicatedSummingMergeTree(events)
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, kind, class)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.events_to_minutes ON CLUSTER `centre-1` TO vigie.events_by_minute AS
SELECT toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute, kind, class, count() AS events
FROM vigie.events
GROUP BY minute, kind, class;

-- One row for each poll of a panel: kafka_index is its place in its beat. What
-- is older than a few days stands in the hours below and in the log.
CREATE TABLE IF NOT EXISTS vigie.heartbeats ON CLUSTER `centre-1`
(
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    kafka_index     UInt32 CODEC(Delta, ZSTD(1)),
    site            UInt64 CODEC(Delta, ZSTD(1)),
    path            UInt8,
    received_at     DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    receiver        LowCardinality(String)
)
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (site, path, received_at)
TTL toDateTime(received_at) + INTERVAL 3 DAY
SETTINGS ttl_only_drop_parts = 1,
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS vigie.heartbeats_by_hour ON CLUSTER `centre-1`
(
    hour       DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    site       UInt64 CODEC(Delta, ZSTD(1)),
    path       UInt8,
    heartbeats SimpleAggregateFunction(sum, UInt64),
    first_at   SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_at    SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (site, path, hour)
TTL hour + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1,
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.heartbeats_to_hours ON CLUSTER `centre-1` TO vigie.heartbeats_by_hour AS
SELECT toStartOfHour(toDateTime(received_at, 'UTC')) AS hour, site, path,
    count() AS heartbeats, min(received_at) AS first_at, max(received_at) AS last_at
FROM vigie.heartbeats
GROUP BY hour, site, path;

-- One row for each beat of a writer, empty ones too: the ticks of the log.
CREATE TABLE IF NOT EXISTS vigie.beats ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (kafka_partition, kafka_offset)
TTL toDateTime(received_at) + INTERVAL 8 DAY
SETTINGS ttl_only_drop_parts = 1,
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

-- Every record of the detections topic: opened, updated, closed. event_id is the
-- detection's id, the same for all three; received_at is when it changed.
CREATE TABLE IF NOT EXISTS vigie.detections ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, kind, event_id, kafka_offset)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS vigie.detections_current ON CLUSTER `centre-1` AS
SELECT * FROM vigie.detections ORDER BY event_id, kafka_offset DESC LIMIT 1 BY event_id;

-- Every record of the site-states topic: the history of each site's public
-- state. event_id is the event that changed it, received_at when that was.
CREATE TABLE IF NOT EXISTS vigie.site_states ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, kafka_offset)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS vigie.site_states_current ON CLUSTER `centre-1` AS
SELECT * FROM (SELECT * FROM vigie.site_states ORDER BY site, kafka_offset DESC LIMIT 1 BY site) WHERE NOT deleted;

-- Every record of the incidents topic: the history of each incident. event_id is
-- the event that opened it, received_at when this version came about. A clock
-- that was not reached is 1970-01-01.
CREATE TABLE IF NOT EXISTS vigie.incidents ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, incident, kafka_offset)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS vigie.incidents_current ON CLUSTER `centre-1` AS
SELECT * FROM (SELECT * FROM vigie.incidents ORDER BY incident, kafka_offset DESC LIMIT 1 BY incident) WHERE NOT deleted;

-- What became of each act of a person, and of each panel event not accepted.
CREATE TABLE IF NOT EXISTS vigie.outcomes ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, received_at, kafka_partition, kafka_offset)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

-- What could not become an event. The bytes stay in the log, sealed.
CREATE TABLE IF NOT EXISTS vigie.rejected ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, kafka_partition, kafka_offset)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

-- Records of any topic that could not be decoded, with the reason. received_at
-- is the time stamp that Kafka has for them.
CREATE TABLE IF NOT EXISTS vigie.undecodable ON CLUSTER `centre-1`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (topic, kafka_partition, kafka_offset)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

-- What the rules of one site say besides. facts: what a detection is about, in
-- kebab case; until_at: when it must be dealt with. consigne: the one pinned when
-- the incident opened; level: alarm validation score 0 to 4; occurred_at: the
-- panel's own time of the first alarm. Incidents on test, late arrivals and those
-- that the policy closed are told apart: they belong to no attainment.
ALTER TABLE vigie.detections ON CLUSTER `centre-1`
    ADD COLUMN IF NOT EXISTS facts Array(LowCardinality(String)),
    ADD COLUMN IF NOT EXISTS until_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1));

ALTER TABLE vigie.incidents ON CLUSTER `centre-1`
    ADD COLUMN IF NOT EXISTS consigne String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS consigne_changed Bool,
    ADD COLUMN IF NOT EXISTS level UInt8,
    ADD COLUMN IF NOT EXISTS occurred_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS late_arrival Bool,
    ADD COLUMN IF NOT EXISTS on_test Bool,
    ADD COLUMN IF NOT EXISTS auto_closed Bool;

-- The views list their columns as of when they were made.
CREATE OR REPLACE VIEW vigie.detections_current ON CLUSTER `centre-1` AS
SELECT * FROM vigie.detections ORDER BY event_id, kafka_offset DESC LIMIT 1 BY event_id;

CREATE OR REPLACE VIEW vigie.incidents_current ON CLUSTER `centre-1` AS
SELECT * FROM (SELECT * FROM vigie.incidents ORDER BY incident, kafka_offset DESC LIMIT 1 BY incident) WHERE NOT deleted;

-- What a call is by one of its steps, on the outcome of that step: one row a step.
-- A call is known by its name and the time at which it was offered.
ALTER TABLE vigie.outcomes ON CLUSTER `centre-1`
    ADD COLUMN IF NOT EXISTS call String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS call_step LowCardinality(String),
    ADD COLUMN IF NOT EXISTS call_offered_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS call_answered_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS call_answered_by LowCardinality(String),
    ADD COLUMN IF NOT EXISTS call_ended_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS call_transferred_to LowCardinality(String),
    ADD COLUMN IF NOT EXISTS call_about_site UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS call_reason LowCardinality(String),
    ADD COLUMN IF NOT EXISTS call_satisfaction UInt8,
    ADD COLUMN IF NOT EXISTS call_within_ms Int64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS call_share_percent UInt8;

-- What a detection of the fleet is about: the group, how many of its sites (alarms,
-- calls, people), of how many, its own rate in such a window in thousandths, and the
-- sites exposed, those of high risk first. Such a detection has no site (0).
ALTER TABLE vigie.detections ON CLUSTER `centre-1`
    ADD COLUMN IF NOT EXISTS group_kind LowCardinality(String),
    ADD COLUMN IF NOT EXISTS group_name LowCardinality(String),
    ADD COLUMN IF NOT EXISTS group_count UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS group_of UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS usual_milli UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS exposed Array(UInt64);

-- The view lists its columns as of when it was made.
CREATE OR REPLACE VIEW vigie.detections_current ON CLUSTER `centre-1` AS
SELECT * FROM vigie.detections ORDER BY event_id, kafka_offset DESC LIMIT 1 BY event_id;

-- refused_by names the table that ClickHouse would not have this record's row in, and
-- is empty where the record could not be decoded at all.
ALTER TABLE vigie.undecodable ON CLUSTER `centre-1`
    ADD COLUMN IF NOT EXISTS refused_by LowCardinality(String);

-- Who asks archivers to hold still, why, and until when: the newest row of each
-- holder counts. A holder that dies is forgotten when its time is over.
CREATE TABLE IF NOT EXISTS vigie.archiver_pauses ON CLUSTER `centre-1`
(
    holder  String,
    reason  String,
    until   DateTime64(3, 'UTC'),
    said_at DateTime64(6, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree(said_at)
ORDER BY holder
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

-- What a rebuild kept because the log no longer has it: rows with offsets of
-- [first_offset, end_offset), in table_name. They are as a former release wrote
-- them. newest_at is the received_at of the youngest. A rollup has no offsets:
-- there all before newest_at is kept.
CREATE TABLE IF NOT EXISTS vigie.not_rebuildable ON CLUSTER `centre-1`
(
    table_name      LowCardinality(String),
    topic           LowCardinality(String),
    kafka_partition UInt16,
    first_offset    UInt64,
    end_offset      UInt64,
    kept_rows       UInt64,
    newest_at       DateTime64(3, 'UTC'),
    reason          LowCardinality(String),
    rebuilt_at      DateTime64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree(rebuilt_at)
ORDER BY (table_name, topic, kafka_partition)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

-- What questions about a state need, without all that was before it: for each site and
-- month how its closure was, for each incident and detection whether it has ended.
-- Figures are minima, maxima and sets of bits: adding the same twice changes nothing,
-- so that what stands there already is added by this file, however often it runs.
--
-- last is kafka_offset * 8 + how the site is with that record: 0 open, 1 detected,
-- 2 declared, 3 end to confirm, 4 gone. seen has a bit for each of these.
CREATE TABLE IF NOT EXISTS vigie.site_months ON CLUSTER `centre-1`
(
    month Date CODEC(Delta, ZSTD(1)),
    site  UInt64 CODEC(Delta, ZSTD(1)),
    last  SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    seen  SimpleAggregateFunction(groupBitOr, UInt8)
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(month)
ORDER BY (month, site)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.site_states_to_months ON CLUSTER `centre-1` TO vigie.site_months AS
SELECT toStartOfMonth(received_at) AS month, site,
    max(kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0)) AS last,
    groupBitOr(toUInt8(multiIf(deleted, 16, closure = 'detected', 2, closure = 'declared', 4, closure = 'end_to_confirm', 8, 1))) AS seen
FROM vigie.site_states
GROUP BY month, site;

INSERT INTO vigie.site_months
SELECT toStartOfMonth(received_at) AS month, site,
    max(kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0)) AS last,
    groupBitOr(toUInt8(multiIf(deleted, 16, closure = 'detected', 2, closure = 'declared', 4, closure = 'end_to_confirm', 8, 1))) AS seen
FROM vigie.site_states
GROUP BY month, site
SETTINGS insert_deduplicate = 0;

-- last is kafka_offset * 2, and one more when the incident is closed or forgotten.
CREATE TABLE IF NOT EXISTS vigie.incident_days ON CLUSTER `centre-1`
(
    opened_on Date CODEC(Delta, ZSTD(1)),
    site      UInt64 CODEC(Delta, ZSTD(1)),
    incident  String CODEC(ZSTD(1)),
    last      SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    last_at   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(opened_on)
ORDER BY (opened_on, site, incident)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.incidents_to_days ON CLUSTER `centre-1` TO vigie.incident_days AS
SELECT toDate(opened_at) AS opened_on, site, incident, max(kafka_offset * 2 + (deleted OR status = 'closed')) AS last, max(received_at) AS last_at
FROM vigie.incidents
GROUP BY opened_on, site, incident;

INSERT INTO vigie.incident_days
SELECT toDate(opened_at) AS opened_on, site, incident, max(kafka_offset * 2 + (deleted OR status = 'closed')) AS last, max(received_at) AS last_at
FROM vigie.incidents
GROUP BY opened_on, site, incident
SETTINGS insert_deduplicate = 0;

-- last is kafka_offset * 2, and one more when the detection is closed.
CREATE TABLE IF NOT EXISTS vigie.detection_days ON CLUSTER `centre-1`
(
    opened_on Date CODEC(Delta, ZSTD(1)),
    site      UInt64 CODEC(Delta, ZSTD(1)),
    kind      LowCardinality(String),
    event_id  UUID,
    last      SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    last_at   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(opened_on)
ORDER BY (opened_on, site, kind, event_id)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.detections_to_days ON CLUSTER `centre-1` TO vigie.detection_days AS
SELECT toDate(opened_at) AS opened_on, site, kind, event_id, max(kafka_offset * 2 + (status = 'closed')) AS last, max(received_at) AS last_at
FROM vigie.detections
GROUP BY opened_on, site, kind, event_id;

INSERT INTO vigie.detection_days
SELECT toDate(opened_at) AS opened_on, site, kind, event_id, max(kafka_offset * 2 + (status = 'closed')) AS last, max(received_at) AS last_at
FROM vigie.detections
GROUP BY opened_on, site, kind, event_id
SETTINGS insert_deduplicate = 0;

-- What reports over a month need, without every record of it. As before, adding the same
-- twice changes nothing, and what stands there already is added by this file.
--
-- Alarms as queries/parts/is_alarm.sql has them, in order of time: one event in seven.
-- What is added twice stands there twice until it is merged: ask with FINAL.
CREATE TABLE IF NOT EXISTS vigie.alarms ON CLUSTER `centre-1`
(
    hour            DateTime('UTC') CODEC(Delta, ZSTD(1)),
    site            UInt64 CODEC(Delta, ZSTD(1)),
    received_at     DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset    UInt64 CODEC(T64, ZSTD(1)),
    kafka_index     UInt32 CODEC(T64, ZSTD(1)),
    event_id        UUID,
    class           LowCardinality(String)
)
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY toYYYYMM(hour)
PRIMARY KEY (hour, site)
ORDER BY (hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id, class)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.events_to_alarms ON CLUSTER `centre-1` TO vigie.alarms AS
SELECT toStartOfHour(toDateTime(received_at, 'UTC')) AS hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id,
    multiIf(class != '', class, kind = 'tamper', 'tamper', 'not_configured') AS class
FROM vigie.events
WHERE kind = 'alarm_raised' AND events.class NOT IN ('test', 'information')
    OR kind = 'fault_raised' AND events.class IN ('hold_up', 'duress', 'fire', 'sprinkler', 'medical', 'lone_worker', 'gas', 'tamper', 'jamming', 'substitution', 'technical_critical')
    OR kind = 'tamper' AND NOT restored
    OR kind = 'data_received';

INSERT INTO vigie.alarms (hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id, class)
SELECT toStartOfHour(toDateTime(received_at, 'UTC')) AS hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id,
    multiIf(class != '', class, kind = 'tamper', 'tamper', 'not_configured') AS class
FROM vigie.events
WHERE kind = 'alarm_raised' AND events.class NOT IN ('test', 'information')
    OR kind = 'fault_raised' AND events.class IN ('hold_up', 'duress', 'fire', 'sprinkler', 'medical', 'lone_worker', 'gas', 'tamper', 'jamming', 'substitution', 'technical_critical')
    OR kind = 'tamper' AND NOT restored
    OR kind = 'data_received'
SETTINGS insert_deduplicate = 0;

-- The clocks of each incident, in one row instead of one for each version. last is
-- kafka_offset + 1 of the last version with this class, 0 when only tombstones have it.
-- A clock that was not reached is 1970. Of a time that counts from its first word on
-- (at_risk_at, missed_at, waits_from, held_from) "not yet" is 2200. It waits from
-- waits_from to held_from, when somebody held it, or it was parked, closed or forgotten.
-- When waits_last is not before that, it waited again.
CREATE TABLE IF NOT EXISTS vigie.incident_clocks ON CLUSTER `centre-1`
(
    opened_on    Date CODEC(Delta, ZSTD(1)),
    site         UInt64 CODEC(Delta, ZSTD(1)),
    incident     String CODEC(ZSTD(1)),
    class        LowCardinality(String),
    last         SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    last_at      SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    opened_at    SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    claimed_at   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    first_act_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    verified_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    closed_at    SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    at_risk_at   SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    missed_at    SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    waits_from   SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    waits_last   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    held_from    SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    not_judged   SimpleAggregateFunction(max, UInt8)
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(opened_on)
ORDER BY (opened_on, site, incident, class)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.incidents_to_clocks ON CLUSTER `centre-1` TO vigie.incident_clocks AS
SELECT toDate(incidents.opened_at) AS opened_on, site, incident, class, if(deleted, 0, kafka_offset + 1) AS last, received_at AS last_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.opened_at) AS opened_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.claimed_at) AS claimed_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.first_act_at) AS first_act_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.verified_at) AS verified_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.closed_at) AS closed_at,
    if(deleted OR incidents.at_risk_at <= toDateTime64(0, 3, 'UTC'), toDateTime64(7258118400, 3, 'UTC'), incidents.at_risk_at) AS at_risk_at,
    if(deleted OR incidents.missed_at <= toDateTime64(0, 3, 'UTC'), toDateTime64(7258118400, 3, 'UTC'), incidents.missed_at) AS missed_at,
    if(NOT deleted AND claimed_by = '' AND status NOT IN ('closed', 'parked'), received_at, toDateTime64(7258118400, 3, 'UTC')) AS waits_from,
    if(NOT deleted AND claimed_by = '' AND status NOT IN ('closed', 'parked'), received_at, toDateTime64(0, 3, 'UTC')) AS waits_last,
    if(NOT deleted AND claimed_by = '' AND status NOT IN ('closed', 'parked'), toDateTime64(7258118400, 3, 'UTC'), received_at) AS held_from,
    toUInt8(NOT deleted AND (on_test OR auto_closed)) AS not_judged
FROM vigie.incidents;

INSERT INTO vigie.incident_clocks (opened_on, site, incident, class, last, last_at, opened_at, claimed_at, first_act_at, verified_at, closed_at, at_risk_at, missed_at, waits_from, waits_last, held_from, not_judged)
SELECT toDate(incidents.opened_at) AS opened_on, site, incident, class, if(deleted, 0, kafka_offset + 1) AS last, received_at AS last_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.opened_at) AS opened_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.claimed_at) AS claimed_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.first_act_at) AS first_act_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.verified_at) AS verified_at,
    if(deleted, toDateTime64(0, 3, 'UTC'), incidents.closed_at) AS closed_at,
    if(deleted OR incidents.at_risk_at <= toDateTime64(0, 3, 'UTC'), toDateTime64(7258118400, 3, 'UTC'), incidents.at_risk_at) AS at_risk_at,
    if(deleted OR incidents.missed_at <= toDateTime64(0, 3, 'UTC'), toDateTime64(7258118400, 3, 'UTC'), incidents.missed_at) AS missed_at,
    if(NOT deleted AND claimed_by = '' AND status NOT IN ('closed', 'parked'), received_at, toDateTime64(7258118400, 3, 'UTC')) AS waits_from,
    if(NOT deleted AND claimed_by = '' AND status NOT IN ('closed', 'parked'), received_at, toDateTime64(0, 3, 'UTC')) AS waits_last,
    if(NOT deleted AND claimed_by = '' AND status NOT IN ('closed', 'parked'), toDateTime64(7258118400, 3, 'UTC'), received_at) AS held_from,
    toUInt8(NOT deleted AND (on_test OR auto_closed)) AS not_judged
FROM vigie.incidents
SETTINGS insert_deduplicate = 0;

-- What sites were closed, and when, without every record of their states: a row for
-- each change of a closure, which all records until the next one name. Those of before
-- the field name none and stand for themselves; a tombstone is one. Figures are maxima:
-- adding the same twice changes nothing, and what stands there already is added here.
--
-- last is kafka_offset * 8 + how the site is since then: 0 open, 1 detected, 2 declared,
-- 3 end to confirm, 4 gone. A site may stay as it is for years, so parts are by year.
ALTER TABLE vigie.site_states ON CLUSTER `centre-1`
    ADD COLUMN IF NOT EXISTS closure_changed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1));

CREATE OR REPLACE VIEW vigie.site_states_current ON CLUSTER `centre-1` AS
SELECT * FROM (SELECT * FROM vigie.site_states ORDER BY site, kafka_offset DESC LIMIT 1 BY site) WHERE NOT deleted;

CREATE TABLE IF NOT EXISTS vigie.closures ON CLUSTER `centre-1`
(
    site       UInt64 CODEC(Delta, ZSTD(1)),
    changed_at DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    last       SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYear(changed_at)
ORDER BY (site, changed_at)
SETTINGS
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.site_states_to_closures ON CLUSTER `centre-1` TO vigie.closures AS
SELECT site, if(deleted OR closure_changed_at <= toDateTime64(0, 3, 'UTC'), received_at, closure_changed_at) AS changed_at,
    max(kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0)) AS last
FROM vigie.site_states
GROUP BY site, changed_at;

-- Not grouped: merges do that, and of old records each is a row, more than fit in memory.
INSERT INTO vigie.closures (site, changed_at, last)
SELECT site, if(deleted OR closure_changed_at <= toDateTime64(0, 3, 'UTC'), received_at, closure_changed_at) AS changed_at,
    kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0) AS last
FROM vigie.site_states
SETTINGS insert_deduplicate = 0;

-- What is written for an older month leaves small parts beside a large one, which no merge
-- takes up for their size. Answers that look for what has not ended find it ended only
-- once they are merged: past months of rollups become one part soon.
ALTER TABLE vigie.alarms ON CLUSTER `centre-1` MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE vigie.detection_days ON CLUSTER `centre-1` MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE vigie.incident_clocks ON CLUSTER `centre-1` MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE vigie.incident_days ON CLUSTER `centre-1` MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE vigie.site_months ON CLUSTER `centre-1` MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

-- In which hours of a day each path was heard, a bit each: what a month of heartbeats
-- says of their regularity, in a row a day instead of 24. A set: adding the same twice
-- changes nothing, and the hours that stand there already are added here.
CREATE TABLE IF NOT EXISTS vigie.heartbeats_by_day ON CLUSTER `centre-1`
(
    day   Date CODEC(Delta, ZSTD(1)),
    site  UInt64 CODEC(Delta, ZSTD(1)),
    path  UInt8,
    hours SimpleAggregateFunction(groupBitOr, UInt32)
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, path, day)
TTL day + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1,
    replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS vigie.heartbeats_to_days ON CLUSTER `centre-1` TO vigie.heartbeats_by_day AS
SELECT toDate(received_at) AS day, site, path, groupBitOr(bitShiftLeft(1::UInt32, toHour(received_at))) AS hours
FROM vigie.heartbeats
GROUP BY day, site, path;

-- Not grouped: merges do that, and 400 days of all paths are more than fit in memory.
INSERT INTO vigie.heartbeats_by_day (day, site, path, hours)
SELECT toDate(hour) AS day, site, path, bitShiftLeft(1::UInt32, toHour(hour)) AS hours
FROM vigie.heartbeats_by_hour
SETTINGS insert_deduplicate = 0;

CREATE DATABASE IF NOT EXISTS vigie ON CLUSTER `centre-1`;

DROP DATABASE IF EXISTS vigie ON CLUSTER `centre-1`;

EXCHANGE TABLES vigie.events AND vigie_rebuild.events, vigie.beats AND vigie_rebuild.beats ON CLUSTER `centre-1`;

CREATE TABLE IF NOT EXISTS vigie.rebuild_phases ON CLUSTER `centre-1` (phase String) ENGINE = ReplicatedMergeTree ORDER BY phase SETTINGS fsync_after_insert = 1;

