package fleet

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Alarm flood of a person (ISA-18.2: more than 10 alarms in 10 min). It is a measure,
// not a page (trade rule 12): the work of a centre lies above these rates by nature.
//
// Parameters: flood_alarms (10), flood_window_ms (10 min). Opens when one person
// claimed more within the window, closes when fewer than half. It takes nothing off
// anybody and silences nothing.
func (j *judging) alarmFlood() {
	window, most := j.figures.GetFloodWindowMs(), uint64(j.figures.GetFloodAlarms())
	kind := vigiev1.DetectionKind_DETECTION_KIND_ALARM_FLOOD
	for _, p := range j.people {
		p.claimed.forget(j.tick, window)
		k := groupKey{"person", p.name}
		d := j.detection(kind, k)
		switch n := p.claimed.sum; {
		case d == nil && most > 0 && n > most:
			j.openDetection(&detection{groupKey: k, kind: kind, count: n, threshold: uint32(most), window: window})
		case d != nil && n*2 < most:
			j.closeDetection(d, closedRateFell)
		case d != nil:
			j.update(d, n)
		}
	}
}
