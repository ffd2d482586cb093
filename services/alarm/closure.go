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
// assumed. Ends by a disarm of any area.
// Declared (by a person, from–to): holds from its start; at its end date it
// becomes "end to confirm" and stands until a person lifts it. A declared one
// takes the place of a detected one; a disarm does not end it.

// closure is the site's state in that rule.
type closure struct {
	status vigiev1.ClosureStatus
	since  int64
	// id, from, to and event of the declared one; "" when none is.
	id       string
	from, to int64
	event    [16]byte
	// lifted: a person ended the last one then; it is counted from there again.
	lifted int64
}

func (c *closure) is(s vigiev1.ClosureStatus) bool { return c.status == s }

func (c *closure) declared() bool {
	return c.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED) || c.is(vigiev1.ClosureStatus_CLOSURE_STATUS_END_TO_CONFIRM)
}

// watchClosure sets the timer to when the site would count as closed if nobody
// disarmed it, or takes it away.
func (w *work) watchClosure() {
	c := w.cold()
	if at, ok := w.closedAt(); ok && !c.closure.declared() && !c.closure.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED) {
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
	missed, ok := c.schedule.nthOpening(since, fig.missedOpenings, w.f.zones.zone(c.zone))
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
	c.closure.status, c.closure.since = vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED, w.at
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
}

// closureDisarmed ends a detected closure.
func (w *work) closureDisarmed() {
	if w.cold().closure.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED) {
		if _, armed := w.cold().armedSince(); !armed {
			w.endClosure(closedDisarmed)
		}
	}
}

func (w *work) endClosure(reason string) {
	c := w.cold()
	c.closure.status, c.closure.since = vigiev1.ClosureStatus_CLOSURE_STATUS_NONE, 0
	w.closeDetection(c.detection(vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK, 0, ""), reason)
	w.changed()
}

func (w *work) declareClosure(ev *vigiev1.Event, b *vigiev1.ClosureDeclared) decided {
	switch {
	case b.GetClosure() == "" || len(b.GetClosure()) > maxText:
		return refused("closure-id-required")
	case b.GetToMs() != 0 && b.GetToMs() <= b.GetFromMs():
		return refused("bad-window")
	}
	c := w.cold()
	if c.closure.id != "" && c.closure.id != b.GetClosure() {
		return refused("already-closed-site")
	}
	c.closure.id, c.closure.from, c.closure.to = b.GetClosure(), b.GetFromMs(), b.GetToMs()
	c.closure.event = idOf(ev.GetId())
	w.cancelTimer(timerClosureEnds, 0)
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
	wasDetected := c.closure.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED)
	if !c.closure.declared() && !wasDetected {
		c.closure.since = w.at
	}
	c.closure.status = vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED
	kind := vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK
	if d := c.detection(kind, 0, ""); d != nil {
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
	w.changed()
}

func (w *work) closureEnds() {
	c := w.cold()
	if c.closure.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED) {
		c.closure.status = vigiev1.ClosureStatus_CLOSURE_STATUS_END_TO_CONFIRM
		w.changed()
	}
}

func (w *work) liftClosure(b *vigiev1.ClosureLifted) decided {
	c := w.cold()
	if c.closure.id == "" || b.GetClosure() != c.closure.id {
		return refused("no-such-closure")
	}
	w.cancelTimer(timerClosureStarts, 0)
	w.cancelTimer(timerClosureEnds, 0)
	c.closure.id, c.closure.from, c.closure.to = "", 0, 0
	if c.closure.declared() {
		c.closure.lifted = w.at
		w.endClosure(closedLifted)
	}
	w.watchClosure()
	return accepted("")
}
