package queries

import "time"

// ClosedBucket is how many sites were closed at the end of a bucket.
type ClosedBucket struct {
	Time time.Time `ch:"time"`
	// Closure is detected, declared or end_to_confirm: each has its rows.
	Closure string `ch:"closure"`
	Sites   uint64 `ch:"sites"`
}

// ClosedSitesOverTime counts the sites closed around the clock at the end of
// each bucket, or of the range.
func ClosedSitesOverTime(from, to time.Time, bucket time.Duration) Call[ClosedBucket] {
	return call[ClosedBucket]("closed_sites_over_time", buckets(from, to, bucket))
}
