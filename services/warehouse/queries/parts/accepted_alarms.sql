(
    SELECT site, received_at, {alarm_class} AS alarm_class
    FROM {db}.events
    WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
        AND {is_alarm}
        AND event_id NOT IN (SELECT event_id FROM {db}.outcomes WHERE status = 'heard_again' AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
)
