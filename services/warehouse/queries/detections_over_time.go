package queries

import "time"

// DetectionsBucket is how many detections of a kind opened in a bucket.
type DetectionsBucket struct {
	Time   time.Time `ch:"time"`
	Kind   string    `ch:"kind"`
	Opened uint64    `ch:"opened"`
}

// DetectionsOverTime counts detections as they open, with a row for each bucket
// and each kind that has any.
func DetectionsOverTime(from, to time.Time, bucket time.Duration) Call[DetectionsBucket] {
	return call[DetectionsBucket]("detections_over_time", buckets(from, to, bucket))
}
