-- How many of the incidents opened in a range were answered in time, by who had to and
-- class, judged as answer_attainment judges them. An incident counts for who claimed it
-- first, whoever took it over later: that claim is what the answer waited for. One that
-- was closed unclaimed counts for who closed it, one that nobody took for nobody.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column operator - who; empty for nobody
-- column class - class of the incidents
-- column incidents count incidents judged
-- column answered count of them, answered at all
-- column within_first count of them, answered within the first figure
-- column within_second count of them, answered within the second figure
-- column misses count incidents not answered within the second figure
-- column p95_ms ms 95 % of those answered were answered sooner
SELECT if(w.first_claim != '', w.first_claim, w.closer) AS operator, toString(j.last_class) AS class, count() AS incidents,
    countIf(j.answered_ms > 0) AS answered,
    countIf(j.answered_ms > 0 AND j.answered_ms <= j.first_ms) AS within_first,
    countIf(j.answered_ms > 0 AND j.answered_ms <= j.second_ms) AS within_second,
    toUInt64(incidents - within_second) AS misses,
    quantileExactIf(0.95)(j.answered_ms - j.opened, j.answered_ms > 0) AS p95_ms
FROM {judged} AS j
LEFT JOIN
(
    SELECT incident, toString(argMinIf(claimed_by, kafka_offset, claimed_by != '')) AS first_claim, toString(argMaxIf(closed_by, kafka_offset, closed_by != '')) AS closer
    FROM {db}.incidents
    WHERE NOT deleted AND {received_from}
    GROUP BY incident
) AS w ON w.incident = j.incident
GROUP BY operator, class
ORDER BY operator, class
