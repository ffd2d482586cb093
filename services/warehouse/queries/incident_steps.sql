-- How long incidents opened in a range stood in each step, by class, over those that
-- came through it: exact quantiles.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column class - class of the incidents
-- column step - claimed: from opening to claim; first_act: to the first act; verified: to the verification; closed: from the verification to the end; whole: from opening to the end
-- column incidents count incidents that came through the step
-- column p50_ms ms half came through sooner
-- column p90_ms ms nine of ten came through sooner
-- column max_ms ms the slowest
SELECT toString(last_class) AS class, x.1 AS step, count() AS incidents,
    quantileExact(0.5)(x.3 - x.2) AS p50_ms, quantileExact(0.9)(x.3 - x.2) AS p90_ms, max(x.3 - x.2) AS max_ms
FROM
(
    SELECT last_class, arrayJoin([('claimed', opened, claimed), ('first_act', claimed, acted), ('verified', acted, verified), ('closed', verified, closed), ('whole', opened, closed)]) AS x
    FROM {opened_in_range}
)
WHERE x.2 > 0 AND x.3 >= x.2
GROUP BY class, step
ORDER BY class, indexOf(['claimed', 'first_act', 'verified', 'closed', 'whole'], step)
