package queries

import "time"

// NotProtected is how many sites are not protected for a reason.
type NotProtected struct {
	Reason string `ch:"reason"`
	Sites  uint64 `ch:"sites"`
}

// SitesNotProtected counts the declared sites that are not protected as of a
// time, each under its gravest reason, the gravest reason first.
func SitesNotProtected(to time.Time) Call[NotProtected] {
	return call[NotProtected]("sites_not_protected", until(to))
}
