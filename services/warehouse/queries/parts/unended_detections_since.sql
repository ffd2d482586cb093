(
    SELECT opened_on, site, kind, event_id
    FROM {db}.detection_days
    WHERE (opened_on, site) IN (SELECT opened_on, site FROM {db}.detection_days WHERE (last % 2 = 0 OR last_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')))
    GROUP BY opened_on, site, kind, event_id
    HAVING max(last) % 2 = 0 OR max(last_at) >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
)
