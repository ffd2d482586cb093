package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Late to open (trade rule 7). Opens when every area is still armed
// late_to_open_ms (15 min) after opening time; at a site of high risk (bank,
// jeweller) late_to_open_high_risk_ms (5 min), and then it is answered as an
// intrusion: somebody may be held there. Closes by a disarm, at closing time,
// when the schedule changes or the site counts as closed. Silenced by: a closure
// (the only thing that a closure silences), an outage of ours until we have
// listened for that long, a site not in service.

func (w *work) opensWithin() int64 {
	if w.cold().highRisk {
		return w.figures().lateToOpenHigh
	}
	return w.figures().lateToOpen
}

func (w *work) lateToOpen() {
	c := w.cold()
	if len(c.areas) == 0 || len(c.unarmed()) > 0 || c.closure.running() {
		return
	}
	d := w.fresh(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN, "")
	d.windowMS = w.opensWithin()
	for _, a := range c.areas {
		if a.event != [16]byte{} {
			d.prove(a.event)
		}
	}
	w.openDetection(d)
	w.raiseScheduled(d, c.highRisk)
}
