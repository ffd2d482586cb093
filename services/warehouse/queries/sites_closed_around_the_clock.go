package queries

import "time"

// ClosedSite is a site that nobody opens.
type ClosedSite struct {
	Site    uint64 `ch:"site"`
	Label   string `ch:"label"`
	Account string `ch:"account"`
	// Closure is detected, declared or end_to_confirm.
	Closure           string    `ch:"closure"`
	ClosedSince       time.Time `ch:"closed_since"`
	CommunicationLost bool      `ch:"communication_lost"`
	Storm             bool      `ch:"storm"`
	OpenIncidents     uint64    `ch:"open_incidents"`
	ClosedForMS       int64     `ch:"closed_for_ms"`
	Protected         bool      `ch:"protected"`
	// NotProtected is the reason, "" when the site is protected.
	NotProtected string `ch:"not_protected"`
}

// SitesClosedAroundTheClock lists the sites that are closed around the clock as
// of a time, those that are not protected first.
func SitesClosedAroundTheClock(to time.Time) Call[ClosedSite] {
	return call[ClosedSite]("sites_closed_around_the_clock", until(to))
}
