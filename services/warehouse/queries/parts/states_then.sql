(
    SELECT *
    FROM {db}.site_states
    WHERE received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    ORDER BY site, kafka_offset DESC
    LIMIT 1 BY site
)
