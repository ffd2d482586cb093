(
    SELECT site, greatest(changed_at, fromUnixTimestamp64Milli({from:Int64} - 1, 'UTC')) AS since, max(last) AS known, toUInt8(known % 8) AS code
    FROM {db}.closures
    WHERE changed_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    GROUP BY site, since
)
