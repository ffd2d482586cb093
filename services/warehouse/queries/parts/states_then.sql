(
    SELECT *
    FROM {db}.site_states
    WHERE received_at >= {lately_from} AND {received_before}
        AND (site, kafka_offset) IN (SELECT site, max(kafka_offset) FROM {db}.site_states WHERE received_at >= {lately_from} AND {received_before} GROUP BY site)
    UNION ALL
    SELECT *
    FROM {db}.site_states
    WHERE received_at < {lately_from}
        AND (site, kafka_offset) IN (SELECT site, intDiv(max(last), 8) FROM {db}.site_months WHERE month < toDate({lately_from}) AND site IN
            (SELECT site FROM {db}.closures WHERE site NOT IN (SELECT site FROM {db}.site_states WHERE received_at >= {lately_from} AND {received_before})) GROUP BY site)
)
