package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Answer clocks (trade rule 9). Answered is claimed and first act (call, video,
// audio, guard, police, a verification). Past the first figure of the incident's
// class group the answer is late, past the second missed; "missed" takes the
// place of "late".
//
// Parameters: AnswerPolicy of the class group. Civil timers: they run during our
// own outages too. Opened at the figure, closed when answered or when the
// incident is closed. A re-alert starts a new clock only where none is running:
// a folded alarm never stops one.

func (w *work) startAnswerClock(inc *incident, from int64) {
	if inc.flavour == onTest {
		return
	}
	fig := w.figures().answers[inc.clock]
	inc.atRisk, inc.missed = from+fig.atRisk, from+fig.missed
	inc.answered, inc.acted = false, false
	w.setTimer(timerAnswerLate, inc.what(), inc.atRisk)
	w.setTimer(timerAnswerMissed, inc.what(), inc.missed)
}

// alertAgain restarts the clock of an answered incident; where the folded alarm
// has a shorter clock than the one running, the shorter holds.
func (w *work) alertAgain(inc *incident, r raised) {
	if inc.answered {
		inc.clock = r.clock
		w.startAnswerClock(inc, r.at)
		return
	}
	fig := w.figures().answers[r.clock]
	if r.at+fig.missed < inc.missed {
		inc.clock = r.clock
		inc.atRisk, inc.missed = min(inc.atRisk, r.at+fig.atRisk), r.at+fig.missed
		w.setTimer(timerAnswerLate, inc.what(), inc.atRisk)
		w.setTimer(timerAnswerMissed, inc.what(), inc.missed)
	}
}

func (w *work) answerLate(t civil) {
	if inc := w.timed(t); inc != nil && !inc.answered {
		w.openAnswer(inc, vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE, t)
	}
}

func (w *work) answerMissed(t civil) {
	inc := w.timed(t)
	if inc == nil || inc.answered {
		return
	}
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE, 0, inc.id), closedMissed)
	w.openAnswer(inc, vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED, t)
}

func (w *work) openAnswer(inc *incident, kind vigiev1.DetectionKind, t civil) {
	if w.detection(kind, 0, inc.id) != nil {
		return
	}
	fig := w.figures().answers[inc.clock]
	d := &detection{
		id: ids.DetectionOfTimer(kindName(kind), w.s.number, inc.id, t.deadline), kind: kind,
		incident: inc.id, windowMS: fig.atRisk,
	}
	if kind == vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED {
		d.windowMS = fig.missed
	}
	d.prove(inc.evidence[0])
	w.openDetection(d)
}

// answer stops the clock once the incident is claimed and acted upon.
func (w *work) answer(inc *incident) {
	if !inc.answered && inc.holder != "" && inc.acted {
		inc.answered = true
		w.stopAnswerClock(inc, closedAnswered)
	}
}

func (w *work) stopAnswerClock(inc *incident, reason string) {
	w.cancelTimer(timerAnswerLate, inc.what())
	w.cancelTimer(timerAnswerMissed, inc.what())
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE, 0, inc.id), reason)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED, 0, inc.id), reason)
}
