package queries

import "time"

// OutcomeCount is how many incidents of a class had an outcome.
type OutcomeCount struct {
	Class     string `ch:"class"`
	Outcome   string `ch:"outcome"`
	Incidents uint64 `ch:"incidents"`
}

// IncidentOutcomes counts the incidents that were closed in a range.
func IncidentOutcomes(from, to time.Time) Call[OutcomeCount] {
	return call[OutcomeCount]("incident_outcomes", window(from, to))
}
