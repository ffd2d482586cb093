-- Zones with the most accepted alarms in a range: which detector wants a look. A zone is
-- one of an area of a site, as the panel names both; alarms without one count together
-- for their site and area.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many zones at most
-- column site - number of the site
-- column label - what the site is called at the end of the range; empty when it is gone
-- column area - area of the site
-- column zone - zone of the area; empty for alarms that name none
-- column alarms count accepted alarms
-- column last_at time when the last of them came
WITH
(
    SELECT groupArray((site, its_area, its_zone, n, latest))
    FROM
    (
        SELECT site, area AS its_area, zone AS its_zone, count() AS n, max(received_at) AS latest
        FROM {db}.events
        WHERE {is_alarm} AND {in_range} AND {accepted}
        GROUP BY site, its_area, its_zone
        ORDER BY n DESC, site, toString(its_area), toString(its_zone)
        LIMIT {limit:UInt32}
    )
) AS listed
SELECT r.1 AS site, s.label AS label, toString(r.2) AS area, toString(r.3) AS zone, r.4 AS alarms, r.5 AS last_at
FROM (SELECT arrayJoin(listed) AS r) AS l
LEFT JOIN {listed_states} AS s ON s.site = l.r.1
ORDER BY alarms DESC, site, area, zone
