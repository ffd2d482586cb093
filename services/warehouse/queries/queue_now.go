package queries

import "time"

// ClassQueue is what waits of a class.
type ClassQueue struct {
	Class   string `ch:"class"`
	Waiting uint64 `ch:"waiting"`
	// OldestMS is in milliseconds.
	OldestMS int64  `ch:"oldest_ms"`
	Missed   uint64 `ch:"missed"`
}

// QueueNow counts the incidents that nobody holds; parked ones wait for no one.
func QueueNow(to time.Time) Call[ClassQueue] { return call[ClassQueue]("queue_now", until(to)) }
