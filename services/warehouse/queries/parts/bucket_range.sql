range(intDiv({from:Int64}, {bucket_ms:Int64}),
        if({from:Int64} < {to:Int64}, intDiv({to:Int64} + {bucket_ms:Int64} - 1, {bucket_ms:Int64}), 0))
