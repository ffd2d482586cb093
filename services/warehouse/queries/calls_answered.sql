-- How customers' calls that were offered in a range were answered: each by the
-- figures of its day (80 % within 20 s by default). A call that was given up sooner
-- than it had to be answered is counted, and judged by nobody.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column offered count calls offered
-- column answered count of them, answered
-- column in_time count of them, answered within their figure
-- column abandoned count given up by the caller
-- column abandoned_early count of them, before the figure had passed
-- column waiting count neither answered nor given up
-- column transferred count handed on to others
-- column share share in_time of those answered or given up too late; null when there is none
-- column target share the share that is asked for, the highest of the range
-- column median_wait_ms ms from offered to answered, the median of those answered
-- column p90_wait_ms ms nine of ten answered waited no longer
SELECT count() AS offered,
    countIf(answered_at > 0) AS answered,
    countIf(answered_at > 0 AND answered_at - offered_at <= within_ms) AS in_time,
    countIf(abandoned_at > 0) AS abandoned,
    countIf(abandoned_at > 0 AND abandoned_at - offered_at <= within_ms) AS abandoned_early,
    countIf(answered_at = 0 AND abandoned_at = 0) AS waiting,
    countIf(handed_on != '') AS transferred,
    if(answered + abandoned = abandoned_early, NULL, in_time / (answered + abandoned - abandoned_early)) AS share,
    max(percent) / 100 AS target,
    quantileExactIf(0.5)(toInt64(answered_at - offered_at), answered_at > 0) AS median_wait_ms,
    quantileExactIf(0.9)(toInt64(answered_at - offered_at), answered_at > 0) AS p90_wait_ms
FROM
(
    SELECT toUnixTimestamp64Milli(call_offered_at) AS offered_at,
        max(toUnixTimestamp64Milli(call_answered_at)) AS answered_at,
        maxIf(toUnixTimestamp64Milli(call_ended_at), call_step = 'abandoned') AS abandoned_at,
        max(call_transferred_to) AS handed_on, any(call_within_ms) AS within_ms, max(call_share_percent) AS percent
    FROM {db}.outcomes
    WHERE call != '' AND status = 'accepted' AND call_offered_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND call_offered_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
        AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
    GROUP BY call, call_offered_at
)
