(
    SELECT opened_on, site, incident
    FROM {db}.incident_days
    WHERE (opened_on, site) IN (SELECT opened_on, site FROM {db}.incident_days WHERE (last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({to:Int64}, 'UTC')))
    GROUP BY opened_on, site, incident
    HAVING max(last) % 2 = 0 OR max(last_at) >= fromUnixTimestamp64Milli({to:Int64}, 'UTC')
)
