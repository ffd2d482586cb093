package queries

import "time"

// OperatorAttainment is how well a person answered incidents of a class; see Attainment.
type OperatorAttainment struct {
	// Operator claimed them first, or closed them unclaimed; "" for nobody.
	Operator     string `ch:"operator"`
	Class        string `ch:"class"`
	Incidents    uint64 `ch:"incidents"`
	Answered     uint64 `ch:"answered"`
	WithinFirst  uint64 `ch:"within_first"`
	WithinSecond uint64 `ch:"within_second"`
	Misses       uint64 `ch:"misses"`
	// P95MS is in milliseconds; 0 when none was answered.
	P95MS int64 `ch:"p95_ms"`
}

// AnswerAttainmentByOperator judges the incidents that were opened in a range.
func AnswerAttainmentByOperator(from, to time.Time) Call[OperatorAttainment] {
	return call[OperatorAttainment]("answer_attainment_by_operator", window(from, to))
}
