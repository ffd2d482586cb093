package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Police call without ground (trade rule 10; L613-6 CSI). The ground is one of:
// property with levée de doute, persons with the concrete element recorded, fire
// or rescue. The detection opens when the ground is missing, when property was
// named and nothing was verified positive, or persons without an element; its
// facts say which. It never blocks the call. Closes when a call to the same
// incident has a ground, or with the incident. Nothing silences it.

func (w *work) policeCalled(inc *incident, b *vigiev1.PoliceOrFireCalled) {
	if b.GetArrived() {
		return
	}
	if b.GetGround() == vigiev1.PoliceOrFireCalled_GROUND_PERSONS {
		inc.persons = true
	}
	kind := vigiev1.DetectionKind_DETECTION_KIND_POLICE_CALL_WITHOUT_GROUND
	d := w.detection(kind, 0, inc.id)
	fact := missingGround(inc, b)
	switch {
	case fact == "":
		w.closeDetection(d, closedResolved)
	case d == nil:
		d = w.fresh(kind, inc.id)
		d.incident, d.facts = inc.id, []string{fact}
		w.openDetection(d)
	default:
		d.prove(idOf(w.cause))
		if !slices.Contains(d.facts, fact) {
			d.facts = append(d.facts, fact)
		}
		w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	}
}

func missingGround(inc *incident, b *vigiev1.PoliceOrFireCalled) string {
	switch b.GetGround() {
	case vigiev1.PoliceOrFireCalled_GROUND_FIRE_OR_RESCUE:
		return ""
	case vigiev1.PoliceOrFireCalled_GROUND_PERSONS:
		if b.GetElement() == nil {
			return "no-element"
		}
		return ""
	case vigiev1.PoliceOrFireCalled_GROUND_PROPERTY_VERIFIED:
		if inc.verified == 0 || inc.result != vigiev1.VerificationResult_VERIFICATION_RESULT_POSITIVE {
			return "not-verified"
		}
		return ""
	}
	return "no-ground"
}
