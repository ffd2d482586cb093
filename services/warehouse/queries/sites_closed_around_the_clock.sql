-- Sites that are closed around the clock as of a time, detected or declared:
-- those that are not protected first, then the longest closed; at most 10,000.
-- param to Int64 time the state as of then
-- column site - number of the site
-- column label - what the site is called
-- column account - account of its panel
-- column closure - detected, declared or end_to_confirm
-- column closed_since time since when it is closed
-- column communication_lost - nothing is heard of it on any path
-- column storm - it alarms without end
-- column open_incidents count incidents of the site that are open
-- column closed_for_ms ms how long it is closed
-- column protected - armed in every area and heard
-- column not_protected - why it is not protected, as sites_not_protected says it
SELECT site, label, account, toString(closure) AS closure, closed_since, communication_lost, storm,
    length(open_incidents) AS open_incidents,
    {to:Int64} - toUnixTimestamp64Milli(closed_since) AS closed_for_ms,
    toBool(not_protected = '') AS protected,
    not_protected
FROM
(
    SELECT *, {not_protected} AS not_protected
    FROM {states_then}
    WHERE {is_closed_site}
)
ORDER BY protected, closed_since, site
LIMIT 10000
