package queries

import "time"

// Freshness is the one row of DataFreshness, which has none without beats.
type Freshness struct {
	NewestBeat time.Time `ch:"newest_beat"`
	// AgeMS is in milliseconds.
	AgeMS int64 `ch:"age_ms"`
}

// DataFreshness says how far the archive lags behind as of a time.
func DataFreshness(to time.Time) Call[Freshness] {
	return call[Freshness]("data_freshness", until(to))
}
