package alarm

import "slices"

// Absences: deadlines that conclude from what a site did not say (design
// decisions 8, 48). Each stands on the supervision clock of the group that hears
// the site's first path, so that an outage of ours only postpones it. A site that
// no receiver ever heard concludes nothing: that is an installation's matter.

// absence is one such deadline; the list in the site is the truth, as with civil
// timers. Paths have theirs in themselves.
type absence struct {
	deadline int64
	group    uint16
	kind     uint16
}

func (f *Fold) absenceTimer(s *site, a absence) Timer {
	return Timer{Absence: true, Group: f.groups.name(a.group), Deadline: a.deadline, Site: s.number, Kind: a.kind}
}

// watchAbsence concludes after ms of listening since an instant, unless cancelled.
func (w *work) watchAbsence(kind uint16, since, after int64) {
	w.cancelAbsence(kind)
	if w.s.first.group == 0 {
		return
	}
	a := absence{kind: kind, group: w.s.first.group}
	a.deadline = w.env.SAt(w.f.groups.name(a.group), since) + after
	c := w.cold()
	c.absences = append(c.absences, a)
	w.arms = append(w.arms, w.f.absenceTimer(w.s, a))
}

func (w *work) cancelAbsence(kind uint16) {
	c := w.cold()
	c.absences = slices.DeleteFunc(c.absences, func(a absence) bool { return a.kind == kind })
}

// fireSilence applies an absence that is due; false when it was cancelled since.
func (f *Fold) fireSilence(env Env, s *site, t Timer) bool {
	if s.cold == nil || !slices.ContainsFunc(s.cold.absences, func(a absence) bool { return f.absenceTimer(s, a) == t }) {
		return false
	}
	at := max(s.last, env.W())
	ok := f.within(env, s, at, nil, func(w *work) {
		w.advance(at)
		w.at, s.last = at, at
		if !slices.ContainsFunc(s.cold.absences, func(a absence) bool { return f.absenceTimer(s, a) == t }) {
			return // A civil timer of the same time took it away.
		}
		w.cancelAbsence(t.Kind)
		w.due = t.Deadline
		w.silence(t)
	})
	if !ok {
		f.degrade(env, s, at, nil, func(w *work) { w.cancelAbsence(t.Kind) })
	}
	return true
}

func (w *work) silence(t Timer) {
	switch t.Kind {
	case timerLateToClose:
		w.lateToClose()
	case timerLateToOpen:
		w.lateToOpen()
	case timerNotProtected:
		w.notProtected()
	case timerTestMissed:
		w.testMissed()
	}
}
