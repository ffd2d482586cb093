-- Sites that belong to a group as of a time.
-- param group String - name of the group
-- param to Int64 time the state as of then
-- column site - number of the site
-- column label - what the site is called
SELECT site, label
FROM {states_then}
WHERE NOT deleted AND has(site_groups, {group:String})
ORDER BY site
