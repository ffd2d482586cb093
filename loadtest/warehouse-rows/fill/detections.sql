-- share 60
-- Two records of each detection, opened and closed; the youngest are still open.
INSERT INTO {db}.detections (kafka_partition, kafka_offset, event_id, site, received_at, kind, status, opened_at, closed_at, evidence_count, path, zone, policy_version, last_heard_at, incident, close_reason)
WITH
    intDiv(number, 2) AS nth,
    number % 2 = 0 AS ended,
    sipHash64(nth, {seed}, 'detection') AS h,
    200001 + h % {sites} AS its_site,
    {end_ms} - 1 - toInt64(nth * 2 * {apart_ms}) AS opened,
    opened + toInt64(60000 + intDiv(h, 100) % 3600000) AS closed,
    ['path_late', 'path_late', 'path_lost', 'path_lost', 'communication_lost', 'answer_late', 'answer_missed', 'alarm_storm', 'closed_around_the_clock', 'not_armed'][1 + intDiv(h, 77) % 10] AS its_kind
SELECT sipHash64(its_site) % 8, 1099511627776 - number, reinterpretAsUUID(sipHash128(nth, 'detection')), its_site, fromUnixTimestamp64Milli(if(ended, closed, opened), 'UTC'), its_kind, if(ended, 'closed', 'opened'),
    fromUnixTimestamp64Milli(opened, 'UTC'), fromUnixTimestamp64Milli(if(ended, closed, 0), 'UTC'), 1 + h % 4, if(its_kind LIKE 'path%', 1, 0), '', 7, fromUnixTimestamp64Milli(opened - 300000, 'UTC'), '', if(ended, 'restored', '')
FROM numbers({from}, {count})
WHERE NOT ended OR closed < {end_ms}
