package queries

import "time"

// Availability is what part of the time sites could be heard.
type Availability struct {
	Outages   uint64 `ch:"outages"`
	Sites     uint64 `ch:"sites"`
	LostMS    int64  `ch:"lost_ms"`
	LongestMS int64  `ch:"longest_ms"`
	SiteMS    int64  `ch:"site_ms"`
	// Availability is 1 - LostMS/SiteMS; nil without sites.
	Availability *float64 `ch:"availability"`
}

// CommunicationAvailability measures a range.
func CommunicationAvailability(from, to time.Time) Call[Availability] {
	return call[Availability]("communication_availability", window(from, to))
}
