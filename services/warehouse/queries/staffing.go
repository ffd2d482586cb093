package queries

import "time"

// StaffingBucket is who was needed and who was there.
type StaffingBucket struct {
	Time time.Time `ch:"time"`
	// WorkMS is in milliseconds, summed over incidents.
	WorkMS  int64  `ch:"work_ms"`
	Needed  uint64 `ch:"needed"`
	Present uint64 `ch:"present"`
	Short   uint64 `ch:"short"`
}

// Staffing compares need and presence in each bucket of a range.
func Staffing(from, to time.Time, bucket time.Duration) Call[StaffingBucket] {
	return call[StaffingBucket]("staffing", buckets(from, to, bucket))
}
