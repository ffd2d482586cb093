greatest(intDiv(toUnixTimestamp64Milli(received_at), {bucket_ms:Int64}), intDiv({from:Int64}, {bucket_ms:Int64}))
