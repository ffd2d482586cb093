package queries

import "time"

// AnswerTimes says how soon incidents of a class were claimed.
type AnswerTimes struct {
	Class     string `ch:"class"`
	Incidents uint64 `ch:"incidents"`
	Unclaimed uint64 `ch:"unclaimed"`
	Missed    uint64 `ch:"missed"`
	// Milliseconds from opening to claim; 0 when none was claimed.
	MedianMS int64 `ch:"median_ms"`
	P90MS    int64 `ch:"p90_ms"`
	MaxMS    int64 `ch:"max_ms"`
}

// AnswerTimesByClass judges the incidents that were opened in a window.
func AnswerTimesByClass(from, to time.Time) Call[AnswerTimes] {
	return call[AnswerTimes]("answer_times_by_class", window(from, to))
}
