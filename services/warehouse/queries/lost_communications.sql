-- Lost communications with a part of them in a range, as communication_availability
-- counts them, the oldest first.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many at most
-- column site - number of the site
-- column began_at time when it was detected, or the start of the range
-- column ended_at time when it ended, or the end of the range
-- column began_before - whether it lasted since before the range
-- column lasts - whether it went on after the range
SELECT site, fromUnixTimestamp64Milli(began, 'UTC') AS began_at, fromUnixTimestamp64Milli(ended, 'UTC') AS ended_at,
    toBool(began_before) AS began_before, toBool(lasts) AS lasts
FROM {outages}
ORDER BY began_at, site, ended_at
LIMIT {limit:UInt32}
