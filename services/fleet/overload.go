package fleet

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Overload (trade rule 12): a page. A life or hold-up incident waits past its first
// figure (30 s), or those present are busy for more than occupancy_percent (85 %) of
// occupancy_window_ms (15 min).
//
// Opens with either, at once; its facts say which. Closes when neither holds.
// Occupancy is judged once the window is whole; a person is busy who holds an
// incident that is not parked. Nothing silences it, and it silences nothing.
func (j *judging) overload() {
	present, busy := j.staff()
	window := j.figures.GetOccupancyWindowMs()
	j.occupancy = append(j.occupancy, occupied{j.tick, present, busy})
	j.occupancy = slices.DeleteFunc(j.occupancy, func(o occupied) bool { return o.tick <= j.tick-window })
	var facts []string
	if j.late("life") > 0 {
		facts = append(facts, "life-unanswered")
	}
	if j.occupiedTooLong(window) {
		facts = append(facts, "occupancy")
	}
	kind := vigiev1.DetectionKind_DETECTION_KIND_OVERLOAD
	d := j.detection(kind, everything)
	switch {
	case d == nil && len(facts) > 0:
		j.openDetection(&detection{groupKey: everything, kind: kind, count: busy, of: present, threshold: j.figures.GetOccupancyPercent(), window: window, facts: facts})
	case d != nil && len(facts) == 0:
		j.closeDetection(d, closedRateFell)
	case d != nil:
		d.of = present
		j.update(d, busy, facts...)
	}
}

// occupied is who was there at a tick, and who of them had something in hand.
type occupied struct {
	tick          int64
	present, busy uint64
}

func (j *judging) occupiedTooLong(window int64) bool {
	if len(j.occupancy) == 0 || j.occupancy[0].tick > j.tick-window+TickMS {
		return false
	}
	var present, busy uint64
	for _, o := range j.occupancy {
		present, busy = present+o.present, busy+o.busy
	}
	return present > 0 && busy*100 > present*uint64(j.figures.GetOccupancyPercent())
}
