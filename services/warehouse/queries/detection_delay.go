package queries

import "time"

// KindDelay is how soon losses of a kind were detected.
type KindDelay struct {
	Kind       string `ch:"kind"`
	Detections uint64 `ch:"detections"`
	// Milliseconds from the last proof of life.
	P50MS int64 `ch:"p50_ms"`
	P95MS int64 `ch:"p95_ms"`
	MaxMS int64 `ch:"max_ms"`
	// P95BeyondMS is what lies beyond the interval of the polls.
	P95BeyondMS int64 `ch:"p95_beyond_ms"`
}

// DetectionDelay judges the losses that were detected in a range.
func DetectionDelay(from, to time.Time) Call[KindDelay] {
	return call[KindDelay]("detection_delay", window(from, to))
}
