package alarm

import (
	"bytes"
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// takenBack applies an event, fails once everything was done and looks whether the site
// is what it was. The axis does so before each event of each test, so that no rule can
// change what nobody kept.
func (a *axis) takenBack(ev *vigiev1.Event) {
	if s := a.fold.sites.find(ev.GetSite()); ev != nil && s != nil {
		t := max(s.last, ev.GetReceivedAtMs())
		a.failed(s, t, ev.GetId(), func(w *work) { w.take(ev, t) })
	}
}

// firedBack does the same with a civil timer.
func (a *axis) firedBack(t Timer) {
	if s := a.fold.sites.find(t.Site); s != nil && s.cold != nil && !t.Absence {
		a.failed(s, max(s.last, t.Deadline), nil, func(w *work) { w.advance(t.Deadline) })
	}
}

func (a *axis) failed(s *site, at int64, cause []byte, do func(*work)) {
	a.t.Helper()
	f := a.fold
	was, counts, failure, masses := siteBytes(s), f.Counts(), f.failure, slices.Clone(f.masses)
	outs, timers := len(a.outs), len(a.timers)
	ok := f.within(a, s, at, cause, func(w *work) {
		do(w)
		w.finish()
		panic("the test takes it back")
	})
	if ok || !bytes.Equal(siteBytes(s), was) || f.Counts() != counts || len(a.outs) != outs || len(a.timers) != timers {
		a.t.Fatalf("a record that failed (%v) left something behind on %s", !ok, ids.Site(s.number))
	}
	f.failure, f.masses = failure, masses
}
