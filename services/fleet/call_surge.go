package fleet

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Call surge: far more customers call than use to.
//
// Parameters (default, unverified): calls.least (10 calls), factor (3 × the own
// rate), window_ms (15 min). Opens when the calls offered in the window pass both,
// is updated as they double, closes when they are fewer than half. It silences
// nothing: calls and alarms share people, and staff_needed.go says how many.
func (j *judging) callSurge() {
	j.calls.forget(j.tick, j.figures.GetCalls().GetWindowMs())
	j.surge(vigiev1.DetectionKind_DETECTION_KIND_CALL_SURGE, everything, &j.calls, 0, j.figures.GetCalls())
}
