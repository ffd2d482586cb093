package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Claimed, idle: pris en compte, sans action (trade rule 9). Opens when the holder
// of an incident has done nothing to it for idle_life_ms (60 s), idle_intrusion_ms
// (2 min), else idle_technical_ms (10 min). At double that the incident goes back
// into the queue and alerts again. Closes with the next act, or when it goes back.
// Silenced by: parking, which has its own wake-up.

func (w *work) idleAfter(inc *incident) int64 {
	switch inc.group {
	case groupLife:
		return w.figures().idleLife
	case groupIntrusion:
		return w.figures().idleIntrusion
	}
	return w.figures().idleTechnical
}

// watchIdle starts the clock anew after an act.
func (w *work) watchIdle(inc *incident) {
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_CLAIMED_IDLE, 0, inc.id), closedResolved)
	if inc.holder == "" || inc.parkedUntil != 0 || inc.closedAt != 0 || inc.flavour == onTest {
		w.cancelTimer(timerIdle, inc.what())
		return
	}
	w.setTimer(timerIdle, inc.what(), w.at+w.idleAfter(inc))
}

func (w *work) idle(t civil) {
	inc := w.timed(t)
	if inc == nil || inc.holder == "" {
		return
	}
	kind := vigiev1.DetectionKind_DETECTION_KIND_CLAIMED_IDLE
	if d := w.detection(kind, 0, inc.id); d != nil {
		w.closeDetection(d, closedReturned)
		w.returnToQueue(inc)
		return
	}
	d := w.fresh(kind, inc.id)
	d.incident, d.windowMS = inc.id, w.idleAfter(inc)
	d.facts = []string{"held-by-" + inc.holder}
	d.prove(inc.evidence[0])
	w.openDetection(d)
	w.setTimer(timerIdle, inc.what(), w.at+w.idleAfter(inc))
}

// returnToQueue takes the incident from who holds it.
func (w *work) returnToQueue(inc *incident) {
	inc.holder = ""
	inc.realerts++
	inc.acts = appendCapped(inc.acts, &vigiev1.IncidentAct{AtMs: w.at, By: closedByPolicy, Act: "returned-to-queue"}, maxIncidentActs)
	if inc.answered {
		w.startAnswerClock(inc, w.at)
	}
	w.touch(inc)
}
