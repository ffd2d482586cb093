package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Early opening and opening outside hours (trade rule 7).
//
//	early opening          disarmed more than early_opening_ms (30 min) before
//	                       opening time, and at most outside_hours_ms (2 h;
//	                       default, unverified)
//	opening outside hours  earlier than that, or on a day without hours: answered
//	                       as an intrusion
//
// Both open an incident. A disarm within late_to_close_ms after closing time is
// staff who came back: neither. Updated as disarms double. Closed when every area
// is armed, at opening time, or when the schedule changes. Silenced by: no
// schedule that says when the site is closed, an announced visit or a planned
// reopening that names this disarm. A closure does not silence them.

func (w *work) unexpectedOpening(area string) {
	c, fig := w.cold(), w.figures()
	open, known := w.inHours(w.at)
	justClosed, _ := w.inHours(w.at - fig.lateToClose)
	if open || !known || justClosed || !c.watched() {
		return
	}
	next, some := c.schedule.NextOpening(w.at, w.f.zones.Zone(c.zone))
	if some && next-w.at <= fig.earlyOpening {
		return
	}
	kind, high, window := vigiev1.DetectionKind_DETECTION_KIND_OPENING_OUTSIDE_HOURS, true, fig.outsideHours
	if some && next-w.at <= fig.outsideHours {
		kind, high, window = vigiev1.DetectionKind_DETECTION_KIND_EARLY_OPENING, false, fig.earlyOpening
	}
	if d := w.detection(kind, 0, ""); d != nil {
		d.prove(idOf(w.cause))
		w.updateDetection(d)
		return
	}
	d := w.fresh(kind, "")
	d.area, d.windowMS = area, window
	if some {
		d.until = next
	}
	w.openDetection(d)
	w.raiseScheduled(d, high)
}

func (w *work) unexpectedOpeningEnds(reason string) {
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_EARLY_OPENING, 0, ""), reason)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_OPENING_OUTSIDE_HOURS, 0, ""), reason)
}
