-- share 250
-- The hours of former polls, for as long as they are kept.
INSERT INTO {db}.heartbeats_by_hour (hour, site, path, heartbeats, first_at, last_at)
WITH
    200001 + number % {sites} AS its_site,
    toStartOfHour(fromUnixTimestamp64Milli({end_ms} - 216000000, 'UTC')) - toIntervalHour(1 + intDiv(number, {sites})) AS its_hour
SELECT its_hour, its_site, 1, 4, toDateTime64(its_hour, 3, 'UTC') + toIntervalMillisecond(sipHash64(its_site) % 900000), toDateTime64(its_hour, 3, 'UTC') + toIntervalMillisecond(2700000 + sipHash64(its_site) % 900000)
FROM numbers({from}, {count})
