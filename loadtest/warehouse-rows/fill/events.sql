-- share 1000
-- What panels, people and the system say: kind by parts of a thousand, class by what
-- alarms are about.
INSERT INTO {db}.events (kafka_partition, kafka_offset, event_id, site, received_at, kind, occurred_at, origin, class, format, code, area, zone, user_code, mode,
    account, path, receiver, transport, sequence, token, fingerprint, incident, operator, role, result, outcome)
WITH
    sipHash64(number, {seed}) AS h,
    h % 1000 AS what,
    200001 + intDiv(h, 1000) % {sites} AS its_site,
    {end_ms} - 1 - toInt64((number + h % 100 / 100) * {apart_ms}) AS ms,
    multiIf(what < 830, 'panel', what < 981, 'user', 'system') AS its_origin,
    multiIf(what < 170, 'armed', what < 340, 'disarmed', what < 540, 'test_received', what < 670, 'alarm_raised', what < 760, 'alarm_restored', what < 790, 'fault_raised',
        what < 815, 'fault_restored', what < 825, 'tamper', what < 830, 'data_received', what < 860, 'incident_claimed', what < 895, 'contact_called', what < 920, 'verification_made',
        what < 948, 'incident_closed', what < 951, 'incident_released', what < 954, 'incident_parked', what < 975, 'note_written', what < 979, 'closure_declared',
        what < 980, 'shift_started', what < 981, 'shift_ended', 'receiver_life_started') AS its_kind
SELECT sipHash64(its_site) % 8, 1099511627776 - number, reinterpretAsUUID(sipHash128(number, {seed})), if(what >= 979, 0, its_site), fromUnixTimestamp64Milli(ms, 'UTC'),
    its_kind, fromUnixTimestamp64Milli(ms - 300 - toInt64(h % 700), 'UTC'), its_origin,
    multiIf(its_kind IN ('alarm_raised', 'alarm_restored'), ['intrusion', 'intrusion', 'intrusion', 'intrusion', 'intrusion_confirmed', 'fire', 'hold_up', 'medical', 'technical_comfort', 'technical_critical'][1 + intDiv(h, 7000) % 10],
        its_kind LIKE 'fault%', ['mains', 'battery', 'jamming'][1 + intDiv(h, 7000) % 3], its_kind = 'tamper', 'tamper', its_kind = 'test_received', 'test', '') AS its_class,
    if(what < 830, 'SIA', ''), if(what < 830, ['BA', 'FA', 'TA', 'OP', 'CL', 'RP', 'AT', 'YT', 'HA'][1 + what % 9], ''), if(what < 830, '1', ''), if(what >= 540 AND what < 830, leftPad(toString(1 + intDiv(h, 9000) % 40), 3, '0'), ''),
    if(what < 340, toString(1 + h % 9), ''), if(what < 170, 'armed_full', ''), if(what < 830, hex(toUInt32(its_site)), ''), if(what < 830, 1 + (h % 20 = 0), 0), if(what < 830, concat('recepteur-', toString(1 + h % 2)), ''),
    if(what < 830, 'ip', ''), if(what < 830, h % 9999, 0), if(what < 830, 'SIA-DCS', ''), if(what < 830, reinterpretAsUUID(sipHash128(h)), toUUID('00000000-0000-0000-0000-000000000000')),
    if(what >= 830 AND what < 975, concat(toString(its_site), '-', toString(intDiv(number, 33))), ''), if(its_origin = 'user', concat('operateur-', leftPad(toString(1 + intDiv(h, 5000) % 60), 2, '0')), ''), if(its_origin = 'user', 'operator', ''),
    if(its_kind IN ('contact_called', 'verification_made'), ['reached', 'not_reached', 'negative'][1 + h % 3], ''), if(its_kind = 'incident_closed', ['user_error', 'user_error', 'technical_fault', 'attempt', 'undetermined'][1 + h % 5], '')
FROM numbers({from}, {count})
