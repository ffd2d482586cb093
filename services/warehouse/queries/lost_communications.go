package queries

import "time"

// LostCommunication is when a site could not be heard, within a range.
type LostCommunication struct {
	Site    uint64    `ch:"site"`
	BeganAt time.Time `ch:"began_at"`
	EndedAt time.Time `ch:"ended_at"`
	// BeganBefore and Lasts say that it reaches beyond the range.
	BeganBefore bool `ch:"began_before"`
	Lasts       bool `ch:"lasts"`
}

// LostCommunications lists at most limit of a range, the oldest first.
func LostCommunications(from, to time.Time, limit uint32) Call[LostCommunication] {
	return call[LostCommunication]("lost_communications", atMost(limit, window(from, to)))
}
