(
    SELECT incident, any(site) AS site, argMax(class, last) AS last_class, toUnixTimestamp64Milli(max(opened_at)) AS opened,
        if(min(at_risk_at) < {not_yet}, toUnixTimestamp64Milli(min(at_risk_at)), 0) AS first_ms,
        if(min(missed_at) < {not_yet}, toUnixTimestamp64Milli(min(missed_at)), 0) AS second_ms,
        toUnixTimestamp64Milli(max(claimed_at)) AS claimed, toUnixTimestamp64Milli(max(first_act_at)) AS acted,
        toUnixTimestamp64Milli(max(closed_at)) AS closed,
        if(claimed > 0 AND acted > 0, greatest(claimed, acted), closed) AS answered_ms
    FROM {db}.incident_clocks
    WHERE last > 0 AND {opened_on_days}
    GROUP BY incident
    HAVING NOT max(not_judged)
        AND opened >= {from:Int64} AND opened < {to:Int64} AND second_ms > 0 AND (answered_ms > 0 OR second_ms <= {to:Int64})
)
