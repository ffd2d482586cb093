package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Guard late (trade rule 10). Opens when a guard who was requested for an incident
// has neither arrived nor refused within guard_ms (30 min, or what the contract of
// the site's class says). Closes when one arrives or refuses, or with the incident.
// Nothing silences it.

func (w *work) guardStepped(inc *incident, b *vigiev1.GuardStep) {
	switch b.GetStep() {
	case vigiev1.GuardStep_STEP_REQUESTED:
		w.setTimer(timerGuard, inc.what(), w.at+w.figures().guardLate)
	case vigiev1.GuardStep_STEP_ARRIVED, vigiev1.GuardStep_STEP_REFUSED:
		w.cancelTimer(timerGuard, inc.what())
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_GUARD_LATE, 0, inc.id), closedResolved)
	}
}

func (w *work) guardLate(t civil) {
	inc := w.timed(t)
	kind := vigiev1.DetectionKind_DETECTION_KIND_GUARD_LATE
	if inc == nil || w.detection(kind, 0, inc.id) != nil {
		return
	}
	d := w.fresh(kind, inc.id)
	d.incident, d.windowMS = inc.id, w.figures().guardLate
	d.prove(inc.evidence[0])
	w.openDetection(d)
}
