event_id NOT IN (SELECT event_id FROM {db}.outcomes WHERE status = 'heard_again' AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
