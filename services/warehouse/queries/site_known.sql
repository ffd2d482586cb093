-- What a site is called as of a time, or was called last; no row when nothing was
-- known of it.
-- param site UInt64 - number of the site
-- param to Int64 time the state as of then
-- column site - number of the site
-- column label - what the site is called
SELECT {site:UInt64} AS site, argMaxIf(label, kafka_offset, NOT deleted) AS label
FROM {db}.site_states
WHERE site_states.site = {site:UInt64} AND {received_before}
HAVING count() > 0
