package queries

import "time"

// GroupAttainment is how well incidents of a class were answered at the sites of a
// group; see Attainment.
type GroupAttainment struct {
	Group         string `ch:"site_group"`
	Class         string `ch:"class"`
	Incidents     uint64 `ch:"incidents"`
	WithinFirst   uint64 `ch:"within_first"`
	WithinSecond  uint64 `ch:"within_second"`
	Misses        uint64 `ch:"misses"`
	MissesAllowed uint64 `ch:"misses_allowed"`
}

// AnswerAttainmentByGroup judges the incidents that were opened in a range.
func AnswerAttainmentByGroup(from, to time.Time) Call[GroupAttainment] {
	return call[GroupAttainment]("answer_attainment_by_group", window(from, to))
}
