package queries

import "time"

// AlarmStorm is a site, or a group of sites, that alarmed without end.
type AlarmStorm struct {
	// Kind is alarm_storm or group_alarm_storm; a group has no Site (0), a site no Group.
	Kind     string    `ch:"kind"`
	Site     uint64    `ch:"site"`
	Label    string    `ch:"label"`
	Group    string    `ch:"site_group"`
	OpenedAt time.Time `ch:"opened_at"`
	// ClosedAt is 1970 while it lasts.
	ClosedAt time.Time `ch:"closed_at"`
	Alarms   uint64    `ch:"alarms"`
	// DurationMS is to the end of the range while it lasts.
	DurationMS int64 `ch:"duration_ms"`
}

// AlarmStorms lists at most limit storms with a part in a range, the longest first.
func AlarmStorms(from, to time.Time, limit uint32) Call[AlarmStorm] {
	return call[AlarmStorm]("alarm_storms", most(from, to, limit))
}
