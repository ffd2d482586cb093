toDateTime64(toStartOfMonth(fromUnixTimestamp64Milli({from:Int64}, 'UTC')), 3, 'UTC')
