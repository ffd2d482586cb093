package queries

import "time"

// TopZone is a zone that alarmed much.
type TopZone struct {
	Site uint64 `ch:"site"`
	// Label is as of the end of the range; "" for a site that is gone.
	Label string `ch:"label"`
	Area  string `ch:"area"`
	// Zone is "" for alarms that name none.
	Zone   string    `ch:"zone"`
	Alarms uint64    `ch:"alarms"`
	LastAt time.Time `ch:"last_at"`
}

// TopZones lists at most limit zones by the alarms accepted in a range, the most first.
func TopZones(from, to time.Time, limit uint32) Call[TopZone] {
	return call[TopZone]("top_zones", most(from, to, limit))
}
