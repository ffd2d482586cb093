package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Flapping path (trade rule 5): flap_changes (4) within flap_window_ms (1 h) are
// one row. A change is a path that falls silent, or is heard again. While it is
// open the path opens no row of its own as late or lost; a lost communication does
// open, as always. Closes when nothing changed for flap_window_ms; a path that is
// late or lost by then gets its row. Nothing else silences it.

// flap is what the rule remembers of a path: its last changes, oldest first.
type flap struct {
	path    uint32
	changes []int64
}

func (w *work) pathChanged(p *path) {
	c, fig := w.seldom(), w.figures()
	i := slices.IndexFunc(c.flaps, func(f flap) bool { return f.path == p.number })
	if i < 0 {
		c.flaps = appendCapped(c.flaps, flap{path: p.number}, maxPaths)
		i = len(c.flaps) - 1
	}
	f := &c.flaps[i]
	f.changes = appendCapped(f.changes, w.at, int(fig.flapChanges))
	kind := vigiev1.DetectionKind_DETECTION_KIND_PATH_FLAPPING
	if d := w.detection(kind, p.number, ""); d != nil {
		d.count++
		w.updateDetection(d)
		w.setTimer(timerFlapEnds, p.number, w.at+fig.flapWindow)
		return
	}
	if len(f.changes) < int(fig.flapChanges) || w.at-f.changes[0] > fig.flapWindow {
		return
	}
	what := ids.DetectionOfTimer(kindName(kind), w.s.number, itoa(p.number), w.at)
	d := &detection{
		id: what, kind: kind, path: p.number, threshold: fig.flapChanges, windowMS: fig.flapWindow,
		intervalMS: w.f.interval(w.s, p), lastHeard: p.heardAt, count: uint64(len(f.changes)),
	}
	w.openDetection(d)
	w.setTimer(timerFlapEnds, p.number, w.at+fig.flapWindow)
}

// flapping tells whether the path's changes are shown as one row.
func (w *work) flapping(p *path) bool {
	return w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_FLAPPING, p.number, "") != nil
}

func (w *work) flapEnds(t civil) {
	c := w.seldom()
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_FLAPPING, t.what, ""), closedRateFell)
	c.flaps = slices.DeleteFunc(c.flaps, func(f flap) bool { return f.path == t.what })
	p := w.s.path(t.what)
	if p == nil {
		return
	}
	switch p.status {
	case pathLate:
		w.openPath(p, vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE, t.deadline, w.f.interval(w.s, p))
	case pathLost:
		w.openPath(p, vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST, t.deadline, w.f.interval(w.s, p))
	}
}
