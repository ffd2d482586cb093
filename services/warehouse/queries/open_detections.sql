-- Detections that are open now, the oldest first.
SELECT toString(event_id) AS detection, site, toString(kind) AS kind, opened_at, evidence_count, path, toString(zone) AS zone, incident
FROM {db}.detections_current
WHERE status != 'closed'
ORDER BY opened_at, detection
