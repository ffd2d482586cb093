-- How regularly paths were heard, by group of sites (carrier, region, installer) and
-- number of the path, in the whole hours of a range, UTC. Sites are those that live at
-- its end, their paths those with a heartbeat in such an hour, each from its first on. A
-- silence is hours on end without one: between two heartbeats it was longer, by less than
-- two hours, and what is shorter than an hour is not seen. Hours stay for 400 days.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column site_group - name of the group
-- column path - number of the path
-- column paths count paths of that number of its sites that were heard
-- column hours count hours of the range since each was first heard, summed
-- column hours_heard count of them, hours with a heartbeat
-- column share_heard share hours_heard over hours
-- column p50_silence_ms ms longest silence of a path, half have a shorter one
-- column p95_silence_ms ms 95 % have a shorter one
-- column max_silence_ms ms the longest of all
WITH
intDiv({from:Int64} + 3599999, 3600000) AS first_hour, intDiv({to:Int64}, 3600000) AS end_hour,
paths_heard AS
(
    SELECT its_site, its_path, arraySort(groupArray((low, high))) AS spans, sum(bitCount(heard)) AS n_heard, max(within) AS longest_within,
        arrayMax(arrayMap((span, next) -> next - span.2 - 1, spans, arrayPushBack(arrayPopFront(spans.1), end_hour))) AS longest_between,
        toInt64(greatest(longest_within, longest_between)) AS silent, toUInt64(end_hour - spans[1].1) AS n_hours
    FROM
    (
        SELECT its_site, its_path, heard, midnight + bitCount(bitXor(heard, heard - 1)) - 1 AS low, midnight + toInt64(floor(log2(heard))) AS high,
            if(bitCount(heard) = high - low + 1, 0, arrayMax(arrayDifference(bitPositionsToArray(heard))) - 1) AS within
        FROM
        (
            SELECT site AS its_site, path AS its_path, intDiv(toInt64(toUnixTimestamp(day)), 3600) AS midnight,
                bitAnd(hours, bitShiftLeft(1::UInt32, greatest(least(end_hour - midnight, 24), 0)) - bitShiftLeft(1::UInt32, greatest(least(first_hour - midnight, 24), 0))) AS heard
            FROM {db}.heartbeats_by_day FINAL
            WHERE day >= toDate(fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AND day <= toDate(fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
                AND first_hour < end_hour AND heard != 0
        )
    )
    GROUP BY its_site, its_path
)
SELECT site_group, toUInt64(h.its_path) AS path, count() AS paths, sum(h.n_hours) AS hours, sum(h.n_heard) AS hours_heard, hours_heard / hours AS share_heard,
    quantileExact(0.5)(h.silent) * 3600000 AS p50_silence_ms, quantileExact(0.95)(h.silent) * 3600000 AS p95_silence_ms, max(h.silent) * 3600000 AS max_silence_ms
FROM (SELECT site, arrayJoin(site_groups) AS site_group FROM {states_then} WHERE NOT deleted) AS s
INNER JOIN paths_heard AS h ON h.its_site = s.site
GROUP BY site_group, path
ORDER BY site_group, path
