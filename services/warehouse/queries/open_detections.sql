-- Detections that are open now, the oldest first.
-- column detection - id, written as a UUID
-- column site - number of the site
-- column kind - what was detected
-- column opened_at time when it opened
-- column evidence_count count events that prove it
-- column path - path that it is about; 0 for the whole site
-- column zone - zone that it is about
-- column incident - incident that it belongs to
SELECT toString(event_id) AS detection, site, toString(kind) AS kind, opened_at, evidence_count, path, toString(zone) AS zone, incident
FROM
(
    SELECT *
    FROM {db}.detections
    WHERE received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {unended_detections})
        AND (site, kind, event_id) IN (SELECT site, kind, event_id FROM {unended_detections})
    ORDER BY event_id, kafka_offset DESC
    LIMIT 1 BY event_id
)
WHERE status != 'closed'
ORDER BY opened_at, detection
