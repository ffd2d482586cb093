package queries

import (
	"strconv"
	"time"
)

// SiteKnown says what a site is called as of a time; no row when it was not known.
func SiteKnown(site uint64, to time.Time) Call[KnownSite] {
	args := until(to)
	args["site"] = strconv.FormatUint(site, 10)
	return call[KnownSite]("site_known", args)
}
