package queries

import (
	"strconv"
	"time"
)

// SitesNear lists at most limit sites whose numbers are nearest to one.
func SitesNear(site uint64, to time.Time, limit uint32) Call[KnownSite] {
	args := atMost(limit, until(to))
	args["site"] = strconv.FormatUint(site, 10)
	return call[KnownSite]("sites_near", args)
}
