package queries

import "time"

// ClassMinute is how many alarms of a class were accepted in a minute.
type ClassMinute struct {
	Minute time.Time `ch:"minute"`
	Class  string    `ch:"class"`
	Alarms uint64    `ch:"alarms"`
}

// AlarmsByClassPerMinute counts accepted alarms in a window; minutes without any
// have no row. An outcome is never older than the event that it is about.
func AlarmsByClassPerMinute(from, to time.Time) Call[ClassMinute] {
	return call[ClassMinute]("alarms_by_class_per_minute", window(from, to))
}
