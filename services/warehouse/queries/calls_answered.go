package queries

import "time"

// CallsAnsweredIn is the one row of CallsAnswered.
type CallsAnsweredIn struct {
	Offered        uint64 `ch:"offered"`
	Answered       uint64 `ch:"answered"`
	InTime         uint64 `ch:"in_time"`
	Abandoned      uint64 `ch:"abandoned"`
	AbandonedEarly uint64 `ch:"abandoned_early"`
	Waiting        uint64 `ch:"waiting"`
	Transferred    uint64 `ch:"transferred"`
	// Share is nil when no call is judged.
	Share  *float64 `ch:"share"`
	Target float64  `ch:"target"`
	// Milliseconds from offered to answered; 0 when none was answered.
	MedianWaitMS int64 `ch:"median_wait_ms"`
	P90WaitMS    int64 `ch:"p90_wait_ms"`
}

// CallsAnswered judges the calls that were offered in a window.
func CallsAnswered(from, to time.Time) Call[CallsAnsweredIn] {
	return call[CallsAnsweredIn]("calls_answered", window(from, to))
}
