package queries

import "time"

// KindCount is how many events of a kind were accepted.
type KindCount struct {
	Kind   string `ch:"kind"`
	Origin string `ch:"origin"`
	Events uint64 `ch:"events"`
}

// AcceptedEvents counts events of panels and people that had an effect.
func AcceptedEvents(from, to time.Time) Call[KindCount] {
	return call[KindCount]("accepted_events", window(from, to))
}
