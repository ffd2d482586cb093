-- Accepted alarms of the window that ends at a time, against the usual: the
-- median over the same time of day (UTC) on up to 28 earlier days when at least
-- 3 of them lie after the first event, else over the up to 24 windows just
-- before. A window longer than a day is compared with whole days earlier.
-- param to Int64 time end of the window
-- param window_ms Int64 ms length of the window
-- column alarms count accepted alarms of the window
-- column usual count median of the comparable windows; 0 when there is none
-- column usual_windows count how many comparable windows there are
-- column ratio ratio alarms over usual; null with fewer than 3 windows or a usual of 0
WITH
    86400000 AS day_ms,
    intDiv({window_ms:Int64} + day_ms - 1, day_ms) * day_ms AS days_apart,
    (SELECT if(count() = 0, {to:Int64}, toUnixTimestamp64Milli(min(received_at))) FROM {db}.events) AS first_ms,
    greatest(0, {to:Int64} - {window_ms:Int64} - assumeNotNull(first_ms)) AS known_ms,
    least(intDiv(28 * day_ms, days_apart), intDiv(known_ms, days_apart)) AS days_known,
    if(days_known >= 3, days_apart, {window_ms:Int64}) AS apart,
    if(days_known >= 3, days_known, least(24, intDiv(known_ms, {window_ms:Int64}))) AS windows
SELECT sumIf(in_window, nth = 0) AS alarms,
    ifNotFinite(quantileExactInclusiveIf(0.5)(in_window, nth > 0), 0) AS usual,
    countIf(nth > 0) AS usual_windows,
    if(usual_windows < 3 OR usual = 0, NULL, alarms / usual) AS ratio
FROM
(
    SELECT nth, sum(n) AS in_window
    FROM
    (
        SELECT intDiv({to:Int64} - 1 - toUnixTimestamp64Milli(received_at), apart) AS nth, count() AS n
        FROM {db}.alarms FINAL
        WHERE hour >= toStartOfHour(fromUnixTimestamp64Milli({to:Int64} - windows * apart - {window_ms:Int64}, 'UTC'))
            AND received_at >= fromUnixTimestamp64Milli({to:Int64} - windows * apart - {window_ms:Int64}, 'UTC')
            AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
            AND ({to:Int64} - 1 - toUnixTimestamp64Milli(received_at)) % apart < {window_ms:Int64}
            AND event_id NOT IN (SELECT event_id FROM {db}.outcomes WHERE status = 'heard_again'
                AND received_at >= fromUnixTimestamp64Milli({to:Int64} - windows * apart - {window_ms:Int64}, 'UTC'))
        GROUP BY nth
        UNION ALL
        SELECT arrayJoin(range(0, windows + 1)) AS nth, toUInt64(0) AS n
    )
    GROUP BY nth
)
