-- What a call is by one of its steps, on the outcome of that step: one row a step.
-- A call is known by its name and the time at which it was offered.
ALTER TABLE {db}.outcomes
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
