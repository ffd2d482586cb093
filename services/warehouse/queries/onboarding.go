package queries

import "time"

// Connections is the one row of Onboarding.
type Connections struct {
	Requested   uint64 `ch:"requested"`
	IntoService uint64 `ch:"into_service"`
	// Milliseconds from asked for to in service; 0 when none came into service.
	MedianLeadMS int64   `ch:"median_lead_ms"`
	P90LeadMS    int64   `ch:"p90_lead_ms"`
	Backlog      uint64  `ch:"backlog"`
	OldestMS     int64   `ch:"oldest_ms"`
	Pace         float64 `ch:"pace"`
	// ForecastDays is nil without a pace.
	ForecastDays *float64 `ch:"forecast_days"`
}

// Onboarding tells how connections came into service in a range.
func Onboarding(from, to time.Time) Call[Connections] {
	return call[Connections]("onboarding", window(from, to))
}
