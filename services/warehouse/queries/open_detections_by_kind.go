package queries

import "time"

// OpenKind is what is open of a kind of detection.
type OpenKind struct {
	Kind string `ch:"kind"`
	Open uint64 `ch:"open"`
	// OldestMS is in milliseconds.
	OldestMS int64 `ch:"oldest_ms"`
}

// OpenDetectionsByKind counts the detections that are open as of a time.
func OpenDetectionsByKind(to time.Time) Call[OpenKind] {
	return call[OpenKind]("open_detections_by_kind", until(to))
}
