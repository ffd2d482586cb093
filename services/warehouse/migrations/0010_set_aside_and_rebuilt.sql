-- refused_by names the table that ClickHouse would not have this record's row in, and
-- is empty where the record could not be decoded at all.
ALTER TABLE {db}.undecodable
    ADD COLUMN IF NOT EXISTS refused_by LowCardinality(String);

-- Who asks archivers to hold still, why, and until when: the newest row of each
-- holder counts. A holder that dies is forgotten when its time is over.
CREATE TABLE IF NOT EXISTS {db}.archiver_pauses
(
    holder  String,
    reason  String,
    until   DateTime64(3, 'UTC'),
    said_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(said_at)
ORDER BY holder
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What a rebuild kept because the log no longer has it: rows with offsets of
-- [first_offset, end_offset), in table_name. They are as a former release wrote
-- them. newest_at is the received_at of the youngest. A rollup has no offsets:
-- there all before newest_at is kept.
CREATE TABLE IF NOT EXISTS {db}.not_rebuildable
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
ENGINE = ReplacingMergeTree(rebuilt_at)
ORDER BY (table_name, topic, kafka_partition)
SETTINGS
    non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
