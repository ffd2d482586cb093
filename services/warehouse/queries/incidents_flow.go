package queries

import "time"

// IncidentsBucket is what became of incidents in a bucket.
type IncidentsBucket struct {
	Time    time.Time `ch:"time"`
	Opened  uint64    `ch:"opened"`
	Claimed uint64    `ch:"claimed"`
	Closed  uint64    `ch:"closed"`
	// Waiting is at the end of the bucket, or of the range.
	Waiting uint64 `ch:"waiting"`
}

// IncidentsFlow counts the steps of incidents, with a row for each bucket.
func IncidentsFlow(from, to time.Time, bucket time.Duration) Call[IncidentsBucket] {
	return call[IncidentsBucket]("incidents_flow", buckets(from, to, bucket))
}
