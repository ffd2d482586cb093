toDateTime64(toStartOfMonth(fromUnixTimestamp64Milli({to:Int64} - 1209600000, 'UTC')), 3, 'UTC')
