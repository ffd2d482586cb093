package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Reopening planned (trade rule 3): from–to and areas, by a person who was
// authenticated. A disarm in the window, in one of the areas, is expected: it is
// no opening at a closed site and no early opening, and it ends the closure. The
// counted row of the group is the fleet's. "Reopening incomplete" is the site's
// check-list: it opens with that disarm while something of it is missing (a
// schedule, the end of the temporary consigne, zones still inhibited, paths not
// proven), is updated as the list gets shorter and closes when it is empty.
// Nothing silences it. Parameters: none.

// reopening is the one that is planned; id "" when none is.
type reopening struct {
	id       string
	areas    []string
	from, to int64
}

func (r *reopening) covers(at int64, moved []string) bool {
	return r.id != "" && at >= r.from && at < r.to && covered(r.areas, moved)
}

func (w *work) planReopening(b *vigiev1.ReopeningPlanned) decided {
	c := w.cold()
	switch {
	case b.GetReopening() == "" || len(b.GetReopening()) > maxText:
		return refused("reopening-id-required")
	case b.GetPlannedBy() == "" || b.GetAuthenticatedHow() == "":
		return refused("authentication-required")
	case b.GetWithdrawn():
		if c.reopening.id != b.GetReopening() {
			return refused("no-such-reopening")
		}
		w.cancelTimer(timerReopening, 0)
		c.reopening = reopening{}
		w.changed()
		return accepted("")
	case b.GetToMs() <= b.GetFromMs() || b.GetToMs() <= w.at:
		return refused("bad-window")
	case len(b.GetAreas()) > maxAreas:
		return refused("too-many-areas")
	}
	r := reopening{id: b.GetReopening(), from: b.GetFromMs(), to: b.GetToMs()}
	for _, a := range b.GetAreas() {
		r.areas = append(r.areas, areaName(a))
	}
	c.reopening = r
	w.setTimer(timerReopening, 0, r.to)
	w.changed()
	return accepted("")
}

func (w *work) reopeningEnds() {
	w.cold().reopening = reopening{}
	w.changed()
}

// reopened ends the closure by a disarm that the plan names.
func (w *work) reopened(moved []string) bool {
	c := w.cold()
	if !c.reopening.covers(w.at, moved) {
		return false
	}
	w.undeclareClosure(closedReopened)
	if c.closure.running() {
		w.endClosure(closedReopened)
	}
	missing := w.missingAtReopening()
	w.judge(vigiev1.DetectionKind_DETECTION_KIND_REOPENING_INCOMPLETE, len(missing) > 0, "", missing...)
	return true
}

// checkReopening crosses off what has been done since.
func (w *work) checkReopening() {
	kind := vigiev1.DetectionKind_DETECTION_KIND_REOPENING_INCOMPLETE
	if w.detection(kind, 0, "") != nil {
		missing := w.missingAtReopening()
		w.judge(kind, len(missing) > 0, closedComplete, missing...)
	}
}

func (w *work) missingAtReopening() (missing []string) {
	c := w.cold()
	if c.schedule == nil || c.schedule.Empty() && c.schedule.Cycle.Period == 0 && !c.schedule.None {
		missing = append(missing, "schedule")
	}
	if slices.ContainsFunc(c.consignes, func(k consigne) bool { return !k.permanent && k.inForce(w.at) }) {
		missing = append(missing, "temporary-consigne")
	}
	if len(c.inhibited) > 0 {
		missing = append(missing, "inhibitions")
	}
	proven := true
	w.s.eachPath(func(p *path) { proven = proven && p.status == pathOK })
	if !proven {
		missing = append(missing, "paths")
	}
	return missing
}
