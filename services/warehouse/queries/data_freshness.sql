-- How old the archived data is as of a time: the newest beat of the partition
-- that lags most, of those that had beats in the last day. No row when there was
-- no beat.
-- param to Int64 time the state as of then
-- column newest_beat time newest archived beat of the slowest partition
-- column age_ms ms how old that is
SELECT min(newest) AS newest_beat, {to:Int64} - toUnixTimestamp64Milli(newest_beat) AS age_ms
FROM
(
    SELECT kafka_partition, max(received_at) AS newest
    FROM {db}.beats
    WHERE received_at >= fromUnixTimestamp64Milli({to:Int64} - 86400000, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    GROUP BY kafka_partition
)
HAVING count() > 0
