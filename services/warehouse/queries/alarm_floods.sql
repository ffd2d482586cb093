-- Ten minutes, counted from the hour, in which more alarms came than those who acted
-- then can take: more than so many for each (ANSI/ISA-18.2 calls ten a flood).
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param per_operator UInt32 count alarms in ten minutes that one operator can take
-- column began_at time when the ten minutes began
-- column alarms count accepted alarms
-- column operators count people who acted
-- column per_operator ratio alarms for each of them, or for one when nobody acted
SELECT fromUnixTimestamp64Milli(slot * 600000, 'UTC') AS began_at, n AS alarms, people AS operators, n / greatest(people, 1) AS per_operator
FROM
(
    SELECT slot, sum(alarm) AS n, toUInt64(sum(acting)) AS people
    FROM
    (
        SELECT intDiv(toUnixTimestamp64Milli(received_at), 600000) AS slot, count() AS alarm, toUInt64(0) AS acting
        FROM {accepted_alarms}
        GROUP BY slot
        UNION ALL
        SELECT intDiv(toUnixTimestamp64Milli(received_at), 600000) AS slot, toUInt64(0) AS alarm, uniqExact(operator) AS acting
        FROM {db}.events
        WHERE origin = 'user' AND operator != '' AND {in_range}
        GROUP BY slot
    )
    GROUP BY slot
)
WHERE alarms > {per_operator:UInt32} * greatest(people, 1)
ORDER BY began_at
