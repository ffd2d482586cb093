{received_before} AND received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {unended_detections_then})
        AND (site, kind, event_id) IN (SELECT site, kind, event_id FROM {unended_detections_then})
