package queries

import "time"

// ClassBucket is how many alarms of a class were accepted in a bucket.
type ClassBucket struct {
	Time   time.Time `ch:"time"`
	Class  string    `ch:"class"`
	Alarms uint64    `ch:"alarms"`
}

// AlarmsByClass counts accepted alarms in a range, with a row for each bucket
// and each class that has any. An outcome is never older than its event.
func AlarmsByClass(from, to time.Time, bucket time.Duration) Call[ClassBucket] {
	return call[ClassBucket]("alarms_by_class", buckets(from, to, bucket))
}
