package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Following a schedule: one timer a site, at its next opening or closing time.
// What the site does about it is judged in late_to_close.go, late_to_open.go and
// unexpected_opening.go. A site before its service, suspended or resigned is not
// judged by its schedule.

// watched tells whether the site is in service; one of which nothing is known is.
func (c *cold) watched() bool {
	return c.stage == vigiev1.ConnectionStage_STAGE_UNSPECIFIED || c.stage == vigiev1.ConnectionStage_STAGE_IN_SERVICE
}

// watchSchedule sets the timer to the next opening or closing time.
func (w *work) watchSchedule() {
	c := w.cold()
	at, ok := w.nextInstant(w.at)
	if !ok || !c.watched() || w.s.number >= ids.FirstUndeclared {
		w.cancelTimer(timerSchedule, 0)
		return
	}
	w.setTimer(timerSchedule, 0, at)
}

func (w *work) nextInstant(after int64) (int64, bool) {
	c := w.cold()
	if c.schedule == nil {
		return 0, false
	}
	loc := w.f.zones.Zone(c.zone)
	opening, opens := c.schedule.NextOpening(after, loc)
	closing, closes := c.schedule.NextClosing(after, loc)
	if opens && (!closes || opening < closing) {
		return opening, true
	}
	return closing, closes
}

// inHours tells whether the site's hours include an instant; false in known when
// no schedule says so.
func (w *work) inHours(at int64) (open, known bool) {
	c := w.cold()
	return c.schedule.IsOpen(at, w.f.zones.Zone(c.zone))
}

// scheduledInstant is opening or closing time.
func (w *work) scheduledInstant(t civil) {
	fig := w.figures()
	open, known := w.inHours(t.deadline)
	if open || !known { // Where no closing is known it was an opening.
		w.hoursBegin()
		w.watchAbsence(timerLateToOpen, t.deadline, w.opensWithin())
	} else {
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN, 0, ""), closedNextTime)
		w.cancelAbsence(timerLateToOpen)
		w.watchAbsence(timerLateToClose, t.deadline, fig.lateToClose)
	}
	w.watchSchedule()
	w.closureInHours()
}

func (w *work) hoursBegin() {
	w.cancelAbsence(timerLateToClose)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_CLOSE, 0, ""), closedNextTime)
	w.unexpectedOpeningEnds(closedHours)
}

// scheduleChanged judges anew by another schedule; what the old one had opened ends.
func (w *work) scheduleChanged() {
	w.cancelAbsence(timerLateToClose)
	w.cancelAbsence(timerLateToOpen)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_CLOSE, 0, ""), closedSchedule)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN, 0, ""), closedSchedule)
	w.unexpectedOpeningEnds(closedSchedule)
	w.watchClosure()
	w.watchSchedule()
	w.checkReopening()
}

// scheduleArmed and scheduleDisarmed follow what people do at the keypad.
func (w *work) scheduleArmed() {
	c := w.cold()
	if len(c.unarmed()) > 0 {
		return
	}
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_CLOSE, 0, ""), closedArmed)
	w.unexpectedOpeningEnds(closedArmed)
}

func (w *work) scheduleDisarmed(moved []string, expected bool) {
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN, 0, ""), closedDisarmed)
	if len(moved) > 0 && !expected {
		w.unexpectedOpening(moved[0])
	}
}

// raiseScheduled opens an incident for what a schedule concluded: high is answered
// as an intrusion, the rest by a clock of its own.
func (w *work) raiseScheduled(d *detection, high bool) {
	r := raised{
		id: d.id, class: vigiev1.EventClass_EVENT_CLASS_OPENING_CLOSING, area: d.area, at: w.at,
		group: groupTechnical, grouped: true, clock: clockSchedule, evidence: d.evidence,
	}
	if high {
		r.group, r.clock = groupIntrusion, uint8(groupIntrusion)
	}
	w.raise(r)
}
