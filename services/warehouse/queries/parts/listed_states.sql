(
    SELECT site, argMax(label, kafka_offset) AS label, argMax(site_groups, kafka_offset) AS site_groups
    FROM {db}.site_states
    WHERE {received_before} AND site IN (SELECT arrayJoin(listed).1) AND received_at >=
    (
        SELECT toDateTime64(min(its_month), 3, 'UTC')
        FROM
        (
            SELECT max(month) AS its_month
            FROM {db}.site_months
            WHERE month < toStartOfMonth(fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AND site IN (SELECT arrayJoin(listed).1)
            GROUP BY site
        )
    )
    GROUP BY site
    HAVING NOT argMax(deleted, kafka_offset)
)
