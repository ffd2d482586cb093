-- From when to when sites were closed around the clock in a range, the oldest first.
-- One that was detected, then declared, is one closure.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many at most
-- column site - number of the site
-- column closure - what it was at its beginning in the range: detected, declared or end_to_confirm
-- column began_at time when it began, or the start of the range
-- column ended_at time when it ended, or the end of the range
-- column began_before - whether it lasted since before the range
-- column lasts - whether it lasted at the end of the range
WITH
changes AS
(
    SELECT site, since, code, toUInt8({is_closed_code}) AS closed,
        lagInFrame(closed, 1, 0) OVER (PARTITION BY site ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS closed_before
    FROM {closures}
),
ends AS
(
    SELECT site, toUnixTimestamp64Milli(since) AS at, code, closed,
        leadInFrame(at, 1, {to:Int64}) OVER (PARTITION BY site ORDER BY since ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_at,
        leadInFrame(toUInt8(0), 1, 1) OVER (PARTITION BY site ORDER BY since ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS is_last
    FROM changes
    WHERE closed != closed_before
)
SELECT site, multiIf(code = 1, 'detected', code = 2, 'declared', 'end_to_confirm') AS closure,
    fromUnixTimestamp64Milli(greatest(at, {from:Int64}), 'UTC') AS began_at, fromUnixTimestamp64Milli(next_at, 'UTC') AS ended_at,
    toBool(at < {from:Int64}) AS began_before, toBool(is_last) AS lasts
FROM ends
WHERE closed AND ended_at > began_at
ORDER BY began_at, site
LIMIT {limit:UInt32}
