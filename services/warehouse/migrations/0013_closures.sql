-- What sites were closed, and when, without every record of their states: a row for
-- each change of a closure, which all records until the next one name. Those of before
-- the field name none and stand for themselves; a tombstone is one. Figures are maxima:
-- adding the same twice changes nothing, and what stands there already is added here.
--
-- last is kafka_offset * 8 + how the site is since then: 0 open, 1 detected, 2 declared,
-- 3 end to confirm, 4 gone. A site may stay as it is for years, so parts are by year.
ALTER TABLE {db}.site_states
    ADD COLUMN IF NOT EXISTS closure_changed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1));

CREATE OR REPLACE VIEW {db}.site_states_current AS
SELECT * FROM (SELECT * FROM {db}.site_states ORDER BY site, kafka_offset DESC LIMIT 1 BY site) WHERE NOT deleted;

CREATE TABLE IF NOT EXISTS {db}.closures
(
    site       UInt64 CODEC(Delta, ZSTD(1)),
    changed_at DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    last       SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(changed_at)
ORDER BY (site, changed_at)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.site_states_to_closures TO {db}.closures AS
SELECT site, if(deleted OR closure_changed_at <= toDateTime64(0, 3, 'UTC'), received_at, closure_changed_at) AS changed_at,
    max(kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0)) AS last
FROM {db}.site_states
GROUP BY site, changed_at;

-- Not grouped: merges do that, and of old records each is a row, more than fit in memory.
INSERT INTO {db}.closures (site, changed_at, last)
SELECT site, if(deleted OR closure_changed_at <= toDateTime64(0, 3, 'UTC'), received_at, closure_changed_at) AS changed_at,
    kafka_offset * 8 + multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0) AS last
FROM {db}.site_states
SETTINGS insert_deduplicate = 0;

-- What is written for an older month leaves small parts beside a large one, which no merge
-- takes up for their size. Answers that look for what has not ended find it ended only
-- once they are merged: past months of rollups become one part soon.
ALTER TABLE {db}.alarms MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE {db}.detection_days MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE {db}.incident_clocks MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE {db}.incident_days MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE {db}.site_months MODIFY SETTING min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1;
