package queries

import "time"

// ClosedAgainstOther is how many alarms came in a bucket from sites of a kind.
type ClosedAgainstOther struct {
	Time time.Time `ch:"time"`
	// SitesAre is closed or other: both have a row in each bucket.
	SitesAre string `ch:"sites_are"`
	Alarms   uint64 `ch:"alarms"`
}

// AlarmsClosedAgainstOthers counts accepted alarms by whether the site was closed
// around the clock when the alarm was received.
func AlarmsClosedAgainstOthers(from, to time.Time, bucket time.Duration) Call[ClosedAgainstOther] {
	return call[ClosedAgainstOther]("alarms_closed_against_others", buckets(from, to, bucket))
}
