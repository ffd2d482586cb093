package queries

import "time"

// SiteClosure is when a site was closed around the clock, within a range.
type SiteClosure struct {
	Site uint64 `ch:"site"`
	// Closure is detected, declared or end_to_confirm, as it began in the range.
	Closure string    `ch:"closure"`
	BeganAt time.Time `ch:"began_at"`
	EndedAt time.Time `ch:"ended_at"`
	// BeganBefore and Lasts say that it reaches beyond the range.
	BeganBefore bool `ch:"began_before"`
	Lasts       bool `ch:"lasts"`
}

// ClosuresInRange lists at most limit of a range, the oldest first.
func ClosuresInRange(from, to time.Time, limit uint32) Call[SiteClosure] {
	return call[SiteClosure]("closures_in_range", atMost(limit, window(from, to)))
}
