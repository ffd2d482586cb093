kind IN ('alarm_storm', 'group_alarm_storm')
