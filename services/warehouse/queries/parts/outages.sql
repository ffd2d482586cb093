(
    SELECT of_site AS site, greatest(opened, {from:Int64}) AS began, if(closed = 0, {to:Int64}, least(closed, {to:Int64})) AS ended,
        opened < {from:Int64} AS began_before, closed = 0 OR closed > {to:Int64} AS lasts
    FROM
    (
        SELECT event_id, any(site) AS of_site, toUnixTimestamp64Milli(max(opened_at)) AS opened, toUnixTimestamp64Milli(max(closed_at)) AS closed
        FROM {db}.detections
        WHERE kind = 'communication_lost' AND {received_before}
            AND received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {unended_detections_since} WHERE kind = 'communication_lost')
            AND (site, kind, event_id) IN (SELECT site, kind, event_id FROM {unended_detections_since} WHERE kind = 'communication_lost')
        GROUP BY event_id
    )
    WHERE ended > began
)
