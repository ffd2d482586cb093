-- What a detection of the fleet is about: the group, how many of its sites (alarms,
-- calls, people), of how many, its own rate in such a window in thousandths, and the
-- sites exposed, those of high risk first. Such a detection has no site (0).
ALTER TABLE {db}.detections
    ADD COLUMN IF NOT EXISTS group_kind LowCardinality(String),
    ADD COLUMN IF NOT EXISTS group_name LowCardinality(String),
    ADD COLUMN IF NOT EXISTS group_count UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS group_of UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS usual_milli UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS exposed Array(UInt64);

-- The view lists its columns as of when it was made.
CREATE OR REPLACE VIEW {db}.detections_current AS
SELECT * FROM {db}.detections ORDER BY event_id, kafka_offset DESC LIMIT 1 BY event_id;
