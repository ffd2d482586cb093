-- What the rules of one site say besides. facts: what a detection is about, in
-- kebab case; until_at: when it must be dealt with. consigne: the one pinned when
-- the incident opened; level: alarm validation score 0 to 4; occurred_at: the
-- panel's own time of the first alarm. Incidents on test, late arrivals and those
-- that the policy closed are told apart: they belong to no attainment.
ALTER TABLE {db}.detections
    ADD COLUMN IF NOT EXISTS facts Array(LowCardinality(String)),
    ADD COLUMN IF NOT EXISTS until_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1));

ALTER TABLE {db}.incidents
    ADD COLUMN IF NOT EXISTS consigne String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS consigne_changed Bool,
    ADD COLUMN IF NOT EXISTS level UInt8,
    ADD COLUMN IF NOT EXISTS occurred_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS late_arrival Bool,
    ADD COLUMN IF NOT EXISTS on_test Bool,
    ADD COLUMN IF NOT EXISTS auto_closed Bool;

-- The views list their columns as of when they were made.
CREATE OR REPLACE VIEW {db}.detections_current AS
SELECT * FROM {db}.detections ORDER BY event_id, kafka_offset DESC LIMIT 1 BY event_id;

CREATE OR REPLACE VIEW {db}.incidents_current AS
SELECT * FROM (SELECT * FROM {db}.incidents ORDER BY incident, kafka_offset DESC LIMIT 1 BY incident) WHERE NOT deleted;
