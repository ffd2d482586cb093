package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Announced visits (trade rule 3): who announced it and how that was
// authenticated, a named person or a user code, areas, from–to of at most
// longest_visit_ms (4 h). During a closure a disarm by that code, in those areas
// and in that window is no opening at a closed site; by another, elsewhere or at
// another time it is. A visit covers nothing else: never an alarm of any class.
// When its window ends the site has after_visit_ms (15 min) to be armed full.

// visit is one that was announced. An empty code stands for a named person, whose
// code nobody knows; no areas for all of them.
type visit struct {
	id, code string
	// by announced it: a reference, never a name.
	by       string
	areas    []string
	from, to int64
}

func (w *work) announceVisit(b *vigiev1.VisitAnnounced) decided {
	c := w.seldom()
	switch {
	case b.GetVisit() == "" || len(b.GetVisit()) > maxText:
		return refused("visit-id-required")
	case b.GetAnnouncedBy() == "" || b.GetAuthenticatedHow() == "":
		return refused("authentication-required")
	case b.GetUserCode() == "" && b.GetPerson() == nil:
		return refused("person-or-code-required")
	case b.GetToMs() <= b.GetFromMs() || b.GetToMs() <= w.at:
		return refused("bad-window")
	case b.GetToMs()-b.GetFromMs() > w.figures().longestVisit:
		return refused("visit-too-long")
	case len(b.GetAreas()) > maxAreas:
		return refused("too-many-areas")
	}
	v := &visit{id: b.GetVisit(), code: clip(b.GetUserCode()), by: clip(b.GetAnnouncedBy()), from: b.GetFromMs(), to: b.GetToMs()}
	for _, a := range b.GetAreas() {
		v.areas = append(v.areas, areaName(a))
	}
	c.visits = slices.DeleteFunc(c.visits, func(o *visit) bool { return o.id == v.id })
	if len(c.visits) == maxVisits {
		return refused("too-many-visits")
	}
	c.visits = append(c.visits, v)
	w.watchVisits()
	return accepted("")
}

// watchVisits sets the timer to the end of the visit that ends first.
func (w *work) watchVisits() {
	w.changed()
	w.cancelTimer(timerVisitEnds, 0)
	first := int64(0)
	for _, v := range w.cold().visits {
		if first == 0 || v.to < first {
			first = v.to
		}
	}
	if first != 0 {
		w.setTimer(timerVisitEnds, 0, first)
	}
}

func (w *work) visitEnds() {
	c := w.seldom()
	c.visits = slices.DeleteFunc(c.visits, func(v *visit) bool { return v.to <= w.at })
	w.watchVisits()
	if !c.visitNow(w.at) {
		w.watchProtection(w.figures().afterVisit)
	}
}

// visitNow tells whether a visit's window is open.
func (c *cold) visitNow(at int64) bool {
	return slices.ContainsFunc(c.visits, func(v *visit) bool { return at >= v.from && at < v.to })
}

// covers tells whether the visit names a disarm of these areas by this code.
func (v *visit) covers(at int64, moved []string, code string) bool {
	if at < v.from || at >= v.to || v.code != "" && v.code != code {
		return false
	}
	return covered(v.areas, moved)
}

// covered tells whether named areas (none: all) include each of those.
func covered(named, areas []string) bool {
	if len(named) == 0 || slices.Contains(named, "") {
		return true
	}
	return !slices.ContainsFunc(areas, func(a string) bool { return !slices.Contains(named, a) })
}

// expectedOpening tells whether a visit or a planned reopening names the disarm.
func (w *work) expectedOpening(moved []string, code string) bool {
	c := w.cold()
	return c.reopening.covers(w.at, moved) ||
		slices.ContainsFunc(c.visits, func(v *visit) bool { return v.covers(w.at, moved, code) })
}
