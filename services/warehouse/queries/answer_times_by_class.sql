-- How soon the incidents opened in a window were claimed, by class: exact
-- quantiles in milliseconds, over those that were claimed. missed counts the
-- ones claimed after their deadline.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column class - class of the incidents
-- column incidents count incidents opened in the range
-- column unclaimed count of them, never claimed
-- column missed count of them, claimed past the second figure of their answer clock
-- column median_ms ms from opening to claim, the median of those claimed
-- column p90_ms ms nine of ten claimed were claimed sooner
-- column max_ms ms the slowest claim
SELECT toString(class) AS class, count() AS incidents,
    countIf(claimed_at = 0) AS unclaimed,
    countIf(claimed_at > 0 AND missed_at > 0 AND claimed_at > missed_at) AS missed,
    quantileExactIf(0.5)(toInt64(claimed_at - opened_at), claimed_at > 0) AS median_ms,
    quantileExactIf(0.9)(toInt64(claimed_at - opened_at), claimed_at > 0) AS p90_ms,
    maxIf(toInt64(claimed_at - opened_at), claimed_at > 0) AS max_ms
FROM
(
    SELECT argMax(class, kafka_offset) AS class, argMax(deleted, kafka_offset) AS forgotten, toUnixTimestamp64Milli(argMax(opened_at, kafka_offset)) AS opened_at,
        toUnixTimestamp64Milli(argMax(claimed_at, kafka_offset)) AS claimed_at, toUnixTimestamp64Milli(argMax(missed_at, kafka_offset)) AS missed_at
    FROM {db}.incidents
    WHERE {received_from}
    GROUP BY incident
)
WHERE NOT forgotten AND opened_at >= {from:Int64} AND opened_at < {to:Int64}
GROUP BY class
ORDER BY class
