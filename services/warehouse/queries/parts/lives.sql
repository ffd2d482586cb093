(
    SELECT site, fromUnixTimestamp64Milli(toInt64(0), 'UTC') AS received_at, intDiv(max(last), 8) AS kafka_offset, toInt64(max(last) % 8 != 4) AS living
    FROM {db}.site_months
    WHERE month < toDate({from_month})
    GROUP BY site
    UNION ALL
    SELECT site, received_at, kafka_offset, toInt64(NOT deleted) AS living
    FROM {db}.site_states
    WHERE received_at >= {from_month} AND {received_before} AND site IN
    (
        SELECT site FROM {db}.site_months WHERE month <= toDate(fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
        GROUP BY site HAVING bitAnd(groupBitOr(seen), 16) > 0 OR min(month) >= toDate({from_month})
    )
)
