-- What incidents turned out to be: those closed in a range, by class and outcome.
-- Those on test have an outcome of their own.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column class - class of the incidents
-- column outcome - outcome that the operator gave
-- column incidents count incidents closed
SELECT toString(last_class) AS class, toString(last_outcome) AS outcome, count() AS incidents
FROM {closed_in_range}
GROUP BY last_class, last_outcome
ORDER BY class, outcome
