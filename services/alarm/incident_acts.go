package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Acts on an incident (trade rules 9, 10), decided by log order. An incident held
// by another is refused (already-claimed, with the holder); one held by nobody
// may be acted upon. Closing needs an outcome, and for life and intrusion a
// verification or a reason for having none. Refusals never block a call to the
// police: what happened on the phone is recorded whoever holds the incident.

// Longest parking (trade rule 9), ms.
const (
	parkIntrusion = 30 * minute
	parkTechnical = 24 * hour
)

// incidentNamed is the incident that the event's body names; false for a body
// that names none by its kind.
func incidentNamed(ev *vigiev1.Event) (string, bool) {
	switch b := ev.GetBody().(type) {
	case *vigiev1.Event_IncidentDisplayed:
		return b.IncidentDisplayed.GetIncident(), true
	case *vigiev1.Event_IncidentClaimed:
		return b.IncidentClaimed.GetIncident(), true
	case *vigiev1.Event_IncidentReleased:
		return b.IncidentReleased.GetIncident(), true
	case *vigiev1.Event_IncidentHandedOver:
		return b.IncidentHandedOver.GetIncident(), true
	case *vigiev1.Event_VerificationMade:
		return b.VerificationMade.GetIncident(), true
	case *vigiev1.Event_ConsigneApplied:
		return b.ConsigneApplied.GetIncident(), true
	case *vigiev1.Event_ContactCalled:
		return b.ContactCalled.GetIncident(), true
	case *vigiev1.Event_GuardStep:
		return b.GuardStep.GetIncident(), true
	case *vigiev1.Event_PoliceOrFireCalled:
		return b.PoliceOrFireCalled.GetIncident(), true
	case *vigiev1.Event_InstallerContacted:
		return b.InstallerContacted.GetIncident(), true
	case *vigiev1.Event_IncidentParked:
		return b.IncidentParked.GetIncident(), true
	case *vigiev1.Event_EvidenceAttached:
		return b.EvidenceAttached.GetIncident(), true
	case *vigiev1.Event_NoteWritten:
		return b.NoteWritten.GetIncident(), true
	case *vigiev1.Event_IncidentClosed:
		return b.IncidentClosed.GetIncident(), true
	case *vigiev1.Event_CustomerDecision:
		return b.CustomerDecision.GetIncident(), true
	case *vigiev1.Event_IncidentReportSent:
		return b.IncidentReportSent.GetIncident(), true
	}
	return "", false
}

func (w *work) actOnIncident(ev *vigiev1.Event) decided {
	id, _ := incidentNamed(ev)
	c := w.cold()
	i := slices.IndexFunc(c.incidents, func(inc *incident) bool { return inc.id == id })
	if i < 0 {
		reason := "no-such-incident"
		if slices.Contains(c.closed, id) {
			reason = "already-closed"
		}
		return decided{status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, reason: reason, incident: id}
	}
	inc := w.keep(c.incidents[i])
	d := w.onIncident(inc, ev, userOf(ev))
	d.incident = id
	return d
}

// userOf is who did it: the user, or the component that acted.
func userOf(ev *vigiev1.Event) string {
	if u := ev.GetSource().GetUser().GetUser(); u != "" {
		return clip(u)
	}
	return clip(ev.GetSource().GetSystem().GetComponent())
}

func (w *work) onIncident(inc *incident, ev *vigiev1.Event, user string) decided {
	switch b := ev.GetBody().(type) {
	case *vigiev1.Event_IncidentClaimed:
		return w.claim(inc, ev, user)
	case *vigiev1.Event_IncidentReleased:
		return w.release(inc, ev, user, "")
	case *vigiev1.Event_IncidentHandedOver:
		return w.release(inc, ev, user, clip(b.IncidentHandedOver.GetToUser()))
	case *vigiev1.Event_VerificationMade:
		return w.verify(inc, ev, user, b.VerificationMade)
	case *vigiev1.Event_IncidentParked:
		return w.park(inc, ev, user, b.IncidentParked)
	case *vigiev1.Event_IncidentClosed:
		return w.closeIncident(inc, ev, user, b.IncidentClosed)
	case *vigiev1.Event_IncidentDisplayed:
		if inc.displayed == 0 {
			inc.displayed = w.at
			w.touch(inc)
		}
		return accepted("")
	case *vigiev1.Event_ContactCalled:
		w.record(inc, ev, user, true)
		w.contactCalled(b.ContactCalled)
		return accepted("")
	case *vigiev1.Event_PoliceOrFireCalled:
		w.record(inc, ev, user, true)
		w.policeCalled(inc, b.PoliceOrFireCalled)
		return accepted("")
	case *vigiev1.Event_ConsigneApplied:
		w.consigneApplied(inc, b.ConsigneApplied)
	case *vigiev1.Event_GuardStep:
		w.record(inc, ev, user, true)
		w.guardStepped(inc, b.GuardStep)
		return accepted("")
	case *vigiev1.Event_InstallerContacted, *vigiev1.Event_CustomerDecision:
		w.record(inc, ev, user, true)
		return accepted("")
	}
	w.record(inc, ev, user, false)
	return accepted("")
}

// record writes the act into the incident's history. A first act is one towards
// the site, the customer or those who help: it answers the incident once claimed.
func (w *work) record(inc *incident, ev *vigiev1.Event, user string, firstAct bool) {
	inc.acts = appendCapped(inc.acts, &vigiev1.IncidentAct{EventId: slices.Clone(ev.GetId()), AtMs: w.at, By: user, Act: actName(ev)}, maxIncidentActs)
	inc.lastAct = w.at
	if firstAct {
		inc.acted = true
		if inc.firstAct == 0 {
			inc.firstAct = w.at
		}
	}
	w.answer(inc)
	w.watchIdle(inc)
	w.touch(inc)
}

// contactCalled takes what a call to somebody of the call list came to.
func (w *work) contactCalled(b *vigiev1.ContactCalled) {
	if b.GetResult() == vigiev1.ContactCalled_RESULT_REACHED {
		w.contactReached()
	}
	switch b.GetPasscode() {
	case vigiev1.ContactCalled_PASSCODE_OK:
		w.calledBack()
	case vigiev1.ContactCalled_PASSCODE_DURESS:
		w.duressWord()
	}
}

func heldByAnother(inc *incident, user string) (decided, bool) {
	if inc.holder == "" || inc.holder == user {
		return decided{}, false
	}
	d := refused("already-claimed")
	d.holder = inc.holder
	return d, true
}

func (w *work) claim(inc *incident, ev *vigiev1.Event, user string) decided {
	if d, held := heldByAnother(inc, user); held {
		return d
	}
	if user == "" {
		return refused("user-required")
	}
	if inc.holder == user {
		return accepted("")
	}
	inc.holder = user
	if inc.claimed == 0 {
		inc.claimed = w.at
	}
	w.record(inc, ev, user, false)
	return accepted("")
}

// release gives the incident back, or hands it to another.
func (w *work) release(inc *incident, ev *vigiev1.Event, user, to string) decided {
	if d, held := heldByAnother(inc, user); held {
		return d
	}
	if inc.holder == "" {
		return refused("not-claimed")
	}
	if ev.GetIncidentHandedOver() != nil && to == "" {
		return refused("user-required")
	}
	inc.holder = to
	w.record(inc, ev, user, false)
	return accepted("")
}

func (w *work) verify(inc *incident, ev *vigiev1.Event, user string, b *vigiev1.VerificationMade) decided {
	if d, held := heldByAnother(inc, user); held {
		return d
	}
	if b.GetMeans() == vigiev1.VerificationMeans_VERIFICATION_MEANS_UNSPECIFIED {
		return refused("means-required")
	}
	if b.GetResult() == vigiev1.VerificationResult_VERIFICATION_RESULT_UNSPECIFIED {
		return refused("result-required")
	}
	inc.means, inc.result = b.GetMeans(), b.GetResult()
	inc.negative = b.GetResult() == vigiev1.VerificationResult_VERIFICATION_RESULT_NEGATIVE
	inc.verified = w.at
	if inc.negative {
		w.verifiedNegative(inc)
	}
	w.record(inc, ev, user, true)
	return accepted("")
}

// park sets a non-urgent incident aside until its wake-up.
func (w *work) park(inc *incident, ev *vigiev1.Event, user string, b *vigiev1.IncidentParked) decided {
	if d, held := heldByAnother(inc, user); held {
		return d
	}
	longest := parkTechnical
	switch {
	case inc.group == groupLife:
		return refused("cannot-be-parked")
	case inc.group == groupIntrusion:
		longest = parkIntrusion
	}
	if b.GetWakeUpAtMs() <= w.at {
		return refused("wake-up-required")
	}
	if b.GetWakeUpAtMs() > w.at+longest {
		return refused("wake-up-too-late")
	}
	inc.parkedUntil = b.GetWakeUpAtMs()
	w.setTimer(timerWakeUp, inc.what(), inc.parkedUntil)
	w.record(inc, ev, user, false)
	return accepted("")
}

func (w *work) unpark(inc *incident) {
	if inc.parkedUntil != 0 {
		inc.parkedUntil = 0
		w.cancelTimer(timerWakeUp, inc.what())
	}
}

// wakeUp brings a parked incident back; a new answer clock starts if it had been answered.
func (w *work) wakeUp(t civil) {
	inc := w.timed(t)
	if inc == nil || inc.parkedUntil == 0 {
		return
	}
	inc.parkedUntil = 0
	inc.realerts++
	if inc.answered {
		w.startAnswerClock(inc, w.at)
	}
	w.touch(inc)
}

func (w *work) closeIncident(inc *incident, ev *vigiev1.Event, user string, b *vigiev1.IncidentClosed) decided {
	if d, held := heldByAnother(inc, user); held {
		return d
	}
	if b.GetOutcome() == vigiev1.IncidentOutcome_INCIDENT_OUTCOME_UNSPECIFIED {
		return refused("outcome-required")
	}
	if inc.group <= groupIntrusion && inc.verified == 0 && !b.GetReasonGiven() {
		return refused("verification-or-reason-required")
	}
	inc.outcome, inc.closedBy, inc.closedAt = b.GetOutcome(), user, w.at
	w.unpark(inc)
	w.record(inc, ev, user, false)
	w.endIncident(inc)
	if inc.flavour == live {
		w.protectionOwed(inc, b, user)
	}
	return accepted("")
}

// endIncident takes a closed incident off the site, with what was open on it.
func (w *work) endIncident(inc *incident) {
	c := w.seldom()
	w.stopAnswerClock(inc, closedIncident)
	w.cancelTimer(timerIdle, inc.what())
	w.cancelTimer(timerWakeUp, inc.what())
	w.cancelTimer(timerGuard, inc.what())
	for _, kind := range ofIncidents {
		w.closeDetection(w.detection(kind, 0, inc.id), closedIncident)
	}
	c.incidents = slices.DeleteFunc(c.incidents, func(other *incident) bool { return other == inc })
	c.closed = appendCapped(c.closed, inc.id, maxClosedIncidents)
	w.touch(inc)
	w.changed()
}

// ofIncidents are the kinds that end with their incident.
var ofIncidents = []vigiev1.DetectionKind{
	vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_CHANGED, vigiev1.DetectionKind_DETECTION_KIND_CONFIRMED_ALARM,
	vigiev1.DetectionKind_DETECTION_KIND_CLAIMED_IDLE, vigiev1.DetectionKind_DETECTION_KIND_POLICE_CALL_WITHOUT_GROUND,
	vigiev1.DetectionKind_DETECTION_KIND_GUARD_LATE,
}

// actName names an act in the incident's history.
func actName(ev *vigiev1.Event) string {
	switch b := ev.GetBody().(type) {
	case *vigiev1.Event_IncidentClaimed:
		return "claimed"
	case *vigiev1.Event_IncidentReleased:
		return "released"
	case *vigiev1.Event_IncidentHandedOver:
		return "handed-over"
	case *vigiev1.Event_VerificationMade:
		return "verified"
	case *vigiev1.Event_ConsigneApplied:
		return "consigne-applied"
	case *vigiev1.Event_ContactCalled:
		return "contact-called"
	case *vigiev1.Event_GuardStep:
		return "guard-step"
	case *vigiev1.Event_PoliceOrFireCalled:
		if b.PoliceOrFireCalled.GetArrived() {
			return "police-or-fire-arrived"
		}
		return "police-or-fire-called"
	case *vigiev1.Event_InstallerContacted:
		return "installer-contacted"
	case *vigiev1.Event_IncidentParked:
		return "parked"
	case *vigiev1.Event_EvidenceAttached:
		return "evidence-attached"
	case *vigiev1.Event_NoteWritten:
		return "note-written"
	case *vigiev1.Event_IncidentClosed:
		return "closed"
	case *vigiev1.Event_CustomerDecision:
		return "customer-decided"
	case *vigiev1.Event_IncidentReportSent:
		return "report-sent"
	}
	return "acted"
}
