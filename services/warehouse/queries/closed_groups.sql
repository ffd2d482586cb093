-- Groups of sites with sites closed around the clock at the end of a range, or
-- with alarms of such sites in it; the most closed sites first.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column site_group - name of the group: a carrier, an installer, a region, a trade
-- column closed_sites count its sites closed around the clock at the end
-- column sites count its sites at the end
-- column alarms count accepted alarms of its sites that were closed at the alarm's receipt
WITH alarms AS
(
    SELECT a.site AS alarm_site, count() AS n
    FROM {accepted_alarms} AS a
    ASOF LEFT JOIN {closure_changes} AS c ON c.site = a.site AND c.since <= a.received_at
    WHERE c.closed
    GROUP BY alarm_site
)
SELECT arrayJoin(s.site_groups) AS site_group, countIf(s.closed) AS closed_sites, count() AS sites, sum(alarms.n) AS alarms
FROM (SELECT site, site_groups, {is_closed_site} AS closed FROM {states_then} WHERE NOT deleted) AS s
LEFT JOIN alarms ON alarms.alarm_site = s.site
GROUP BY site_group
HAVING closed_sites > 0 OR alarms > 0
ORDER BY closed_sites DESC, site_group
