package queries

import (
	"strconv"
	"time"
)

// TopSite is a site that alarmed much.
type TopSite struct {
	Site uint64 `ch:"site"`
	// Label and Groups are as of the end of the range; "" for a site that is gone.
	Label     string `ch:"label"`
	Groups    string `ch:"site_groups"`
	Alarms    uint64 `ch:"alarms"`
	Incidents uint64 `ch:"incidents"`
	// FalseAlarms are those of Incidents that were closed as such.
	FalseAlarms uint64 `ch:"false_alarms"`
}

// TopSites lists at most limit sites by the alarms accepted in a range, the most first.
func TopSites(from, to time.Time, limit uint32) Call[TopSite] {
	return call[TopSite]("top_sites", most(from, to, limit))
}

// most is a span of time of which the first rows are asked for.
func most(from, to time.Time, limit uint32) map[string]string {
	args := window(from, to)
	args["limit"] = strconv.FormatUint(uint64(limit), 10)
	return args
}
