-- How many of the incidents closed in a range were false alarms, by class. Incidents on
-- test count nowhere; those of no known cause are in no share.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column class - class of the incidents
-- column closed count incidents closed
-- column real count burglary, attempt, hold-up or fire
-- column false_alarms count an error, a fault, works, a visit, an animal, weather, a test that nobody announced, a power cut
-- column undetermined count of no known cause
-- column share_false share false_alarms over real and false_alarms; null without both
SELECT toString(last_class) AS class, count() AS closed,
    countIf(last_outcome IN ('burglary', 'attempt', 'hold_up', 'fire')) AS real,
    countIf({is_false_alarm}) AS false_alarms,
    toUInt64(closed - real - false_alarms) AS undetermined,
    if(real + false_alarms = 0, NULL, false_alarms / (real + false_alarms)) AS share_false
FROM {closed_in_range}
WHERE last_outcome != 'on_test'
GROUP BY last_class
ORDER BY class
