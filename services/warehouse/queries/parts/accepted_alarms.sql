(
    SELECT site, received_at, toString(class) AS alarm_class
    FROM {alarms_in_range}
)
