(
    SELECT site, fromUnixTimestamp64Milli(toInt64(0), 'UTC') AS received_at, intDiv(max(last), 8) AS kafka_offset, toUInt8(max(last) % 8) AS code
    FROM {db}.site_months
    WHERE month < toDate({from_month})
    GROUP BY site
    UNION ALL
    SELECT site, received_at, kafka_offset, {closure_code} AS code
    FROM {db}.site_states
    WHERE received_at >= {from_month} AND {received_before} AND site IN {changing_sites}
)
