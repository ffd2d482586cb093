{db}.alarms FINAL
    WHERE hour >= toStartOfHour(fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AND {in_range} AND {accepted}
