received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {db}.incident_days WHERE opened_on > '1970-01-01' AND (last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')))
        AND (site, incident) IN (SELECT site, incident FROM {db}.incident_days WHERE last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
