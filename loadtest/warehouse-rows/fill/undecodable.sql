-- share 1
INSERT INTO {db}.undecodable (topic, kafka_partition, kafka_offset, received_at, reason, value_length, value_sha256)
SELECT 'events', number % 8, 1099511627776 - number, fromUnixTimestamp64Milli({end_ms} - 1 - toInt64(number * {apart_ms}), 'UTC'), 'the envelope has version 9', 80, hex(sipHash128(number))
FROM numbers({from}, {count})
WHERE number % 10 = 0
