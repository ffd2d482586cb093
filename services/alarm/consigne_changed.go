package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Consigne changed (trade rule 4). An incident keeps the version in force when it
// opened. The detection opens, and the incident alerts again, when another one
// comes into force; updated by each further change. Closes when that one is
// applied to the incident, when the pinned one is in force again, or with the
// incident. Nothing silences it. Parameters: none.

// pin gives a new incident the consigne in force.
func (w *work) pin(inc *incident) {
	inc.consigne, inc.consigneEvent = defaultConsigne, ids.ID{}
	if k := w.cold().consigneInForce(w.at); k != nil {
		inc.consigne, inc.consigneEvent = k.id, k.event
	}
	inc.steps = w.stepsInForce(inc.group)
}

func (w *work) judgePinned() {
	var now ids.ID
	if k := w.cold().consigneInForce(w.at); k != nil {
		now = k.event
	}
	for _, inc := range w.cold().incidents {
		w.keep(inc)
		d := w.detection(vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_CHANGED, 0, inc.id)
		switch {
		case now == inc.consigneEvent:
			w.closeDetection(d, closedRenewed)
			if inc.consigneChanged {
				inc.consigneChanged = false
				w.touch(inc)
			}
		case d == nil:
			d = w.fresh(vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_CHANGED, inc.id)
			d.incident = inc.id
			w.openDetection(d)
			w.consigneAlerts(inc)
		default:
			w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
			w.consigneAlerts(inc)
		}
	}
}

func (w *work) consigneAlerts(inc *incident) {
	inc.consigneChanged = true
	inc.realerts++
	if inc.answered {
		w.startAnswerClock(inc, w.at)
	}
	w.touch(inc)
}

// consigneApplied pins the version that the operator applied.
func (w *work) consigneApplied(inc *incident, b *vigiev1.ConsigneApplied) {
	k := w.cold().consigneInForce(w.at)
	if k == nil || !b.GetApplicable() || b.GetConsigne() != k.id || !inc.consigneChanged {
		return
	}
	inc.consigneChanged = false
	w.pin(inc)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_CHANGED, 0, inc.id), closedApplied)
}
