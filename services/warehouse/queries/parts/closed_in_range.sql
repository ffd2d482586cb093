(
    SELECT incident, argMax(class, kafka_offset) AS last_class, argMax(outcome, kafka_offset) AS last_outcome, argMax(closed_by, kafka_offset) AS last_closed_by,
        toUnixTimestamp64Milli(max(claimed_at)) AS claimed, toUnixTimestamp64Milli(max(closed_at)) AS closed
    FROM {db}.incidents
    WHERE NOT deleted AND {received_from}
    GROUP BY incident
    HAVING closed >= {from:Int64} AND closed < {to:Int64} AND closed > 0
)
