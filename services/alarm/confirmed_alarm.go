package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Confirmed alarm (trade rule 10). Opens when a second, independent zone alarms
// within confirmation_window_ms (30 min) in the same incident: another zone, and
// another technology or another area. The outside perimeter and tamper do not
// count, nor does the entry route within entry_delay_ms (1 min; default,
// unverified) of the other alarm. It raises class and priority, and the means of
// verification come first among the steps; it never satisfies the verification and
// never delays the first alarm. Closes with the incident. Nothing silences it. A
// zone that was not declared has no technology: only its area can make it another.

// zoneFact is what was declared of a zone.
type zoneFact struct {
	point
	technology     string
	entry, outside bool
}

func (c *cold) factOf(p point) zoneFact {
	for _, f := range c.zoneFacts {
		if f.zone == p.zone && (f.area == p.area || f.area == "" || p.area == "") {
			return f
		}
	}
	return zoneFact{point: p}
}

func (w *work) confirms(r raised) {
	inc := w.incident(groupIntrusion)
	if inc == nil || r.class != vigiev1.EventClass_EVENT_CLASS_INTRUSION || r.zone == "" {
		return
	}
	second := point{r.area, r.zone}
	for _, first := range inc.points {
		if first.class == vigiev1.EventClass_EVENT_CLASS_INTRUSION && w.independent(first, second) {
			w.confirmed(inc, first, second)
			return
		}
	}
}

func (w *work) independent(first alarmedPoint, second point) bool {
	c, fig := w.cold(), w.figures()
	a, b := c.factOf(first.point), c.factOf(second)
	gap := w.at - first.at
	switch {
	case first.zone == "" || first.point == second || gap > fig.confirmation:
		return false
	case a.outside || b.outside:
		return false
	case (a.entry || b.entry) && gap <= fig.entryDelay:
		return false
	}
	return first.area != second.area || a.technology != "" && b.technology != "" && a.technology != b.technology
}

func (w *work) confirmed(inc *incident, first alarmedPoint, second point) {
	kind := vigiev1.DetectionKind_DETECTION_KIND_CONFIRMED_ALARM
	if d := w.detection(kind, 0, inc.id); d != nil {
		d.prove(idOf(w.cause))
		w.updateDetection(d)
		return
	}
	d := w.fresh(kind, inc.id)
	d.incident, d.area, d.zone, d.windowMS = inc.id, second.area, second.zone, w.figures().confirmation
	d.facts = []string{"zone-" + first.zone, "zone-" + second.zone}
	d.evidence = []ids.ID{first.event, idOf(w.cause)}
	w.openDetection(d)
	inc.class, inc.priority = vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED, 1
	inc.steps = slices.Clone(inc.steps) // They are shared.
	slices.SortStableFunc(inc.steps, func(a, b *vigiev1.ConsigneStep) int { return urgency(a) - urgency(b) })
	w.touch(inc)
}

// urgency orders steps once somebody is probably there: life, then what verifies.
func urgency(s *vigiev1.ConsigneStep) int {
	switch {
	case s.GetLifeSafety():
		return 0
	case s.GetKind() == vigiev1.ConsigneStep_KIND_VIDEO, s.GetKind() == vigiev1.ConsigneStep_KIND_LISTEN_IN:
		return 1
	case s.GetKind() == vigiev1.ConsigneStep_KIND_SEND_GUARD:
		return 2
	}
	return 3
}
