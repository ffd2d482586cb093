-- What questions about a state need, without all that was before it: for each site and
-- month how its closure was, for each incident and detection whether it has ended.
-- Figures are minima, maxima and sets of bits: adding the same twice changes nothing,
-- so that what stands there already is added by this file, however often it runs.
--
-- last is kafka_offset * 8 + how the site is with that record: 0 open, 1 detected,
-- 2 declared, 3 end to confirm, 4 gone. seen has a bit for each of these.
CREATE TABLE IF NOT EXISTS {db}.site_months
(
    month Date CODEC(Delta, ZSTD(1)),
    site  UInt64 CODEC(Delta, ZSTD(1)),
    last  SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    seen  SimpleAggregateFunction(groupBitOr, UInt8)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(month)
ORDER BY (month, site)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.site_states_to_months TO {db}.site_months AS
SELECT toStartOfMonth(received_at) AS month, site,
    max(kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0)) AS last,
    groupBitOr(toUInt8(multiIf(deleted, 16, closure = 'detected', 2, closure = 'declared', 4, closure = 'end_to_confirm', 8, 1))) AS seen
FROM {db}.site_states
GROUP BY month, site;

INSERT INTO {db}.site_months
SELECT toStartOfMonth(received_at) AS month, site,
    max(kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0)) AS last,
    groupBitOr(toUInt8(multiIf(deleted, 16, closure = 'detected', 2, closure = 'declared', 4, closure = 'end_to_confirm', 8, 1))) AS seen
FROM {db}.site_states
GROUP BY month, site
SETTINGS insert_deduplicate = 0;

-- last is kafka_offset * 2, and one more when the incident is closed or forgotten.
CREATE TABLE IF NOT EXISTS {db}.incident_days
(
    opened_on Date CODEC(Delta, ZSTD(1)),
    site      UInt64 CODEC(Delta, ZSTD(1)),
    incident  String CODEC(ZSTD(1)),
    last      SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    last_at   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(opened_on)
ORDER BY (opened_on, site, incident)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.incidents_to_days TO {db}.incident_days AS
SELECT toDate(opened_at) AS opened_on, site, incident, max(kafka_offset * 2 + (deleted OR status = 'closed')) AS last, max(received_at) AS last_at
FROM {db}.incidents
GROUP BY opened_on, site, incident;

INSERT INTO {db}.incident_days
SELECT toDate(opened_at) AS opened_on, site, incident, max(kafka_offset * 2 + (deleted OR status = 'closed')) AS last, max(received_at) AS last_at
FROM {db}.incidents
GROUP BY opened_on, site, incident
SETTINGS insert_deduplicate = 0;

-- last is kafka_offset * 2, and one more when the detection is closed.
CREATE TABLE IF NOT EXISTS {db}.detection_days
(
    opened_on Date CODEC(Delta, ZSTD(1)),
    site      UInt64 CODEC(Delta, ZSTD(1)),
    kind      LowCardinality(String),
    event_id  UUID,
    last      SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    last_at   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(opened_on)
ORDER BY (opened_on, site, kind, event_id)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.detections_to_days TO {db}.detection_days AS
SELECT toDate(opened_at) AS opened_on, site, kind, event_id, max(kafka_offset * 2 + (status = 'closed')) AS last, max(received_at) AS last_at
FROM {db}.detections
GROUP BY opened_on, site, kind, event_id;

INSERT INTO {db}.detection_days
SELECT toDate(opened_at) AS opened_on, site, kind, event_id, max(kafka_offset * 2 + (status = 'closed')) AS last, max(received_at) AS last_at
FROM {db}.detections
GROUP BY opened_on, site, kind, event_id
SETTINGS insert_deduplicate = 0;
