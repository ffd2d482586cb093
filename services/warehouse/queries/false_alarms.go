package queries

import "time"

// FalseAlarmShare is how many incidents of a class were false alarms.
type FalseAlarmShare struct {
	Class        string `ch:"class"`
	Closed       uint64 `ch:"closed"`
	Real         uint64 `ch:"real"`
	FalseAlarms  uint64 `ch:"false_alarms"`
	Undetermined uint64 `ch:"undetermined"`
	// ShareFalse is nil when the cause of none is known.
	ShareFalse *float64 `ch:"share_false"`
}

// FalseAlarms judges the incidents that were closed in a range by their outcome.
func FalseAlarms(from, to time.Time) Call[FalseAlarmShare] {
	return call[FalseAlarmShare]("false_alarms", window(from, to))
}
