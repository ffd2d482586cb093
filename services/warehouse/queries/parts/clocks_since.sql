last > 0 AND ({opened_on_days} OR (opened_on, site) IN (SELECT opened_on, site FROM {db}.incident_clocks
        WHERE last > 0 AND opened_on < toDate(fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AND (last_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') OR closed_at <= toDateTime64(0, 3, 'UTC'))))
