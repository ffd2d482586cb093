package queries

import (
	"strconv"
	"time"
)

// WaitingIncident is an incident that nobody holds.
type WaitingIncident struct {
	Incident string    `ch:"incident"`
	Site     uint64    `ch:"site"`
	Label    string    `ch:"label"`
	Class    string    `ch:"class"`
	Status   string    `ch:"status"`
	OpenedAt time.Time `ch:"opened_at"`
	// WaitingMS is in milliseconds.
	WaitingMS int64  `ch:"waiting_ms"`
	Alarms    uint64 `ch:"alarms"`
	// Late is "in time", "at risk" or "missed".
	Late string `ch:"late"`
}

// IncidentsWaiting lists at most limit incidents that nobody holds as of a time,
// the oldest first.
func IncidentsWaiting(to time.Time, limit uint32) Call[WaitingIncident] {
	args := until(to)
	args["limit"] = strconv.FormatUint(uint64(limit), 10)
	return call[WaitingIncident]("incidents_waiting", args)
}
