-- Declared sites that are not protected as of a time, each counted once, under
-- its gravest reason; the gravest first, with a row for each reason.
-- param to Int64 time the state as of then
-- column reason - communication_lost: nothing is heard of it; closed_not_armed: closed around the clock with an area that is not armed; degraded: its alarms are handled by a minimal rule; inhibited: armed with zones left out; never_heard: declared, never heard; path_lost: one of several paths is lost
-- column sites count sites
SELECT why AS reason, sum(n) AS sites
FROM
(
    SELECT {not_protected} AS why, toUInt64(1) AS n
    FROM {states_then}
    WHERE NOT deleted AND NOT undeclared AND why != ''
    UNION ALL
    SELECT arrayJoin(['communication_lost', 'closed_not_armed', 'degraded', 'inhibited', 'never_heard', 'path_lost']) AS why, toUInt64(0) AS n
)
GROUP BY why
ORDER BY indexOf(['communication_lost', 'closed_not_armed', 'degraded', 'inhibited', 'never_heard', 'path_lost'], why)
