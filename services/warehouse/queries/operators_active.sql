-- How many people acted in the window that ends at a time.
-- param to Int64 time end of the window
-- param window_ms Int64 ms length of the window
-- column operators count people with an act in the window
SELECT uniqExact(operator) AS operators
FROM {db}.events
WHERE origin = 'user' AND operator != ''
    AND received_at >= fromUnixTimestamp64Milli({to:Int64} - {window_ms:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
