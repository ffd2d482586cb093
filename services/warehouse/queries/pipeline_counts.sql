-- What passed through the pipeline in a window: how many of each, and the time
-- stamp of the youngest beat that is archived.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column events count records of panels, people and the system
-- column heartbeats count polls of panels
-- column beats count beats of receivers and desks
-- column detections count detections opened
-- column incidents count incidents opened
-- column rejected count what could not become an event
-- column undecodable count records that could not be decoded
-- column newest_beat time the youngest beat that is archived, of any time
SELECT
    assumeNotNull((SELECT count() FROM {db}.events WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))) AS events,
    assumeNotNull((SELECT count() FROM {db}.heartbeats WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))) AS heartbeats,
    assumeNotNull((SELECT count() FROM {db}.beats WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))) AS beats,
    assumeNotNull((SELECT count() FROM {db}.detections WHERE status = 'opened' AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))) AS detections,
    assumeNotNull((SELECT uniqExact(incident) FROM {db}.incidents WHERE NOT deleted AND {received_from} AND opened_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND opened_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))) AS incidents,
    assumeNotNull((SELECT count() FROM {db}.rejected WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))) AS rejected,
    assumeNotNull((SELECT count() FROM {db}.undecodable WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))) AS undecodable,
    assumeNotNull((SELECT max(received_at) FROM {db}.beats)) AS newest_beat
