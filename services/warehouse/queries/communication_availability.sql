-- What part of the time sites could be heard in a range: lost communications
-- against the time that sites lived in it. A loss counts from its detection, so
-- what passed before it was detected does not; one that lasts counts to the end of
-- the range.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column outages count lost communications with a part of them in the range
-- column sites count sites that had one
-- column lost_ms ms time in the range in which communication was lost, summed
-- column longest_ms ms the longest of them in the range
-- column site_ms ms time that sites lived in the range, summed
-- column availability share what is left of site_ms; null without sites
WITH
changes AS
(
    SELECT {to:Int64} - greatest(toUnixTimestamp64Milli(since), {from:Int64}) AS left_ms, toInt64(code != 4) AS living,
        lagInFrame(living, 1, 0) OVER history AS living_before
    FROM {closures}
    WINDOW history AS (PARTITION BY site ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
lost AS (SELECT count() AS n, uniqExact(site) AS sites_lost, sum(ended - began) AS sum_ms, max(ended - began) AS max_ms FROM {outages}),
lived AS (SELECT sum((living - living_before) * left_ms) AS living_ms FROM changes)
SELECT n AS outages, sites_lost AS sites, toInt64(sum_ms) AS lost_ms, toInt64(max_ms) AS longest_ms, toInt64(living_ms) AS site_ms,
    if(living_ms = 0, NULL, 1 - sum_ms / living_ms) AS availability
FROM lost CROSS JOIN lived
