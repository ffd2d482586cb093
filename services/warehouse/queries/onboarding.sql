-- How connections come into service: what was asked for and what came into service in a
-- range, how long that took, what waits at its end, and for how long that is work at
-- the range's pace.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- column requested count connections first asked for in the range
-- column into_service count connections that first came into service in the range
-- column median_lead_ms ms from asked for to in service, the median of those; 0 when there is none
-- column p90_lead_ms ms nine of ten took less
-- column backlog count connections asked for before the end that were never in service, nor suspended or resigned, by then
-- column oldest_ms ms how long the oldest of the backlog waits; 0 without one
-- column pace per_day connections that came into service a day
-- column forecast_days days the backlog over the pace; null without a pace
SELECT countIf(asked >= {from:Int64}) AS requested,
    countIf(served >= {from:Int64}) AS into_service,
    quantileExactIf(0.5)(served - asked, served >= {from:Int64} AND asked > 0) AS median_lead_ms,
    quantileExactIf(0.9)(served - asked, served >= {from:Int64} AND asked > 0) AS p90_lead_ms,
    countIf(waits) AS backlog,
    if(backlog = 0, 0, {to:Int64} - minIf(asked, waits)) AS oldest_ms,
    if({from:Int64} = {to:Int64}, 0, into_service * 86400000 / ({to:Int64} - {from:Int64})) AS pace,
    if(into_service = 0, NULL, backlog / pace) AS forecast_days
FROM
(
    SELECT site, minIf(toUnixTimestamp64Milli(received_at), result = 'requested') AS asked, minIf(toUnixTimestamp64Milli(received_at), result = 'in_service') AS served,
        asked > 0 AND served = 0 AND argMax(result, (received_at, kafka_offset)) NOT IN ('suspended', 'resigned') AS waits
    FROM {db}.events
    WHERE kind = 'connection_stage' AND {received_before} AND event_id NOT IN (SELECT event_id FROM {db}.outcomes WHERE status IN ('refused', 'repeated'))
    GROUP BY site
)
