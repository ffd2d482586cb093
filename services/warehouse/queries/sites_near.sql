-- Sites whose numbers are nearest to a number as of a time.
-- param site UInt64 - the number
-- param to Int64 time the state as of then
-- param limit UInt32 count how many at most
-- column site - number of the site
-- column label - what the site is called
SELECT site, label
FROM {states_then}
WHERE NOT deleted AND NOT undeclared
ORDER BY greatest(site, {site:UInt64}) - least(site, {site:UInt64}), site
LIMIT {limit:UInt32}
