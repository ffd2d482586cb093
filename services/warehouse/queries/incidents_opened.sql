-- Incidents opened in a range, the oldest first: how each was answered, as
-- answer_attainment judges it, and what it turned out to be.
-- param from Int64 time start of the range
-- param to Int64 time end of the range
-- param limit UInt32 count how many at most
-- column incident - id of the incident
-- column site - number of the site
-- column class - class of the incident
-- column opened_at time when it opened
-- column answer - within_first or within_second figure, missed, or not_counted: on test, closed by the policy, its clock still runs
-- column answered_after_ms ms how long it waited for its answer; 0 when it has none that counts
-- column outcome - what it turned out to be; empty when it was not closed in the range
SELECT o.incident AS incident, o.site AS site, toString(o.last_class) AS class, fromUnixTimestamp64Milli(o.opened, 'UTC') AS opened_at,
    multiIf(second_ms = 0, 'not_counted', {within_first}, 'within_first', {within_second}, 'within_second', 'missed') AS answer,
    if(answered_ms > 0, answered_ms - o.opened, 0) AS answered_after_ms, toString(c.last_outcome) AS outcome
FROM {judged} AS j
RIGHT JOIN (SELECT * FROM {opened_in_range} ORDER BY opened, incident LIMIT {limit:UInt32}) AS o ON o.incident = j.incident
LEFT JOIN {closed_in_range} AS c ON c.incident = o.incident
ORDER BY opened_at, incident
