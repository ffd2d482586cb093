package queries

import (
	"strconv"
	"time"
)

// SiteRecord is something that was said of a site or done to it.
type SiteRecord struct {
	ReceivedAt time.Time `ch:"received_at"`
	Kind       string    `ch:"kind"`
	Origin     string    `ch:"origin"`
	Operator   string    `ch:"operator"`
	Class      string    `ch:"class"`
	Code       string    `ch:"code"`
	Zone       string    `ch:"zone"`
	Incident   string    `ch:"incident"`
	Result     string    `ch:"result"`
	Status     string    `ch:"status"`
	Reason     string    `ch:"reason"`
}

// SiteAudit lists at most limit records of a site in a range, the oldest first.
func SiteAudit(site uint64, from, to time.Time, limit uint32) Call[SiteRecord] {
	args := window(from, to)
	args["site"], args["limit"] = strconv.FormatUint(site, 10), strconv.FormatUint(uint64(limit), 10)
	return call[SiteRecord]("site_audit", args)
}
