-- share 11
-- The days of those hours; every path misses one hour in some.
INSERT INTO {db}.heartbeats_by_day (day, site, path, hours)
WITH 200001 + number % {sites} AS its_site, sipHash64(number, {seed}, 'day') AS h
SELECT toDate(fromUnixTimestamp64Milli({end_ms} - 216000000, 'UTC')) - 1 - intDiv(number, {sites}), its_site, 1, 16777215 - if(h % 10 = 0, bitShiftLeft(1::UInt32, h % 24), 0)
FROM numbers({from}, {count})
