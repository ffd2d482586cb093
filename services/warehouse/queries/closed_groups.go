package queries

import "time"

// ClosedGroup is what is closed of a group of sites.
type ClosedGroup struct {
	SiteGroup   string `ch:"site_group"`
	ClosedSites uint64 `ch:"closed_sites"`
	Sites       uint64 `ch:"sites"`
	Alarms      uint64 `ch:"alarms"`
}

// ClosedGroups lists the groups that have closed sites, the most first. A site
// counts in each group that it is in.
func ClosedGroups(from, to time.Time) Call[ClosedGroup] {
	return call[ClosedGroup]("closed_groups", window(from, to))
}
