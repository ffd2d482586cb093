(
    SELECT site
    FROM
    (
        SELECT site, bitShiftLeft(toUInt8(1), toUInt8(max(last) % 8)) AS bits, 1 AS known
        FROM {db}.site_months WHERE month < toDate({from_month}) GROUP BY site
        UNION ALL
        SELECT site, seen AS bits, 0 AS known
        FROM {db}.site_months WHERE month >= toDate({from_month}) AND month <= toDate(fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
    )
    GROUP BY site
    HAVING bitCount(groupBitOr(bits)) > 1 OR max(known) = 0
)
