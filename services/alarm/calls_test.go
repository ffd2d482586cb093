package alarm

import (
	"fmt"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	offered     = vigiev1.CallStep_STEP_OFFERED
	answered    = vigiev1.CallStep_STEP_ANSWERED
	abandoned   = vigiev1.CallStep_STEP_ABANDONED
	transferred = vigiev1.CallStep_STEP_TRANSFERRED
	ended       = vigiev1.CallStep_STEP_ENDED
)

// rings is a step of a call; with says what else the step knows.
func (a *axis) rings(id string, step vigiev1.CallStep_Step, with ...func(*vigiev1.CallStep)) *axis {
	b := &vigiev1.CallStep{Call: id, Step: step}
	for _, do := range with {
		do(b)
	}
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_CallStep{CallStep: b}})
}

// callFacts are those of the newest outcome that has any.
func (a *axis) callFacts() *vigiev1.CallFacts {
	a.t.Helper()
	for i := len(a.outs) - 1; i >= 0; i-- {
		if o, is := a.outs[i].value.(*vigiev1.EventOutcome); is && o.GetCall() != nil {
			return o.GetCall()
		}
	}
	a.t.Fatalf("no outcome has facts of a call")
	return nil
}

// centre is a case under site 0, where calls stand.
func centre(rule string, run func(a *axis)) axisCase {
	return axisCase{rule, "shop", func(a *axis) {
		a.site = 0
		run(a)
	}}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		centre("offered, answered, ended: each outcome has what the call is by then", func(a *axis) {
			a.rings("k1", offered).at(12 * second)
			a.rings("k1", answered).at(minute)
			a.rings("k1", ended, func(b *vigiev1.CallStep) { b.Reason, b.Satisfaction = "hours", 4 })
			a.expectAnswers("accepted", "accepted", "accepted")
			f := a.callFacts()
			if f.GetOfferedAtMs() != axisStart || f.GetAnsweredAtMs() != axisStart+12*second || f.GetEndedAtMs() != axisStart+minute || f.GetAnsweredBy() != "alice" || f.GetSatisfaction() != 4 {
				a.t.Fatalf("the call is %v", f)
			}
			if f.GetAnswerWithinMs() != 20*second || f.GetAnswerSharePercent() != 80 {
				a.t.Fatalf("it is judged by %v", f)
			}
		}),
		centre("linked to site and incident by whichever step knows them", func(a *axis) {
			a.rings("k1", offered, func(b *vigiev1.CallStep) { b.AboutSite = 7 })
			a.rings("k1", answered, func(b *vigiev1.CallStep) { b.Incident = "7-x" })
			a.rings("k1", transferred, func(b *vigiev1.CallStep) { b.To = "guard" })
			a.expectAnswers("accepted", "accepted", "accepted")
			if f := a.callFacts(); f.GetAboutSite() != 7 || f.GetIncident() != "7-x" || f.GetTransferredTo() != "guard" {
				a.t.Fatalf("the call is %v", f)
			}
		}),
		centre("of two who answer the first has it, and the other is told who", func(a *axis) {
			a.rings("k1", offered).by("alice").rings("k1", answered).by("bob").rings("k1", answered)
			a.expectAnswers("accepted", "accepted", "refused: call-answered-already (alice)")
		}),
		centre("an answered call is not abandoned; an abandoned one is over", func(a *axis) {
			a.rings("k1", offered).rings("k1", answered).rings("k1", abandoned)
			a.rings("k2", offered).rings("k2", abandoned).rings("k2", answered)
			a.expectAnswers("accepted", "accepted", "refused: call-answered-already (alice)", "accepted", "accepted", "refused: no-such-call")
		}),
	})
}

func TestStepsThatACallCannotTake(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		centre("what was not answered is not transferred, and does not end", func(a *axis) {
			a.rings("k1", offered).rings("k1", transferred, func(b *vigiev1.CallStep) { b.To = "police" }).rings("k1", ended)
			a.expectAnswers("accepted", "refused: call-not-answered", "refused: call-not-answered")
		}),
		centre("a transfer says to whom", func(a *axis) {
			a.rings("k1", offered).rings("k1", answered).rings("k1", transferred)
			a.expectAnswers("accepted", "accepted", "refused: transfer-to-required")
		}),
		centre("offered twice it is refused, repeated it is one", func(a *axis) {
			a.rings("k1", offered).repeat().rings("k1", offered)
			a.expectAnswers("accepted", "repeated", "refused: call-offered-already")
		}),
		centre("a call without a name, a step or a beginning is refused", func(a *axis) {
			a.rings("", offered).rings("k1", 0).rings("k1", answered)
			a.expectAnswers("refused: call-id-required", "refused: no-such-call", "refused: no-such-call")
		}),
		centre("a call that nobody ended is forgotten after a day, at the next offer", func(a *axis) {
			a.rings("k1", offered).at(day-1).rings("k2", offered).rings("k1", answered)
			a.expectAnswers("accepted", "accepted", "accepted")
			a.at(2*day).rings("k3", offered).rings("k2", answered)
			a.expectAnswers("accepted", "refused: no-such-call")
		}),
		centre("calls at once are bounded", func(a *axis) {
			for i := range maxCalls {
				a.rings(fmt.Sprintf("k%d", i), offered)
			}
			a.forget()
			a.rings("one-more", offered).expectAnswers("refused: too-many-calls")
		}),
		{"calls stand under site 0 alone, which is no site", "shop", func(a *axis) {
			a.rings("k1", offered).expectAnswers("refused: calls-stand-under-site-0")
			before := a.fold.Counts().Sites
			a.site = 0
			if a.rings("k1", offered); a.fold.Counts().Sites != before {
				a.t.Fatalf("site 0 counts as a site")
			}
		}},
	})
}
