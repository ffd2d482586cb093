-- What part of the sites is closed around the clock at the end of a range, and
-- what part of the accepted alarms of the range came from sites that were closed
-- when the alarm was received. The two rates are comparable whatever the length
-- of the range and however fast closures grow in it: they divide by the time that
-- sites stood closed, or did not.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column closed_sites count sites closed around the clock at the end
-- column all_sites count sites at the end
-- column share_of_sites share closed_sites over all_sites; 0 without sites
-- column alarms_closed count accepted alarms of sites closed at their receipt
-- column alarms_all count accepted alarms
-- column share_of_alarms share alarms_closed over alarms_all; 0 without alarms
-- column alarms_per_100_closed per_day alarms a day for each 100 closed sites; null when none was closed
-- column alarms_per_100_others per_day alarms a day for each 100 sites that were not closed; null when there was none
-- column closed_site_days days time that sites were closed in the range, summed
-- column other_site_days days time that the other sites lived in the range, summed
WITH
changes AS
(
    SELECT {to:Int64} - greatest(toUnixTimestamp64Milli(since), {from:Int64}) AS left_ms,
        toInt64({is_closed_code}) AS closed, toInt64(code != 4) AS living,
        lagInFrame(closed, 1, 0) OVER history AS closed_before,
        lagInFrame(living, 1, 0) OVER history AS living_before
    FROM {closures}
    WINDOW history AS (PARTITION BY site ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
sites AS
(
    SELECT toUInt64(sum(closed - closed_before)) AS closed_now, toUInt64(sum(living - living_before)) AS living_now,
        sum((closed - closed_before) * left_ms) AS closed_ms, sum((living - living_before) * left_ms) AS living_ms
    FROM changes
),
alarms AS
(
    SELECT countIf(c.closed) AS of_closed, count() AS of_all
    FROM {accepted_alarms} AS a
    ASOF LEFT JOIN {closure_changes} AS c ON c.site = a.site AND c.since <= a.received_at
)
SELECT closed_now AS closed_sites, living_now AS all_sites, if(living_now = 0, 0, closed_now / living_now) AS share_of_sites,
    of_closed AS alarms_closed, of_all AS alarms_all, if(of_all = 0, 0, of_closed / of_all) AS share_of_alarms,
    if(closed_ms = 0, NULL, 100 * of_closed / closed_site_days) AS alarms_per_100_closed,
    if(living_ms = closed_ms, NULL, 100 * (of_all - of_closed) / other_site_days) AS alarms_per_100_others,
    closed_ms / 86400000 AS closed_site_days, (living_ms - closed_ms) / 86400000 AS other_site_days
FROM sites CROSS JOIN alarms
