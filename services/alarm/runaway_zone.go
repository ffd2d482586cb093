package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Runaway zone, détecteur en défaut (trade rule 5). Opens when one zone brought
// runaway_alarms (3) within runaway_window_ms (1 h) or slow_alarms (5) within
// slow_window_ms (24 h), each of them verified negative. It proposes an inhibition
// with the customer's consent, an end at most longest_inhibition_ms (72 h) away,
// and a maintenance request; the last detection of an area is not proposed for
// one, the facts say so. Updated by further ones. Closes when the zone is
// inhibited, or after slow_window_ms without another. It silences nothing itself,
// and classes that are never suppressed do not count into it.

func (w *work) verifiedNegative(inc *incident) {
	if inc.group == groupLife {
		return
	}
	since := inc.negativeAt
	inc.negativeAt = w.at
	for _, p := range inc.points {
		if p.at > since && p.zone != "" && !neverSuppressed(p.class) {
			w.runawayCounts(p)
		}
	}
}

func (w *work) runawayCounts(p alarmedPoint) {
	c, fig := w.cold(), w.figures()
	z := w.zoneWatched(p.point)
	z.negatives = slices.DeleteFunc(z.negatives, func(at int64) bool { return w.at-at > fig.slowRunawayWindow })
	z.negatives = appendCapped(z.negatives, p.at, int(max(fig.runaway, fig.slowRunaway)))
	w.setTimer(timerRunawayEnds, 0, w.at+fig.slowRunawayWindow)
	kind := vigiev1.DetectionKind_DETECTION_KIND_RUNAWAY_ZONE
	if d := w.ofZone(kind, p.point); d != nil {
		d.prove(idOf(w.cause))
		w.updateDetection(d)
		return
	}
	within := func(n uint32, window int64) bool {
		k := len(z.negatives) - int(n)
		return k >= 0 && p.at-z.negatives[k] <= window
	}
	d := w.fresh(kind, p.area+"/"+p.zone)
	switch {
	case within(fig.runaway, fig.runawayWindow):
		d.threshold, d.windowMS = fig.runaway, fig.runawayWindow
	case within(fig.slowRunaway, fig.slowRunawayWindow):
		d.threshold, d.windowMS = fig.slowRunaway, fig.slowRunawayWindow
	default:
		return
	}
	d.area, d.zone, d.until = p.area, p.zone, w.at+fig.longestInhibition
	d.facts = []string{"propose-inhibition", "maintenance-request"}
	if c.lastOfArea(p.point) {
		d.facts, d.until = []string{"last-of-area", "maintenance-request"}, 0
	}
	d.evidence = []ids.ID{p.event, idOf(w.cause)}
	w.openDetection(d)
}

// lastOfArea tells whether no other declared zone of the area is still in
// protection. Where no zones were declared nothing is proposed.
func (c *cold) lastOfArea(p point) bool {
	area := c.factOf(p).area
	return !slices.ContainsFunc(c.zoneFacts, func(f zoneFact) bool {
		return f.zone != p.zone && f.area == area && !slices.ContainsFunc(c.inhibited, func(i point) bool { return i.zone == f.zone })
	})
}

// runawayEnds closes what has been quiet for the slow window.
func (w *work) runawayEnds(civil) {
	c, fig := w.seldom(), w.figures()
	next := int64(0)
	for i := range c.watchedZones {
		z := &c.watchedZones[i]
		n := len(z.negatives)
		if n == 0 {
			continue
		}
		if last := z.negatives[n-1] + fig.slowRunawayWindow; last > w.at {
			if next == 0 || last < next {
				next = last
			}
			continue
		}
		z.negatives = nil
		w.closeDetection(w.ofZone(vigiev1.DetectionKind_DETECTION_KIND_RUNAWAY_ZONE, z.point), closedRateFell)
	}
	if next != 0 {
		w.setTimer(timerRunawayEnds, 0, next)
	}
	w.forgetQuietZones()
}
