-- share 1
INSERT INTO {db}.rejected (kafka_partition, kafka_offset, received_at, stage, source, reason, detail, raw_length, remote)
SELECT number % 4, 1099511627776 - number, fromUnixTimestamp64Milli({end_ms} - 1 - toInt64(number * {apart_ms}), 'UTC'), 'frame', 'dc09', ['bad-crc', 'too-long', 'unknown-key'][1 + number % 3], '', 64 + number % 900, concat('10.0.0.', toString(number % 250))
FROM numbers({from}, {count})
