{received_before} AND (site, kind, event_id) IN (SELECT site, kind, event_id FROM {db}.detection_days WHERE last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
