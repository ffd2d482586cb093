package queries

import "time"

// KnownSite is a site and what it is called.
type KnownSite struct {
	Site  uint64 `ch:"site"`
	Label string `ch:"label"`
}

// SitesOfGroup lists the sites of a group as of a time.
func SitesOfGroup(group string, to time.Time) Call[KnownSite] {
	args := until(to)
	args["group"] = group
	return call[KnownSite]("sites_of_group", args)
}
