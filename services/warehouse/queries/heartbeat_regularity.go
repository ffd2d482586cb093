package queries

import "time"

// GroupHeartbeats is how regularly the paths of one number were heard, in a group of sites.
type GroupHeartbeats struct {
	Group string `ch:"site_group"`
	Path  uint64 `ch:"path"`
	Paths uint64 `ch:"paths"`
	// Hours are summed over the paths, each from its first heartbeat in the range on.
	Hours      uint64  `ch:"hours"`
	HoursHeard uint64  `ch:"hours_heard"`
	ShareHeard float64 `ch:"share_heard"`
	// Milliseconds of whole hours: the longest silence of each path.
	P50SilenceMS int64 `ch:"p50_silence_ms"`
	P95SilenceMS int64 `ch:"p95_silence_ms"`
	MaxSilenceMS int64 `ch:"max_silence_ms"`
}

// HeartbeatRegularity judges the paths of all groups over the whole hours of a range.
func HeartbeatRegularity(from, to time.Time) Call[GroupHeartbeats] {
	return call[GroupHeartbeats]("heartbeat_regularity", window(from, to))
}
