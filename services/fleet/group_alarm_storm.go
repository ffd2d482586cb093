package fleet

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Group alarm storm: the sites of one region, installer, panel model, line or carrier
// alarm far more than they use to: weather, a bad batch, a configuration pushed to
// all, an attack.
//
// Parameters (default, unverified): alarms.least (20 alarms), factor (5 × its own
// rate), window_ms (10 min). Opens when the alarms of the window pass both, is
// updated as they double, closes when they are fewer than half. It is a sign to the
// shift leader: no alarm is folded, delayed or silenced by it.
func (j *judging) groupAlarmStorm() {
	for _, g := range j.groups {
		if slices.Contains(massKinds, g.kind) && g.kind != kindReceiver {
			j.surge(vigiev1.DetectionKind_DETECTION_KIND_GROUP_ALARM_STORM, g.groupKey, &g.alarms, g.sites, j.figures.GetAlarms())
		}
	}
}
