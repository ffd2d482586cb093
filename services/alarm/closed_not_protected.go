package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Closed site not protected (trade rule 3): the shop that everyone believes is
// armed. Opens when an area is not armed full, or unknown, not_protected_ms
// (30 min) after the closure starts or the site was opened, or after_visit_ms
// (15 min) after an announced visit ends. It opens an incident, answered as an
// intrusion. Closes when every area is armed full, or the closure ends. Silenced
// by: an announced visit that still runs; an outage of ours, until we have
// listened for that long.

// watchProtection concludes after ms unless every area is armed full by then.
func (w *work) watchProtection(after int64) {
	c := w.cold()
	if _, full := c.armedSince(); full || !c.closure.running() {
		return
	}
	if w.detection(vigiev1.DetectionKind_DETECTION_KIND_CLOSED_NOT_PROTECTED, 0, "") == nil {
		w.watchAbsence(timerNotProtected, w.at, after)
	}
}

func (w *work) notProtected() {
	c, kind := w.cold(), vigiev1.DetectionKind_DETECTION_KIND_CLOSED_NOT_PROTECTED
	_, full := c.armedSince()
	if full || !c.closure.running() || c.visitNow(w.at) || w.detection(kind, 0, "") != nil {
		return
	}
	d := w.fresh(kind, "")
	for _, a := range c.areas {
		if !isFullyArmed(a.mode) {
			d.facts = append(d.facts, "area-"+a.name)
			if a.event != [16]byte{} {
				d.prove(a.event)
			}
		}
	}
	d.windowMS = w.at - c.closure.since
	w.openDetection(d)
	w.raise(raised{
		id: d.id, class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, at: w.at, evidence: d.evidence,
		group: groupIntrusion, grouped: true, clock: uint8(groupIntrusion),
	})
}

// closeProtection closes what an opening had opened.
func (w *work) closeProtection(reason string) {
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_OPENING_AT_CLOSED_SITE, 0, ""), reason)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_CLOSED_NOT_PROTECTED, 0, ""), reason)
}
