{received_before} AND received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {db}.detection_days WHERE last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
        AND (site, kind, event_id) IN (SELECT site, kind, event_id FROM {db}.detection_days WHERE last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
