(
    SELECT site, argMax(label, kafka_offset) AS label, argMax(site_groups, kafka_offset) AS site_groups
    FROM {db}.site_states
    WHERE received_at >= {lately_from} AND {received_before} AND site IN (SELECT arrayJoin(listed).1)
    GROUP BY site
    HAVING NOT argMax(deleted, kafka_offset)
    UNION ALL
    SELECT site, label, site_groups
    FROM {db}.site_states
    WHERE NOT deleted AND received_at < {lately_from} AND (site, kafka_offset) IN
    (
        SELECT site, intDiv(max(last), 8)
        FROM {db}.site_months
        WHERE month < toDate({lately_from}) AND site IN
        (
            SELECT arrayJoin(listed).1 AS its_site
            WHERE its_site NOT IN (SELECT site FROM {db}.site_states WHERE received_at >= {lately_from} AND {received_before} AND site IN (SELECT arrayJoin(listed).1))
        )
        GROUP BY site
    )
)
