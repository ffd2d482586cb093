(
    SELECT incident, any(site) AS site, argMax(class, kafka_offset) AS last_class, toUnixTimestamp64Milli(max(opened_at)) AS opened,
        minIf(toUnixTimestamp64Milli(at_risk_at), toUnixTimestamp64Milli(at_risk_at) > 0) AS first_ms,
        minIf(toUnixTimestamp64Milli(missed_at), toUnixTimestamp64Milli(missed_at) > 0) AS second_ms,
        toUnixTimestamp64Milli(max(claimed_at)) AS claimed, toUnixTimestamp64Milli(max(first_act_at)) AS acted,
        toUnixTimestamp64Milli(max(closed_at)) AS closed,
        if(claimed > 0 AND acted > 0, greatest(claimed, acted), closed) AS answered_ms
    FROM {db}.incidents
    WHERE NOT deleted AND {received_from}
    GROUP BY incident
    HAVING NOT max(on_test) AND NOT max(auto_closed)
        AND opened >= {from:Int64} AND opened < {to:Int64} AND second_ms > 0 AND (answered_ms > 0 OR second_ms <= {to:Int64})
)
