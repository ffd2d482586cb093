package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Opening at a closed site (trade rule 3). Opens at any disarm during a closure,
// also while its end is to be confirmed, that no announced visit and no planned
// reopening names. Its incident is answered as an intrusion and has the highest
// priority of goods. Updated as the disarms double. Closes when every area is
// armed full again, or the closure ends. Nothing silences it. Parameters: none.

func (w *work) openingAtClosedSite(area string) {
	kind := vigiev1.DetectionKind_DETECTION_KIND_OPENING_AT_CLOSED_SITE
	d := w.detection(kind, 0, "")
	if d == nil {
		d = w.fresh(kind, "")
		d.area = area
		w.openDetection(d)
	} else {
		d.prove(idOf(w.cause))
		w.updateDetection(d)
	}
	w.raise(raised{
		id: idOf(w.cause), class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, area: area, at: w.at, priority: 1,
		group: groupIntrusion, grouped: true, clock: uint8(groupIntrusion),
	})
}
