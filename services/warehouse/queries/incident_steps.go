package queries

import "time"

// IncidentStep is how long incidents of a class stood in a step.
type IncidentStep struct {
	Class string `ch:"class"`
	// Step is claimed, first_act, verified, closed or whole.
	Step      string `ch:"step"`
	Incidents uint64 `ch:"incidents"`
	// Milliseconds.
	P50MS int64 `ch:"p50_ms"`
	P90MS int64 `ch:"p90_ms"`
	MaxMS int64 `ch:"max_ms"`
}

// IncidentSteps follows the incidents that were opened in a range.
func IncidentSteps(from, to time.Time) Call[IncidentStep] {
	return call[IncidentStep]("incident_steps", window(from, to))
}
