-- share 50
-- Ticks of a receiver in eight partitions, one a second, of the last days.
INSERT INTO {db}.beats (kafka_partition, kafka_offset, received_at, writer, boot, writer_kind, receiver_group, sequence, ticked_at, heartbeats, frames)
WITH {end_ms} - 1 - toInt64(intDiv(number, 8)) * 1000 AS ms
SELECT number % 8, 1099511627776 - number, fromUnixTimestamp64Milli(ms, 'UTC'), 'recepteur-1', toUUID('11111111-1111-1111-1111-111111111111'), 'receiver', 'paris', 1099511627776 - number, fromUnixTimestamp64Milli(ms, 'UTC'), 7, number % 50
FROM numbers({from}, {count})
WHERE ms > {end_ms} - 604800000
