-- share 120
-- Polls of the last days: what is kept of them. Their hours come of themselves.
INSERT INTO {db}.heartbeats (kafka_partition, kafka_offset, kafka_index, site, path, received_at, receiver)
WITH
    200001 + number % {sites} AS its_site,
    {end_ms} - 1 - toInt64(intDiv(number, {sites}) * 900000 + sipHash64(its_site) % 900000) AS ms
SELECT sipHash64(its_site) % 8, 1099511627776 - intDiv(number, 100), number % 100, its_site, 1, fromUnixTimestamp64Milli(ms, 'UTC'), concat('recepteur-', toString(1 + number % 2))
FROM numbers({from}, {count})
WHERE ms > {end_ms} - 216000000
