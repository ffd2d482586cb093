package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Calls of customers (design section 5; trade rule 11). A call is offered, then
// answered or abandoned; an answered one may be transferred and linked to the site
// and the incident that it is about, and ends. All steps of all calls stand under
// site 0, so that of two who answer the first in the log has the call.
//
// Parameters: ContactPolicy, 80 % answered within 20 s (default, unverified). The
// fold judges no call by itself: the outcome of each step carries what the call is
// by then and the figures of its day, and whoever counts has both.

// call is one that has neither ended nor been abandoned.
type call struct {
	id                string
	offered, answered int64
	by, to            string
	site              uint64
	incident          string
}

// callForgotten is when a call that nobody ended is taken for ended, ms.
const callForgotten = day

func (w *work) stepCall(ev *vigiev1.Event, b *vigiev1.CallStep) decided {
	c := w.seldom()
	if b.GetCall() == "" || len(b.GetCall()) > maxText {
		return refused("call-id-required")
	}
	if w.s.number != 0 {
		return refused("calls-stand-under-site-0")
	}
	i := slices.IndexFunc(c.calls, func(k call) bool { return k.id == b.GetCall() })
	if b.GetStep() == vigiev1.CallStep_STEP_OFFERED {
		return w.offerCall(b, i >= 0)
	}
	if i < 0 {
		return refused("no-such-call")
	}
	k := c.calls[i]
	if d := k.refusal(b); d.reason != "" {
		return d
	}
	k.link(b)
	switch b.GetStep() {
	case vigiev1.CallStep_STEP_ANSWERED:
		k.answered, k.by = w.at, userOf(ev)
	case vigiev1.CallStep_STEP_TRANSFERRED:
		k.to = clip(b.GetTo())
	default:
		c.calls = slices.Delete(c.calls, i, i+1)
		return w.callOutcome(k, b, w.at)
	}
	c.calls[i] = k
	return w.callOutcome(k, b, 0)
}

func (w *work) offerCall(b *vigiev1.CallStep, known bool) decided {
	c := w.seldom()
	c.calls = slices.DeleteFunc(c.calls, func(k call) bool { return w.at-k.offered >= callForgotten })
	switch {
	case known:
		return refused("call-offered-already")
	case len(c.calls) >= maxCalls:
		return refused("too-many-calls")
	}
	k := call{id: b.GetCall(), offered: w.at}
	k.link(b)
	c.calls = append(c.calls, k)
	return w.callOutcome(k, b, 0)
}

// refusal says why the call cannot take the step; no reason when it can.
func (k *call) refusal(b *vigiev1.CallStep) decided {
	answered := k.answered != 0
	switch b.GetStep() {
	case vigiev1.CallStep_STEP_ANSWERED, vigiev1.CallStep_STEP_ABANDONED:
		if answered {
			d := refused("call-answered-already")
			d.holder = k.by
			return d
		}
	case vigiev1.CallStep_STEP_TRANSFERRED, vigiev1.CallStep_STEP_ENDED:
		if !answered {
			return refused("call-not-answered")
		}
		if b.GetStep() == vigiev1.CallStep_STEP_TRANSFERRED && b.GetTo() == "" {
			return refused("transfer-to-required")
		}
	default:
		return refused("step-required")
	}
	return decided{}
}

// link notes what the call is about, as far as the step knows.
func (k *call) link(b *vigiev1.CallStep) {
	if b.GetAboutSite() != 0 {
		k.site = b.GetAboutSite()
	}
	if b.GetIncident() != "" {
		k.incident = clip(b.GetIncident())
	}
}

func (w *work) callOutcome(k call, b *vigiev1.CallStep, ended int64) decided {
	fig := w.figures()
	d := accepted(k.incident)
	d.call = &vigiev1.CallFacts{
		Call: k.id, Step: b.GetStep(), OfferedAtMs: k.offered, AnsweredAtMs: k.answered, AnsweredBy: k.by, EndedAtMs: ended,
		TransferredTo: k.to, AboutSite: k.site, Incident: k.incident, Reason: clip(b.GetReason()), Satisfaction: min(b.GetSatisfaction(), 5),
		AnswerWithinMs: fig.callWithin, AnswerSharePercent: fig.callShare,
	}
	return d
}
