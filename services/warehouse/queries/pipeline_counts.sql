-- What passed through the pipeline in a window: how many of each, and the time
-- stamp of the youngest beat that is archived.
SELECT
    (SELECT count() FROM {db}.events WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS events,
    (SELECT count() FROM {db}.heartbeats WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS heartbeats,
    (SELECT count() FROM {db}.beats WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS beats,
    (SELECT count() FROM {db}.detections WHERE status = 'opened' AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS detections,
    (SELECT uniqExact(incident) FROM {db}.incidents WHERE NOT deleted AND opened_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND opened_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS incidents,
    (SELECT count() FROM {db}.rejected WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS rejected,
    (SELECT count() FROM {db}.undecodable WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS undecodable,
    (SELECT max(received_at) FROM {db}.beats) AS newest_beat
