package queries

import "time"

// Openings is the one row of OpeningsAtClosedSites.
type Openings struct {
	Openings uint64 `ch:"openings"`
	Sites    uint64 `ch:"sites"`
}

// OpeningsAtClosedSites counts accepted disarms of sites that were closed around
// the clock until then.
func OpeningsAtClosedSites(from, to time.Time) Call[Openings] {
	return call[Openings]("openings_at_closed_sites", window(from, to))
}
