package queries

import "time"

// GroupAlarms is how many alarms of a class the sites of a group had.
type GroupAlarms struct {
	Group  string `ch:"site_group"`
	Class  string `ch:"class"`
	Alarms uint64 `ch:"alarms"`
	// Sites are those that the alarms came from.
	Sites uint64 `ch:"sites"`
}

// AlarmsByGroup counts the accepted alarms of a range.
func AlarmsByGroup(from, to time.Time) Call[GroupAlarms] {
	return call[GroupAlarms]("alarms_by_group", window(from, to))
}
