package queries

import "time"

// AnswerQuantiles says how long incidents of a class waited for their answer, ms.
type AnswerQuantiles struct {
	Class    string `ch:"class"`
	Answered uint64 `ch:"answered"`
	P50MS    int64  `ch:"p50_ms"`
	P95MS    int64  `ch:"p95_ms"`
	P985MS   int64  `ch:"p985_ms"`
	MaxMS    int64  `ch:"max_ms"`
}

// AnswerQuantilesByClass looks at the incidents that were opened in a range.
func AnswerQuantilesByClass(from, to time.Time) Call[AnswerQuantiles] {
	return call[AnswerQuantiles]("answer_quantiles", window(from, to))
}
