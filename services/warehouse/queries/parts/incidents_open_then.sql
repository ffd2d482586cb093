{received_before} AND (site, incident) IN (SELECT site, incident FROM {db}.incident_days WHERE last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
