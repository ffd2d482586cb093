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
    countIf(answered_ms > 0 AND answered_ms <= first_ms) AS within_first,
    countIf(answered_ms > 0 AND answered_ms <= second_ms) AS within_second,
    within_first / incidents AS share_first, within_second / incidents AS share_second,
    toUInt64(incidents - within_second) AS misses, toUInt64(intDiv(incidents * 15, 1000)) AS misses_allowed
FROM
(
    SELECT incident, argMax(class, kafka_offset) AS last_class, toUnixTimestamp64Milli(max(opened_at)) AS opened,
        minIf(toUnixTimestamp64Milli(at_risk_at), toUnixTimestamp64Milli(at_risk_at) > 0) AS first_ms,
        minIf(toUnixTimestamp64Milli(missed_at), toUnixTimestamp64Milli(missed_at) > 0) AS second_ms,
        toUnixTimestamp64Milli(max(claimed_at)) AS claimed, toUnixTimestamp64Milli(max(first_act_at)) AS acted,
        toUnixTimestamp64Milli(max(closed_at)) AS closed,
        if(claimed > 0 AND acted > 0, greatest(claimed, acted), closed) AS answered_ms
    FROM {db}.incidents
    WHERE NOT deleted
    GROUP BY incident
    HAVING NOT max(on_test) AND NOT max(auto_closed)
)
WHERE opened >= {from:Int64} AND opened < {to:Int64} AND second_ms > 0 AND (answered_ms > 0 OR second_ms <= {to:Int64})
GROUP BY last_class
ORDER BY class
