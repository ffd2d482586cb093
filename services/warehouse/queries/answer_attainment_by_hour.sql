-- How many of the incidents opened in a range were answered in time, by the hour of the
-- day in which they opened and class, judged as answer_attainment judges them. Hours are
-- those on the clock of a time zone: on the day that a clock goes back, one holds two.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param time_zone String - name of the zone, as Europe/Paris
-- column hour - hour of the day, 0 to 23
-- column class - class of the incidents
-- column incidents count incidents judged
-- column answered count of them, answered at all
-- column within_first count of them, answered within the first figure
-- column within_second count of them, answered within the second figure
-- column p50_ms ms half of those answered were answered sooner; 0 when none was
-- column p95_ms ms 95 % were answered sooner
-- column p985_ms ms 98.5 % were answered sooner
SELECT toUInt64(toHour(fromUnixTimestamp64Milli(opened, 'UTC'), {time_zone:String})) AS hour, toString(last_class) AS class, count() AS incidents,
    countIf(answered_ms > 0) AS answered,
    countIf(answered_ms > 0 AND answered_ms <= first_ms) AS within_first,
    countIf(answered_ms > 0 AND answered_ms <= second_ms) AS within_second,
    quantileExactIf(0.5)(answered_ms - opened, answered_ms > 0) AS p50_ms,
    quantileExactIf(0.95)(answered_ms - opened, answered_ms > 0) AS p95_ms,
    quantileExactIf(0.985)(answered_ms - opened, answered_ms > 0) AS p985_ms
FROM {judged}
GROUP BY hour, last_class
ORDER BY hour, class
