package fleet

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Closure wave: many sites begin to be closed around the clock at once, in a region
// or everywhere: an order of the authorities, a strike, a holiday nobody entered.
//
// Parameters (default, unverified): closures.least (20 sites), share_permille (30:
// 3 % of the group), factor (5 × its own rate), window_ms (1 h). Opens when the
// closures begun in the window pass all three, is updated as they double, closes
// when they are fewer than half. What each closed site needs (consigne, contacts,
// protection) is told by the rules of the site; this silences nothing.
func (j *judging) closureWave() {
	for _, g := range j.groups {
		if g.kind == kindRegion || g.kind == kindAll {
			j.surge(vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_WAVE, g.groupKey, &g.closures, g.sites, j.figures.GetClosures())
		}
	}
}
