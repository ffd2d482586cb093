package queries

import (
	"cmp"
	"time"
)

// HourAttainment is how well incidents of a class were answered that opened in an hour
// of the day; see Attainment.
type HourAttainment struct {
	// Hour is 0 to 23.
	Hour         uint64 `ch:"hour"`
	Class        string `ch:"class"`
	Incidents    uint64 `ch:"incidents"`
	Answered     uint64 `ch:"answered"`
	WithinFirst  uint64 `ch:"within_first"`
	WithinSecond uint64 `ch:"within_second"`
	// Milliseconds, of those answered; 0 when none was.
	P50MS  int64 `ch:"p50_ms"`
	P95MS  int64 `ch:"p95_ms"`
	P985MS int64 `ch:"p985_ms"`
}

// usualZone is whose clock counts when none is named.
const usualZone = "Europe/Paris"

// AnswerAttainmentByHour judges the incidents that were opened in a range, by the hours
// of a time zone of the tz database; "" is Europe/Paris.
func AnswerAttainmentByHour(from, to time.Time, zone string) Call[HourAttainment] {
	args := window(from, to)
	args["time_zone"] = cmp.Or(zone, usualZone)
	return call[HourAttainment]("answer_attainment_by_hour", args)
}
