(
    SELECT site, received_at, {alarm_class} AS alarm_class
    FROM {db}.events
    WHERE {in_range} AND {is_alarm} AND {accepted}
)
