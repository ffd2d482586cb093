package queries

import "time"

// GroupService is how many sites of a group are in service.
type GroupService struct {
	Group     string `ch:"site_group"`
	Declared  uint64 `ch:"declared"`
	InService uint64 `ch:"in_service"`
	Lost      uint64 `ch:"lost"`
}

// SitesInService counts the sites of all groups as of a time.
func SitesInService(to time.Time) Call[GroupService] {
	return call[GroupService]("sites_in_service", until(to))
}
