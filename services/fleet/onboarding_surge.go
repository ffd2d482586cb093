package fleet

import (
	"strconv"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Onboarding surge: connections are asked for faster than they are made.
//
// Parameters (default, unverified): onboarding.least (20 requests), factor (3 × the
// own rate), window_ms (24 h). Opens when the requests of the window pass both, is
// updated as they double or as the forecast changes, closes when they are fewer than
// half. Its facts are the backlog (requests less completions) and in how many days
// it is cleared at the pace of the window: "clears-never" while more is asked for
// than is completed. It silences nothing.
func (j *judging) onboardingSurge() {
	fig := j.figures.GetOnboarding()
	j.requests.forget(j.tick, fig.GetWindowMs())
	j.completions.forget(j.tick, fig.GetWindowMs())
	j.surge(vigiev1.DetectionKind_DETECTION_KIND_ONBOARDING_SURGE, everything, &j.requests, 0, fig,
		"backlog-"+strconv.FormatInt(max(j.backlog, 0), 10), "clears-"+j.clears(fig.GetWindowMs()))
}

// clears is in how many days the backlog is gone.
func (j *judging) clears(window int64) string {
	made, asked := int64(j.completions.sum), int64(j.requests.sum)
	if j.backlog <= 0 {
		return "0"
	}
	if made <= asked || window <= 0 {
		return "never"
	}
	days := (j.backlog*window + (made-asked)*day - 1) / ((made - asked) * day)
	return strconv.FormatInt(days, 10)
}
