-- Sites that are closed around the clock now, detected or declared, the longest
-- first, with what makes a closure dangerous.
SELECT site, label, account, toString(closure) AS closure, closed_since, communication_lost, storm,
    length(open_incidents) AS open_incidents
FROM {db}.site_states_current
WHERE closure IN ('detected', 'declared', 'end_to_confirm')
ORDER BY closed_since, site
