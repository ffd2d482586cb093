received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
