package queries

import "time"

// OpenedIncident is how an incident was answered, and what it turned out to be.
type OpenedIncident struct {
	Incident string    `ch:"incident"`
	Site     uint64    `ch:"site"`
	Class    string    `ch:"class"`
	OpenedAt time.Time `ch:"opened_at"`
	// Answer is within_first, within_second, missed or not_counted.
	Answer string `ch:"answer"`
	// AnsweredAfterMS is 0 when no answer counts.
	AnsweredAfterMS int64 `ch:"answered_after_ms"`
	// Outcome is empty when the incident was not closed in the range.
	Outcome string `ch:"outcome"`
}

// IncidentsOpened lists at most limit incidents that were opened in a range, the
// oldest first.
func IncidentsOpened(from, to time.Time, limit uint32) Call[OpenedIncident] {
	return call[OpenedIncident]("incidents_opened", atMost(limit, window(from, to)))
}
