-- Accepted alarms by class and minute of receipt.
SELECT toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute, toString(class) AS class, count() AS alarms
FROM {db}.events
WHERE kind = 'alarm_raised'
    AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    AND event_id NOT IN (SELECT event_id FROM {db}.outcomes WHERE status = 'heard_again' AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
GROUP BY minute, class
ORDER BY minute, class
