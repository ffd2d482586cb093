package alarm

import (
	"strconv"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Closed around the clock (trade rule 3).
//
// Detected: every area armed full for armed_for_ms (24 h) and missed_openings
// (1; homes 2) scheduled openings passed meanwhile. No schedule known: never
// assumed. It ends once three things are true together: an area is disarmed, the
// hours say open, and a call-back with passcode was made since the disarm. With
// ends_without_call_back (demonstrations) a disarm in hours is enough.
// Declared (by a person who was authenticated; from–to): holds from its start; at
// its end date it becomes "end to confirm" and stands until an authenticated
// person lifts it, or until a disarm that a planned reopening names. It takes the
// place of a detected one; a disarm does not end it.
//
// What makes a closure dangerous has rules of its own: opening_at_closed_site,
// closed_not_protected, closed_without_consigne, consigne_about_to_expire,
// closed_unreachable, closure_end_due, reopening.

// closure is the site's state in that rule.
type closure struct {
	status vigiev1.ClosureStatus
	since  int64
	// changed: when status became what it is, or the site was shown, if that is later.
	changed int64
	// id, from, to and event of the declared one; "" when none is.
	id       string
	from, to int64
	event    [16]byte
	// lifted: a person ended the last one then; it is counted from there again.
	lifted int64
	// calledBack: when somebody at the site last gave the passcode since a disarm.
	calledBack int64
}

func (c *closure) is(s vigiev1.ClosureStatus) bool { return c.status == s }

func (c *closure) declared() bool {
	return c.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED) || c.is(vigiev1.ClosureStatus_CLOSURE_STATUS_END_TO_CONFIRM)
}

// running: the site is closed around the clock, detected or declared.
func (c *closure) running() bool {
	return c.declared() || c.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED)
}

// setClosure changes the status, which is what closure_changed_at tells.
func (w *work) setClosure(to vigiev1.ClosureStatus) {
	l := &w.cold().closure
	if l.status != to {
		l.status, l.changed = to, w.at
	}
}

// watchClosure sets the timer to when the site would count as closed if nobody
// disarmed it, or takes it away.
func (w *work) watchClosure() {
	c := w.cold()
	if at, ok := w.closedAt(); ok && !c.closure.running() {
		w.setTimer(timerClosureDetected, 0, at)
		return
	}
	w.cancelTimer(timerClosureDetected, 0)
}

func (w *work) closedAt() (int64, bool) {
	c, fig := w.cold(), w.figures()
	since, armed := c.armedSince()
	if !armed || c.schedule == nil {
		return 0, false
	}
	since = max(since, c.closure.lifted)
	missed, ok := c.schedule.NthOpening(since, fig.missedOpenings, w.f.zones.Zone(c.zone))
	return max(since+fig.armedFor, missed), ok
}

func (w *work) closureDetected(t civil) {
	c := w.cold()
	at, ok := w.closedAt()
	if !ok || c.closure.declared() {
		return
	}
	if at > t.deadline {
		w.setTimer(timerClosureDetected, 0, at)
		return
	}
	c.closure.since = w.at
	w.setClosure(vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED)
	kind := vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK
	fig := w.figures()
	d := &detection{
		id: ids.DetectionOfTimer(kindName(kind), w.s.number, "detected", t.deadline), kind: kind,
		windowMS: fig.armedFor, threshold: uint32(fig.missedOpenings),
	}
	for _, a := range c.areas {
		if a.event != (ids.ID{}) {
			d.prove(a.event)
		}
	}
	w.openDetection(d)
	w.closureBegan()
}

// closureBegan: from now on only "late to open" is silent, and what makes a
// closure dangerous is watched.
func (w *work) closureBegan() {
	w.happened(happenedClosure)
	w.cancelAbsence(timerLateToOpen)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LATE_TO_OPEN, 0, ""), closedClosure)
	w.watchProtection(w.figures().notProtected)
	w.judgeClosure()
}

// closureDisarmed: a closed site was opened; moved are the areas concerned.
func (w *work) closureDisarmed(moved []string, expected bool) {
	c := w.cold()
	if !c.closure.running() || len(moved) == 0 {
		return
	}
	c.closure.calledBack = 0
	if w.reopened(moved) {
		return
	}
	if open, known := w.inHours(w.at); c.closure.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED) && w.figures().endsWithoutCallBack && (open || !known) {
		w.endClosure(closedDisarmed)
		return
	}
	if expected {
		return // Its protection is judged when the visit ends.
	}
	w.openingAtClosedSite(moved[0])
	w.watchProtection(w.figures().notProtected)
}

// closureArmed: what an opening had opened ends with the last area armed full.
func (w *work) closureArmed() {
	if _, full := w.cold().armedSince(); full {
		w.cancelAbsence(timerNotProtected)
		w.closeProtection(closedArmed)
	}
	w.restoredProtection()
}

// calledBack: somebody gave the passcode on the phone.
func (w *work) calledBack() {
	if c := w.cold(); c.closure.running() {
		c.closure.calledBack = w.at
		w.closureInHours()
	}
}

// closureInHours ends a detected closure that was opened, called back and is in hours.
func (w *work) closureInHours() {
	c := w.cold()
	if !c.closure.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED) || c.closure.calledBack == 0 {
		return
	}
	_, armed := c.armedSince()
	if open, known := w.inHours(w.at); !armed && (open || !known) {
		w.endClosure(closedCalledBack)
	}
}

func (w *work) endClosure(reason string) {
	c := w.cold()
	c.closure.since, c.closure.calledBack = 0, 0
	w.setClosure(vigiev1.ClosureStatus_CLOSURE_STATUS_NONE)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK, 0, ""), reason)
	w.cancelAbsence(timerNotProtected)
	w.closeProtection(closedEnded)
	w.judgeClosure()
	w.changed()
}

func (w *work) declareClosure(ev *vigiev1.Event, b *vigiev1.ClosureDeclared) decided {
	switch {
	case b.GetClosure() == "" || len(b.GetClosure()) > maxText:
		return refused("closure-id-required")
	case b.GetToMs() != 0 && b.GetToMs() <= b.GetFromMs():
		return refused("bad-window")
	case b.GetDeclaredBy() == "" || b.GetAuthenticatedHow() == "":
		return refused("authentication-required")
	}
	c := w.cold()
	if c.closure.id != "" && c.closure.id != b.GetClosure() {
		return refused("already-closed-site")
	}
	c.closure.id, c.closure.from, c.closure.to = b.GetClosure(), b.GetFromMs(), b.GetToMs()
	c.closure.event = idOf(ev.GetId())
	w.cancelTimer(timerClosureEnds, 0)
	w.changed()
	if b.GetFromMs() > w.at {
		w.setTimer(timerClosureStarts, 0, b.GetFromMs())
	} else {
		w.cancelTimer(timerClosureStarts, 0)
		w.closureStarts()
	}
	return accepted("")
}

func (w *work) closureStarts() {
	c := w.cold()
	running := c.closure.running()
	if !running {
		c.closure.since = w.at
	}
	w.setClosure(vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED)
	kind := vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK
	if d := w.detection(kind, 0, ""); d != nil {
		d.prove(c.closure.event)
		w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	} else {
		id := ids.DetectionOfEvent(kindName(kind), w.s.number, []byte(string(c.closure.event[:])+strconv.FormatInt(c.closure.from, 10)))
		w.openDetection(&detection{id: id, kind: kind, evidence: []ids.ID{c.closure.event}})
	}
	if c.closure.to != 0 {
		w.setTimer(timerClosureEnds, 0, c.closure.to)
	}
	w.watchClosure()
	if running {
		w.judgeClosure()
	} else {
		w.closureBegan()
	}
	w.changed()
}

func (w *work) closureEnds() {
	c := w.cold()
	if c.closure.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED) {
		w.setClosure(vigiev1.ClosureStatus_CLOSURE_STATUS_END_TO_CONFIRM)
		w.judgeClosure()
		w.changed()
	}
}

func (w *work) liftClosure(b *vigiev1.ClosureLifted) decided {
	c := w.cold()
	if c.closure.id == "" || b.GetClosure() != c.closure.id {
		return refused("no-such-closure")
	}
	if b.GetLiftedBy() == "" || b.GetAuthenticatedHow() == "" {
		return refused("authentication-required")
	}
	w.undeclareClosure(closedLifted)
	return accepted("")
}

// undeclareClosure ends a declared closure, or the plan of one.
func (w *work) undeclareClosure(reason string) {
	c := w.cold()
	w.cancelTimer(timerClosureStarts, 0)
	w.cancelTimer(timerClosureEnds, 0)
	c.closure.id, c.closure.from, c.closure.to = "", 0, 0
	if c.closure.declared() {
		c.closure.lifted = w.at
		w.endClosure(reason)
	}
	w.watchClosure()
	w.changed()
}

// judgeClosure judges what makes the closure dangerous while nothing happens: each
// rule opens and closes its own detection and sets its own timer.
func (w *work) judgeClosure() {
	w.judgeEndDue()
	w.judgeWithoutConsigne()
	w.judgeExpiring()
	w.judgeUnreachable()
}
