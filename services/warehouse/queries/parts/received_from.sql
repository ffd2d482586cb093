received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
