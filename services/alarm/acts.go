package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// decided is the outcome of an event.
type decided struct {
	status   vigiev1.OutcomeStatus
	reason   string
	incident string
	holder   string
	first    []byte
	call     *vigiev1.CallFacts
}

func accepted(incident string) decided {
	return decided{status: vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED, incident: incident}
}

func refused(reason string) decided {
	return decided{status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, reason: reason}
}

// rememberedAct is an act and what became of it, for its repeats.
type rememberedAct struct {
	id               ids.ID
	at               int64
	reason           string
	incident, holder string
}

// act takes what a person or the system did. The id of a person's act comes from
// the idempotency key: the same id again repeats the first one's outcome.
func (w *work) act(ev *vigiev1.Event) {
	c := w.seldom()
	id := idOf(ev.GetId())
	c.acts = slices.DeleteFunc(c.acts, func(a rememberedAct) bool { return w.at-a.at > actMemoryMS })
	for _, a := range c.acts {
		if a.id == id {
			w.outcome(decided{
				status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REPEATED,
				reason: a.reason, incident: a.incident, holder: a.holder, first: slices.Clone(ev.GetId()),
			})
			return
		}
	}
	d := w.decide(ev)
	if d.status == vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED {
		c.accepted++
	}
	c.acts = appendCapped(c.acts, rememberedAct{id: id, at: w.at, reason: d.reason, incident: d.incident, holder: d.holder}, maxActs)
	if ev.GetSource().GetSystem() != nil && d.status == vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED {
		return // Nobody waits for it.
	}
	w.outcome(d)
}

// decide applies the act if the state allows it. What no rule here concerns
// (shifts, requests, bodies of a later release) is accepted as it is.
func (w *work) decide(ev *vigiev1.Event) decided {
	switch b := ev.GetBody().(type) {
	case *vigiev1.Event_SiteDeclared:
		return w.declare(b.SiteDeclared)
	case *vigiev1.Event_ConnectionStage:
		return w.moveStage(b.ConnectionStage)
	case *vigiev1.Event_AccountBound:
		return w.bindAccount(ev, b.AccountBound)
	case *vigiev1.Event_ScheduleSet:
		return w.setSchedule(b.ScheduleSet)
	case *vigiev1.Event_HolidaySet:
		return w.setHoliday(b.HolidaySet)
	case *vigiev1.Event_ClosureDeclared:
		return w.declareClosure(ev, b.ClosureDeclared)
	case *vigiev1.Event_ClosureLifted:
		return w.liftClosure(b.ClosureLifted)
	case *vigiev1.Event_VisitAnnounced:
		return w.announceVisit(b.VisitAnnounced)
	case *vigiev1.Event_ReopeningPlanned:
		return w.planReopening(b.ReopeningPlanned)
	case *vigiev1.Event_ConsigneSet:
		return w.setConsigne(ev, b.ConsigneSet)
	case *vigiev1.Event_ConsigneWithdrawn:
		return w.withdrawConsigne(b.ConsigneWithdrawn)
	case *vigiev1.Event_ContactsSet:
		return w.setContacts(b.ContactsSet)
	case *vigiev1.Event_FiguresSet:
		return w.setFigures(b.FiguresSet)
	case *vigiev1.Event_TestModeSet:
		return w.setTest(ev, b.TestModeSet)
	case *vigiev1.Event_ShiftStarted:
		w.present(ev, present)
	case *vigiev1.Event_ShiftEnded:
		w.present(ev, left)
	case *vigiev1.Event_BreakTaken:
		if b.BreakTaken.GetEnded() {
			w.present(ev, present)
		} else {
			w.present(ev, away)
		}
	case *vigiev1.Event_CallStep:
		d := w.stepCall(ev, b.CallStep)
		if d.status == vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED {
			w.happenings = append(w.happenings, happening{what: happenedCall, step: b.CallStep.GetStep()})
		}
		return d
	case *vigiev1.Event_PolicyProposed:
		return w.proposePolicy(b.PolicyProposed.GetPolicy())
	}
	if _, ok := incidentNamed(ev); ok {
		return w.actOnIncident(ev)
	}
	return accepted("")
}

// present tells who is there to the fleet.
func (w *work) present(ev *vigiev1.Event, how presence) {
	w.happenings = append(w.happenings, happening{what: happenedPresence, presence: how, user: clip(ev.GetSource().GetUser().GetUser())})
}

// TriedVersion is the version under which a replay tries a policy: above all that a log
// has, safe in JSON. What is proposed in the stretch is judged without it.
const TriedVersion = 1 << 52

// proposePolicy gives a policy its version in log order, or refuses it; the desk
// broadcasts the accepted form (design decision 56).
func (w *work) proposePolicy(p *vigiev1.Policy) decided {
	c, taken := w.cold(), w.f.policy.version
	tried := taken >= TriedVersion
	if tried {
		taken = 0
	}
	taken = max(c.policyVersion, taken)
	switch {
	case len(p.GetClasses())+len(p.GetGroups()) == 0:
		return refused("policy-empty")
	case p.GetVersion() <= taken:
		return refused("policy-version-taken")
	case !tried && taken > 0 && p.GetVersion() > taken+1: // Else one act could use them all up.
		return refused("policy-version-skipped")
	}
	c.policyVersion = p.GetVersion()
	return accepted("")
}
