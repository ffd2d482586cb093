(
    SELECT incident, any(site) AS site, argMax(class, last) AS last_class, toUnixTimestamp64Milli(max(opened_at)) AS opened,
        toUnixTimestamp64Milli(max(claimed_at)) AS claimed, toUnixTimestamp64Milli(max(first_act_at)) AS acted,
        toUnixTimestamp64Milli(max(verified_at)) AS verified, toUnixTimestamp64Milli(max(closed_at)) AS closed
    FROM {db}.incident_clocks
    WHERE last > 0 AND {opened_on_days}
    GROUP BY incident
    HAVING opened >= {from:Int64} AND opened < {to:Int64}
)
