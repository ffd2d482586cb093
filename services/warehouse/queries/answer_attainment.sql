-- How many of the incidents opened in a range were answered in time, by class.
-- Answered is claimed and first act, or closed. An incident is judged by its
-- first answer clock: at_risk_at is the first figure, missed_at the second. One
-- whose clock still runs at the end of the range is not counted yet; one on test,
-- or closed by the policy, is not counted at all.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column class - class of the incidents
-- column incidents count incidents judged
-- column answered count of them, answered at all
-- column within_first count of them, answered within the first figure
-- column within_second count of them, answered within the second figure
-- column share_first share within_first over incidents; 80 % are asked for
-- column share_second share within_second over incidents; 98.5 % are asked for
-- column misses count incidents not answered within the second figure
-- column misses_allowed count how many misses 98.5 % leaves room for
SELECT toString(last_class) AS class, count() AS incidents,
    countIf(answered_ms > 0) AS answered,
    countIf({within_first}) AS within_first,
    countIf({within_second}) AS within_second,
    within_first / incidents AS share_first, within_second / incidents AS share_second,
    toUInt64(incidents - within_second) AS misses, toUInt64(intDiv(incidents * 15, 1000)) AS misses_allowed
FROM {judged}
GROUP BY last_class
ORDER BY class
