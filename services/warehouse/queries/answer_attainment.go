package queries

import "time"

// Attainment is how well incidents of a class were answered.
type Attainment struct {
	Class     string `ch:"class"`
	Incidents uint64 `ch:"incidents"`
	Answered  uint64 `ch:"answered"`
	// WithinFirst and WithinSecond are the figures of the answer clock (80 % and
	// 98.5 % of incidents are to be answered within them).
	WithinFirst  uint64  `ch:"within_first"`
	WithinSecond uint64  `ch:"within_second"`
	ShareFirst   float64 `ch:"share_first"`
	ShareSecond  float64 `ch:"share_second"`
	// MissesAllowed is 1.5 % of Incidents, rounded down.
	Misses        uint64 `ch:"misses"`
	MissesAllowed uint64 `ch:"misses_allowed"`
}

// AnswerAttainment judges the incidents that were opened in a range.
func AnswerAttainment(from, to time.Time) Call[Attainment] {
	return call[Attainment]("answer_attainment", window(from, to))
}
