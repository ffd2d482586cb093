-- What part of a range paths could be heard in, by group of sites (carrier, region,
-- installer) and number of the path (EN 50136-1). Sites are those that live at the end
-- of the range, their paths those that were ever heard, each as if for the whole range.
-- A loss counts from its detection; one that lasts counts to the end.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column site_group - name of the group
-- column path - number of the path
-- column paths count paths of that number of its sites
-- column outages count losses with a part of them in the range
-- column lost_ms ms time in the range in which one was lost, summed
-- column path_ms ms length of the range for each path, summed
-- column availability share what is left of path_ms; null for an empty range
WITH
outages AS
(
    SELECT of_site, of_path, count() AS n, sum(ended - began) AS sum_ms
    FROM
    (
        SELECT of_site, of_path, greatest(opened, {from:Int64}) AS began, if(closed = 0, {to:Int64}, least(closed, {to:Int64})) AS ended
        FROM
        (
            SELECT event_id, any(site) AS of_site, any(path) AS of_path, toUnixTimestamp64Milli(max(opened_at)) AS opened, toUnixTimestamp64Milli(max(closed_at)) AS closed
            FROM {db}.detections
            WHERE kind = 'path_lost' AND {received_before}
            AND received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {unended_detections_since} WHERE kind = 'path_lost')
            AND (site, kind, event_id) IN (SELECT site, kind, event_id FROM {unended_detections_since} WHERE kind = 'path_lost')
            GROUP BY event_id
        )
        WHERE ended > began
    )
    GROUP BY of_site, of_path
)
SELECT site_group, toUInt64(number) AS path, count() AS paths, sum(n) AS outages, toInt64(sum(sum_ms)) AS lost_ms, toInt64(paths * ({to:Int64} - {from:Int64})) AS path_ms,
    if(path_ms = 0, NULL, 1 - lost_ms / path_ms) AS availability
FROM
(
    SELECT site, arrayJoin(site_groups) AS site_group, arrayJoin(arrayFilter((p, s) -> s != 'never_heard', paths, path_statuses)) AS number
    FROM {states_then}
    WHERE NOT deleted
) AS s
LEFT JOIN outages ON outages.of_site = s.site AND outages.of_path = s.number
GROUP BY site_group, number
ORDER BY site_group, path
