package alarm

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What people arranged with the site, as its public state shows it: closure,
// consignes, visits, reopening, test, connection.

func (w *work) showPlans(out *vigiev1.SiteState) {
	c := w.s.cold
	if c.closure.id != "" {
		out.DeclaredClosure = &vigiev1.DeclaredClosure{Closure: c.closure.id, FromMs: c.closure.from, ToMs: c.closure.to}
	}
	for _, k := range c.consignes {
		out.Consignes = append(out.Consignes, k.show())
	}
	for _, v := range c.visits {
		out.Visits = append(out.Visits, &vigiev1.VisitState{Visit: v.id, AnnouncedBy: v.by, UserCode: v.code, Areas: v.areas, FromMs: v.from, ToMs: v.to})
	}
	if r := c.reopening; r.id != "" {
		out.Reopening = &vigiev1.ReopeningState{Reopening: r.id, FromMs: r.from, ToMs: r.to, Areas: slices.Clone(r.areas)}
	}
	if t := c.test; t != nil {
		out.Test = &vigiev1.TestState{SinceMs: t.since, UntilMs: t.until, Zones: t.zones, Areas: t.areas, Classes: t.classes, Unseen: t.unseen}
	}
	if c.stage != vigiev1.ConnectionStage_STAGE_UNSPECIFIED {
		out.StageSinceMs, out.StageDueMs = c.stageSince, c.deadlineOf(timerStage)
	}
	if c.commission != nil {
		out.Commissioning = &vigiev1.CommissioningState{Seen: c.commission.seen, Missing: w.signalsMissing()}
	}
}

var scopeNames = [...]string{"site", "site", "group", "class"}

func (k consigne) show() *vigiev1.ConsigneState {
	out := &vigiev1.ConsigneState{
		Consigne: k.id, EventId: slices.Clone(k.event[:]), Scope: scopeNames[k.scope], Permanent: k.permanent,
		FromMs: k.from, UntilMs: k.until, Priority: k.priority, Steps: k.steps,
	}
	if k.text != nil {
		out.Text = &vigiev1.Sealed{}
		if err := proto.Unmarshal(k.text, out.Text); err != nil {
			panic(fmt.Sprintf("alarm: a text that was encoded here cannot be decoded: %v", err))
		}
	}
	return out
}

// deadlineOf is when the site's timer of a kind is due; 0 when none is armed.
func (c *cold) deadlineOf(kind uint16) int64 {
	for _, t := range c.timers {
		if t.kind == kind {
			return t.deadline
		}
	}
	return 0
}
