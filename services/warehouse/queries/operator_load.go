package queries

import "time"

// OperatorWork is what a person did in a range.
type OperatorWork struct {
	Operator string `ch:"operator"`
	Acts     uint64 `ch:"acts"`
	Claimed  uint64 `ch:"claimed"`
	Closed   uint64 `ch:"closed"`
	// Milliseconds from first claim to closing; 0 when none was closed.
	MedianHandlingMS  int64  `ch:"median_handling_ms"`
	P90HandlingMS     int64  `ch:"p90_handling_ms"`
	BusiestTenMinutes uint64 `ch:"busiest_ten_minutes"`
}

// OperatorLoad lists who acted in a range.
func OperatorLoad(from, to time.Time) Call[OperatorWork] {
	return call[OperatorWork]("operator_load", window(from, to))
}
