-- Accepted events by kind: those of panels less the ones heard again, the acts
-- of people less the ones refused or repeated.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column kind - name of the event's body
-- column origin - panel or user
-- column events count accepted events
SELECT toString(kind) AS kind, toString(origin) AS origin, count() AS events
FROM {db}.events
WHERE origin IN ('panel', 'user')
    AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    AND event_id NOT IN (SELECT event_id FROM {db}.outcomes WHERE status IN ('heard_again', 'refused', 'repeated') AND received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
GROUP BY kind, origin
ORDER BY kind, origin
