-- What reports over a month need, without every record of it. As before, adding the same
-- twice changes nothing, and what stands there already is added by this file.
--
-- Alarms as queries/parts/is_alarm.sql has them, in order of time: one event in seven.
-- What is added twice stands there twice until it is merged: ask with FINAL.
CREATE TABLE IF NOT EXISTS {db}.alarms
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
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
PRIMARY KEY (hour, site)
ORDER BY (hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id, class)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.events_to_alarms TO {db}.alarms AS
SELECT toStartOfHour(toDateTime(received_at, 'UTC')) AS hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id,
    multiIf(class != '', class, kind = 'tamper', 'tamper', 'not_configured') AS class
FROM {db}.events
WHERE kind = 'alarm_raised' AND events.class NOT IN ('test', 'information')
    OR kind = 'fault_raised' AND events.class IN ('hold_up', 'duress', 'fire', 'sprinkler', 'medical', 'lone_worker', 'gas', 'tamper', 'jamming', 'substitution', 'technical_critical')
    OR kind = 'tamper' AND NOT restored
    OR kind = 'data_received';

INSERT INTO {db}.alarms (hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id, class)
SELECT toStartOfHour(toDateTime(received_at, 'UTC')) AS hour, site, received_at, kafka_partition, kafka_offset, kafka_index, event_id,
    multiIf(class != '', class, kind = 'tamper', 'tamper', 'not_configured') AS class
FROM {db}.events
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
CREATE TABLE IF NOT EXISTS {db}.incident_clocks
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(opened_on)
ORDER BY (opened_on, site, incident, class)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.incidents_to_clocks TO {db}.incident_clocks AS
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
FROM {db}.incidents;

INSERT INTO {db}.incident_clocks (opened_on, site, incident, class, last, last_at, opened_at, claimed_at, first_act_at, verified_at, closed_at, at_risk_at, missed_at, waits_from, waits_last, held_from, not_judged)
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
FROM {db}.incidents
SETTINGS insert_deduplicate = 0;
