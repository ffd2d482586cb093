package queries

import "time"

// GroupPaths is how available the paths of one number were, in a group of sites.
type GroupPaths struct {
	Group   string `ch:"site_group"`
	Path    uint64 `ch:"path"`
	Paths   uint64 `ch:"paths"`
	Outages uint64 `ch:"outages"`
	// Milliseconds, summed over the paths.
	LostMS int64 `ch:"lost_ms"`
	PathMS int64 `ch:"path_ms"`
	// Availability is nil for an empty range.
	Availability *float64 `ch:"availability"`
}

// PathAvailability judges the paths of all groups over a range.
func PathAvailability(from, to time.Time) Call[GroupPaths] {
	return call[GroupPaths]("path_availability", window(from, to))
}
