-- Sites in service as of a time, by group: what an installer, a carrier or a region is
-- billed for. Asked for the end of each month, it tells of the months.
-- param to Int64 time the state as of then
-- column site_group - name of the group
-- column declared count sites that are declared
-- column in_service count of them, heard at least once
-- column lost count of those, not heard on any path as of then
SELECT arrayJoin(site_groups) AS site_group, count() AS declared,
    countIf(arrayExists(s -> s != 'never_heard', path_statuses)) AS in_service, countIf(communication_lost) AS lost
FROM {states_then}
WHERE NOT deleted AND NOT undeclared
GROUP BY site_group
ORDER BY site_group
