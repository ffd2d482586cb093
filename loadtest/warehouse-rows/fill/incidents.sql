-- share 150
-- Five versions of each incident: opened, claimed, first act, verified, closed. A
-- fifth wait longer than their clock allows; the youngest are still open.
INSERT INTO {db}.incidents (kafka_partition, kafka_offset, event_id, site, received_at, incident, version, class_group, class, status, priority,
    opened_at, displayed_at, claimed_at, first_act_at, verified_at, closed_at, at_risk_at, missed_at, last_alarm_at, claimed_by, closed_by, verification_means, verification_result,
    outcome, alarms, evidence, zone, area, consigne, level, occurred_at, on_test, auto_closed)
WITH
    intDiv(number, 5) AS nth,
    4 - number % 5 AS step,
    sipHash64(nth, {seed}, 'incident') AS h,
    200001 + h % {sites} AS its_site,
    {end_ms} - 600000 - toInt64(nth * 5 * {apart_ms}) AS opened,
    toInt64(3000 + intDiv(h, 100) % if(h % 5 = 0, 240000, 60000)) AS wait,
    [opened, opened + wait, opened + wait + 20000, opened + wait + 200000, opened + wait + 200000 + toInt64(intDiv(h, 1000) % 400000)] AS at,
    ['intrusion', 'intrusion', 'intrusion', 'intrusion', 'intrusion_confirmed', 'fire', 'hold_up', 'medical', 'technical_comfort', 'technical_critical'][1 + intDiv(h, 77) % 10] AS its_class,
    (n, value) -> fromUnixTimestamp64Milli(if(step >= n, value, 0), 'UTC') AS once,
    concat('operateur-', leftPad(toString(1 + intDiv(h, 5000) % 60), 2, '0')) AS who
SELECT sipHash64(its_site) % 8, 1099511627776 - number, reinterpretAsUUID(sipHash128(nth, 'opening')), its_site, fromUnixTimestamp64Milli(at[1 + step], 'UTC'), concat(toString(its_site), '-', toString(nth)), 1 + step,
    multiIf(its_class LIKE 'intrusion%', 'intrusion', its_class LIKE 'technical%', 'technical', 'life'), its_class, ['open', 'claimed', 'claimed', 'verified', 'closed'][1 + step], 2,
    fromUnixTimestamp64Milli(opened, 'UTC'), fromUnixTimestamp64Milli(opened + 1500, 'UTC'), once(1, at[2]), once(2, at[3]), once(3, at[4]), once(4, at[5]),
    fromUnixTimestamp64Milli(opened + 90000, 'UTC'), fromUnixTimestamp64Milli(opened + 180000, 'UTC'), fromUnixTimestamp64Milli(opened, 'UTC'), if(step >= 1, who, ''), if(step = 4, who, ''),
    if(step >= 3, 'call', ''), if(step >= 3, 'negative', ''), if(step = 4, ['user_error', 'user_error', 'technical_fault', 'attempt', 'undetermined'][1 + h % 5], ''), 1 + h % 3,
    [reinterpretAsUUID(sipHash128(nth, 'opening'))], leftPad(toString(1 + h % 40), 3, '0'), '1', '', h % 5, fromUnixTimestamp64Milli(opened - 500, 'UTC'), h % 200 = 0, 0
FROM numbers({from}, {count})
WHERE at[1 + step] < {end_ms}
