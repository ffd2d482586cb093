-- How long incidents opened in a range waited for their answer (claimed and first
-- act, or closed), by class, over those of answer_attainment that were answered:
-- exact quantiles.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column class - class of the incidents
-- column answered count incidents answered
-- column p50_ms ms half were answered sooner
-- column p95_ms ms 95 % were answered sooner
-- column p985_ms ms 98.5 % were answered sooner
-- column max_ms ms the slowest answer
SELECT toString(last_class) AS class, count() AS answered,
    quantileExact(0.5)(answered_ms - opened) AS p50_ms, quantileExact(0.95)(answered_ms - opened) AS p95_ms,
    quantileExact(0.985)(answered_ms - opened) AS p985_ms, max(answered_ms - opened) AS max_ms
FROM {judged}
WHERE answered_ms > 0
GROUP BY last_class
ORDER BY class
