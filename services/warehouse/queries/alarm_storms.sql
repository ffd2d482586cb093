-- Storms of a range: sites that alarmed without end, and groups of sites that did so
-- together. A storm belongs to a range when a part of it lies there, and is told as it
-- was known at its end; the longest come first.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many storms at most
-- column kind - alarm_storm of a site, group_alarm_storm of a group
-- column site - number of the site; 0 for a group
-- column label - what the site is called at the end of the range
-- column site_group - name of the group; empty for a site
-- column opened_at time when it was found
-- column closed_at time when it ended; 1970 while it lasts
-- column alarms count alarms in it: of a site all that prove it, of a group those in its window when there were most
-- column duration_ms ms how long it lasted, to the end of the range while it lasts
WITH
(
    SELECT groupArray((its_site, toString(its_kind), toString(its_group), opened, closed, n, lasted))
    FROM
    (
        SELECT event_id, any(site) AS its_site, any(kind) AS its_kind, any(group_name) AS its_group, max(opened_at) AS opened, max(closed_at) AS closed,
            greatest(max(evidence_count), max(group_count)) AS n, toUnixTimestamp64Milli(opened) AS began,
            if(closed <= toDateTime64(0, 3, 'UTC'), {to:Int64}, toUnixTimestamp64Milli(closed)) AS ended, ended - began AS lasted
        FROM {db}.detections
        WHERE {is_storm} AND {received_before}
            AND received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {unended_detections_since} WHERE {is_storm})
            AND (site, kind, event_id) IN (SELECT site, kind, event_id FROM {unended_detections_since} WHERE {is_storm})
        GROUP BY event_id
        HAVING least(ended, {to:Int64}) > greatest(began, {from:Int64})
        ORDER BY lasted DESC, n DESC, opened, its_site, its_group
        LIMIT {limit:UInt32}
    )
) AS listed
SELECT r.2 AS kind, r.1 AS site, s.label AS label, r.3 AS site_group, r.4 AS opened_at, r.5 AS closed_at, r.6 AS alarms, r.7 AS duration_ms
FROM (SELECT arrayJoin(listed) AS r) AS l
LEFT JOIN {listed_states} AS s ON s.site = l.r.1
ORDER BY duration_ms DESC, alarms DESC, opened_at, site, site_group
