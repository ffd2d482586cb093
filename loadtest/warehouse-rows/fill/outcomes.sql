-- share 1000
-- What became of what people did (one in fifty was refused), and of one panel's event
-- in fifty, which was heard again; calls are steps of people's.
INSERT INTO {db}.outcomes (kafka_partition, kafka_offset, event_id, site, received_at, status, reason, incident,
    call, call_step, call_offered_at, call_answered_at, call_answered_by, call_ended_at, call_within_ms, call_share_percent)
WITH
    sipHash64(number, {seed}) AS h,
    h % 1000 AS what,
    200001 + intDiv(h, 1000) % {sites} AS its_site,
    {end_ms} - 1 - toInt64((number + h % 100 / 100) * {apart_ms}) AS ms,
    what >= 954 AND what < 975 AS of_call,
    ['offered', 'answered', 'ended'][1 + number % 3] AS step,
    intDiv(ms, 60000) * 60000 AS offered
SELECT sipHash64(its_site) % 8, 1099511627776 - number, reinterpretAsUUID(sipHash128(number, {seed})), its_site, fromUnixTimestamp64Milli(ms + 200, 'UTC'),
    multiIf(what < 830, 'heard_again', intDiv(h, 3000) % 50 = 0, 'refused', 'accepted'), if(what >= 830 AND intDiv(h, 3000) % 50 = 0, 'already-claimed', ''),
    if(what >= 830, concat(toString(its_site), '-', toString(intDiv(number, 33))), ''),
    if(of_call, concat('k', toString(intDiv(number, 150))), ''), if(of_call, step, ''), fromUnixTimestamp64Milli(if(of_call, offered, 0), 'UTC'),
    fromUnixTimestamp64Milli(if(of_call AND step != 'offered', offered + toInt64(h % 30000), 0), 'UTC'), if(of_call AND step != 'offered', concat('operateur-', leftPad(toString(1 + intDiv(h, 5000) % 60), 2, '0')), ''),
    fromUnixTimestamp64Milli(if(of_call AND step = 'ended', offered + 240000, 0), 'UTC'), if(of_call, 20000, 0), if(of_call, 80, 0)
FROM numbers({from}, {count})
WHERE what >= 830 AND what < 981 OR what < 830 AND intDiv(h, 3000) % 50 = 0
