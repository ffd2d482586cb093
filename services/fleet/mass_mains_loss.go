package fleet

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Mass mains loss (trade rule 6): the mains of many sites of a region fail together.
//
// Parameters: mains.least (20 sites), factor (5 × its own rate), window_ms (10 min);
// no share of the group is asked for. Opens when the mains losses of the window pass
// both, is updated as they double, closes when they are fewer than half. It takes
// nothing under it: each site's mains fault keeps its own waiting time, battery
// clock and incident, and no alarm waits.
func (j *judging) massMainsLoss() {
	for _, g := range j.groups {
		if g.kind == kindRegion {
			j.surge(vigiev1.DetectionKind_DETECTION_KIND_MASS_MAINS_LOSS, g.groupKey, &g.mains, g.sites, j.figures.GetMains())
		}
	}
}
