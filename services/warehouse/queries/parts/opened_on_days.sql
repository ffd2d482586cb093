opened_on >= toDate(fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AND opened_on <= toDate(fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
