package alarm

// Rules that set timers. The order of the numbers is the order in which timers
// of one deadline fire.
const (
	timerPathLate uint16 = iota + 1
	timerPathLost
	timerAnswerLate
	timerAnswerMissed
	timerStormEnds
	timerClosureDetected
	timerClosureStarts
	timerClosureEnds
	timerWakeUp
	timerUnknownAccount
	timerBindingRefused
	timerSchedule
	timerLateToClose
	timerLateToOpen
	timerNotProtected
	timerVisitEnds
	timerEndDue
	timerConsigne
	timerUnreached
	timerReopening
	timerRunawayEnds
	timerChatterEnds
	timerFlapEnds
	timerMains
	timerAutonomy
	timerIdle
	timerRestoreBy
	timerTestEnds
	timerFrequentTests
	timerTestMissed
	timerGuard
	timerStage
	timerHoldBack
	timerUnderMass
)

// civil is a timer of the site on the watermark. The list in the site is the
// truth; the engine's copy of a timer that was replaced finds nothing here.
type civil struct {
	deadline int64
	what     uint32
	kind     uint16
}

func (a civil) before(b civil) bool {
	if a.deadline != b.deadline {
		return a.deadline < b.deadline
	}
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	return a.what < b.what
}

func (c *cold) armed(t Timer) bool {
	for _, have := range c.timers {
		if have.kind == t.Kind && have.what == t.What && have.deadline == t.Deadline {
			return true
		}
	}
	return false
}

// setTimer arms a civil timer in place of the one of the same kind and what.
func (w *work) setTimer(kind uint16, what uint32, deadline int64) {
	c := w.cold()
	fresh := civil{deadline: deadline, kind: kind, what: what}
	for i := range c.timers {
		if c.timers[i].kind == kind && c.timers[i].what == what {
			if c.timers[i].deadline == deadline {
				return
			}
			c.timers[i] = fresh
			w.arm(fresh)
			return
		}
	}
	c.timers = append(c.timers, fresh)
	w.arm(fresh)
}

func (w *work) arm(t civil) {
	w.arms = append(w.arms, Timer{Deadline: t.deadline, Site: w.s.number, Kind: t.kind, What: t.what})
}

func (w *work) cancelTimer(kind uint16, what uint32) {
	c := w.cold()
	for i := range c.timers {
		if c.timers[i].kind == kind && c.timers[i].what == what {
			c.timers = append(c.timers[:i], c.timers[i+1:]...)
			return
		}
	}
}

// dropTimer removes a timer on which the fold failed, so that it fails once.
func (w *work) dropTimer(t Timer) {
	w.cancelTimer(t.Kind, t.What)
}

// advance fires the site's civil timers up to t in the order (deadline, kind,
// what), so that an event at t finds the state of t.
func (w *work) advance(t int64) {
	if w.s.cold == nil {
		return
	}
	c := w.s.cold
	for range maxFirings {
		next := -1
		for i := range c.timers {
			if c.timers[i].deadline <= t && (next < 0 || c.timers[i].before(c.timers[next])) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		due := c.timers[next]
		c.timers = append(c.timers[:next], c.timers[next+1:]...)
		w.s.last = max(w.s.last, due.deadline)
		w.at = w.s.last
		w.fire(due)
	}
	panic("alarm: more timers of one site were due before one event than maxFirings")
}

// fire applies a civil timer that is due; ids of what it opens derive from it.
func (w *work) fire(t civil) {
	w.due = t.deadline
	defer func() { w.due = 0 }()
	if !w.fireIncident(t) {
		w.fireSite(t)
	}
}

// fireIncident applies a timer of an incident, false when it is none.
func (w *work) fireIncident(t civil) bool {
	switch t.kind {
	case timerAnswerLate:
		w.answerLate(t)
	case timerAnswerMissed:
		w.answerMissed(t)
	case timerWakeUp:
		w.wakeUp(t)
	case timerIdle:
		w.idle(t)
	case timerGuard:
		w.guardLate(t)
	case timerRestoreBy:
		w.restoreOverdue()
	default:
		return false
	}
	return true
}

func (w *work) fireSite(t civil) {
	switch t.kind {
	case timerStormEnds:
		w.stormEnds()
	case timerClosureDetected:
		w.closureDetected(t)
	case timerClosureStarts:
		w.closureStarts()
	case timerClosureEnds:
		w.closureEnds()
	case timerUnknownAccount:
		w.unknownAccountSilent()
	case timerBindingRefused:
		w.bindingRefusalExpires()
	case timerSchedule:
		w.scheduledInstant(t)
	case timerVisitEnds:
		w.visitEnds()
	case timerEndDue, timerUnreached:
		w.judgeClosure()
	case timerConsigne:
		w.consignesChanged()
	case timerRunawayEnds:
		w.runawayEnds(t)
	case timerChatterEnds:
		w.chatterEnds(t)
	case timerFlapEnds:
		w.flapEnds(t)
	case timerMains:
		w.mainsLost()
	case timerAutonomy:
		w.autonomyRuns()
	case timerTestEnds:
		w.testEnds(false)
	case timerFrequentTests:
		w.judgeFrequentTests()
	case timerStage:
		w.stageStuck()
	case timerHoldBack:
		w.heldBack()
	case timerUnderMass:
		w.underMass()
	case timerReopening:
		w.reopeningEnds()
	}
}
