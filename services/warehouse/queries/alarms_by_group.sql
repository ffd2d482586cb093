-- Accepted alarms of a range by group of sites and class. An alarm counts in each group
-- that its site belongs to at the end of the range; those of sites without a group, or
-- gone by then, in none.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column site_group - name of the group: a carrier, an installer, a region, a trade
-- column class - class of the alarms
-- column alarms count accepted alarms
-- column sites count sites that they came from
SELECT site_group, toString(its_class) AS class, sum(n) AS alarms, count() AS sites
FROM (SELECT site, arrayJoin(site_groups) AS site_group FROM {states_then} WHERE NOT deleted) AS s
INNER JOIN (SELECT site, class AS its_class, count() AS n FROM {alarms_in_range} GROUP BY site, its_class) AS a ON a.site = s.site
GROUP BY site_group, its_class
ORDER BY site_group, class
