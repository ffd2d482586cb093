-- How many of the incidents opened in a range were answered in time, by group of
-- sites and class, judged as answer_attainment judges them. An incident counts in
-- each group that its site belongs to at the end of the range.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column site_group - name of the group
-- column class - class of the incidents
-- column incidents count incidents judged
-- column within_first count of them, answered within the first figure
-- column within_second count of them, answered within the second figure
-- column misses count incidents not answered within the second figure
-- column misses_allowed count how many misses 98.5 % leaves room for
SELECT site_group, toString(its_class) AS class, incidents, within_first, within_second,
    toUInt64(incidents - within_second) AS misses, toUInt64(intDiv(incidents * 15, 1000)) AS misses_allowed
FROM
(
    SELECT arrayJoin(s.site_groups) AS site_group, i.last_class AS its_class, count() AS incidents,
        countIf({within_first}) AS within_first,
        countIf({within_second}) AS within_second
    FROM (SELECT site, site_groups FROM {states_then} WHERE NOT deleted) AS s
    INNER JOIN {judged} AS i ON i.site = s.site
    GROUP BY site_group, its_class
)
ORDER BY site_group, class
