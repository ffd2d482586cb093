-- share 400
-- A site's state changes when it is armed or disarmed and when an incident opens or
-- closes. In any week a fiftieth of the sites is closed, and in the last two days a third of all.
INSERT INTO {db}.site_states (kafka_partition, kafka_offset, event_id, site, received_at, version, label, site_class, account, area_names, area_modes, area_since,
    paths, path_statuses, path_last_heard_at, communication_lost, closure, closed_since, closure_changed_at, storm, open_incidents, accepted_events, degraded, site_groups, time_zone)
WITH
    sipHash64(number, {seed}, 'state') AS h,
    200001 + h % {sites} AS its_site,
    sipHash64(its_site) AS s,
    {end_ms} - 1 - toInt64(number * {apart_ms}) AS ms,
    604800000 AS week_ms,
    intDiv(ms, week_ms) AS week,
    toInt64((week + s % 50) % 50) AS weeks_open,
    ms >= {end_ms} - 172800000 AND s % 3 = 0 AS locked_down,
    multiIf(locked_down, {end_ms} - 172800000, weeks_open = 0, week * week_ms, 0) AS closed_ms,
    if(closed_ms > 0, closed_ms, (week - weeks_open + 1) * week_ms) AS changed_ms,
    intDiv(h, 1000000) % 2 = 0 OR closed_ms > 0 AS armed,
    sipHash64(its_site, intDiv(ms, 7200000)) % 4000 = 0 AS silent,
    fromUnixTimestamp64Milli(ms, 'UTC') AS its_time
SELECT s % 8, 1099511627776 - number, reinterpretAsUUID(sipHash128(number, 'cause')), its_site, its_time, 1099511627776 - number, concat(['Pharmacie', 'Boulangerie', 'Tabac', 'Garage', 'Entrepôt', 'Maison'][1 + s % 6], ' ', toString(its_site)),
    ['shop', 'shop', 'shop', '', 'large', 'home'][1 + s % 6], hex(toUInt32(its_site)), ['1'], [if(armed, 'armed_full', 'disarmed')], [its_time],
    if(s % 3 = 0, [1, 2], [1]), if(s % 3 = 0, [if(silent, 'lost', 'ok'), 'ok'], [if(silent, 'lost', 'ok')]), if(s % 3 = 0, [its_time, its_time], [its_time]),
    silent AND s % 3 != 0, multiIf(closed_ms = 0, 'none', s % 5 < 2, 'detected', 'declared'), fromUnixTimestamp64Milli(closed_ms, 'UTC'), fromUnixTimestamp64Milli(changed_ms, 'UTC'), sipHash64(its_site, intDiv(ms, 3600000)) % 5000 = 0,
    if(h % 20 = 0, [concat(toString(its_site), '-', toString(number))], []), intDiv(1099511627776 - number, 20000), s % 400 = 0,
    [concat('region-', toString(s % 12)), concat('operateur-', toString(intDiv(s, 12) % 3)), concat('installateur-', leftPad(toString(intDiv(s, 36) % 200), 3, '0'))], 'Europe/Paris'
FROM numbers({from}, {count})
