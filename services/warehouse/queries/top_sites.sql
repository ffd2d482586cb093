-- Sites with the most accepted alarms in a range, those that are gone included: where
-- alarms come from, and how many of them for nothing. Label and groups are those at the
-- end of the range, empty for a site that is gone by then. Incidents are those opened in
-- the range, with what is known of them today.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many sites at most
-- column site - number of the site
-- column label - what the site is called
-- column site_groups - its groups, with commas between
-- column alarms count accepted alarms
-- column incidents count incidents of the site that were opened
-- column false_alarms count of them, closed as a false alarm, as false_alarms has it
WITH
(
    SELECT groupArray((site, n))
    FROM (SELECT site, count() AS n FROM {accepted_alarms} GROUP BY site ORDER BY n DESC, site LIMIT {limit:UInt32})
) AS listed
SELECT r.1 AS site, s.label AS label, arrayStringConcat(s.site_groups, ', ') AS site_groups, r.2 AS alarms, i.opened AS incidents, i.unfounded AS false_alarms
FROM (SELECT arrayJoin(listed) AS r) AS l
LEFT JOIN {listed_states} AS s ON s.site = l.r.1
LEFT JOIN
(
    SELECT its_site, count() AS opened, countIf({is_false_alarm}) AS unfounded
    FROM
    (
        SELECT site AS its_site, argMax(outcome, kafka_offset) AS last_outcome, toUnixTimestamp64Milli(max(opened_at)) AS opened_ms
        FROM {db}.incidents
        WHERE NOT deleted AND {received_from} AND site IN (SELECT arrayJoin(listed).1)
        GROUP BY its_site, incident
        HAVING opened_ms >= {from:Int64} AND opened_ms < {to:Int64}
    )
    GROUP BY its_site
) AS i ON i.its_site = l.r.1
ORDER BY alarms DESC, site
