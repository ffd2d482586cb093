package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Level of an incident, 0 to 4, after the alarm validation score of TMA-AVS-01:
// a running result that evidence raises and lowers.
//
//	4  a threat to life: a second hold-up device, or the same one more than
//	   second_hold_up_ms (2 min) later; a duress word; the police called for persons
//	3  a threat to property: a positive verification
//	2  a person is probably there: confirmed alarm, a hold-up
//	1  an intrusion, a tamper: little is known
//	0  nothing to call for: verified negative, or cancelled and not confirmed; also
//	   every class that the score does not know (fire, technical)
//
// Which of our facts gives which level is our reading; the standard's own table
// was not at hand. The level never satisfies a verification.
func (inc *incident) level() uint32 {
	held := heldUp(inc.class)
	switch {
	case inc.group != groupIntrusion && !held:
		return 0
	case inc.persons || held && inc.secondHoldUp:
		return 4
	case inc.negative:
		return 0
	case inc.result == vigiev1.VerificationResult_VERIFICATION_RESULT_POSITIVE && !held:
		return 3
	case held && inc.result == vigiev1.VerificationResult_VERIFICATION_RESULT_POSITIVE:
		return 4
	case held, inc.class == vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED:
		return 2
	case inc.cancelled:
		return 0
	}
	return 1
}

func heldUp(c vigiev1.EventClass) bool {
	return c == vigiev1.EventClass_EVENT_CLASS_HOLD_UP || c == vigiev1.EventClass_EVENT_CLASS_DURESS
}

// againHeldUp: a second device, or the same one again and not at once (trade rule 1).
func (w *work) againHeldUp(inc *incident, r raised) {
	if !heldUp(r.class) || !heldUp(inc.class) {
		return
	}
	before := inc.seen(point{r.area, r.zone})
	if before == nil || w.at-before.at > w.figures().secondHoldUp {
		inc.secondHoldUp = true
	}
}

// hidesCall: whoever is on the site may be under threat, so nobody calls there
// unless the consigne orders it; listening in or video first (trade rule 10).
func (w *work) hidesCall(inc *incident, class vigiev1.EventClass) {
	if !heldUp(class) {
		return
	}
	ordered := inc.consigne != defaultConsigne && slices.ContainsFunc(inc.steps, func(s *vigiev1.ConsigneStep) bool { return s.GetKind() == vigiev1.ConsigneStep_KIND_CALL_SITE })
	inc.hideCall = !ordered
}

// duressWord: the duress word on the phone opens a hold-up incident at once.
func (w *work) duressWord() {
	w.raise(raised{id: idOf(w.cause), class: vigiev1.EventClass_EVENT_CLASS_DURESS, at: w.at})
	inc := w.incident(groupLife)
	inc.secondHoldUp = true
	w.touch(inc)
}
