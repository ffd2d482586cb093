package queries

import "time"

// ClosedShareOf is the one row of ClosedShare.
type ClosedShareOf struct {
	ClosedSites  uint64  `ch:"closed_sites"`
	AllSites     uint64  `ch:"all_sites"`
	ShareOfSites float64 `ch:"share_of_sites"`

	AlarmsClosed  uint64  `ch:"alarms_closed"`
	AlarmsAll     uint64  `ch:"alarms_all"`
	ShareOfAlarms float64 `ch:"share_of_alarms"`

	// Alarms a day for each 100 sites; nil when no such site lived in the range.
	AlarmsPer100Closed *float64 `ch:"alarms_per_100_closed"`
	AlarmsPer100Others *float64 `ch:"alarms_per_100_others"`

	ClosedSiteDays float64 `ch:"closed_site_days"`
	OtherSiteDays  float64 `ch:"other_site_days"`
}

// ClosedShare compares sites that are closed around the clock with the others.
func ClosedShare(from, to time.Time) Call[ClosedShareOf] {
	return call[ClosedShareOf]("closed_share", window(from, to))
}
