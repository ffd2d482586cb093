package desk

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func (o *office) arrange(key string, a SiteAction, headers ...string) reply {
	o.t.Helper()
	return o.send(http.MethodPost, "/api/v1/sites/4711/acts", a, append([]string{"Idempotency-Key", key}, headers...)...)
}

func (o *office) last() *vigiev1.Event {
	o.t.Helper()
	events := o.log.taken()
	if len(events) == 0 {
		o.t.Fatal("nothing is in the log")
	}
	return events[len(events)-1]
}

// by is an authenticated person.
func by(a SiteAction) SiteAction {
	a.By, a.AuthenticatedHow = "contact-1", "passcode"
	return a
}

const soon, later = int64(1_900_000_000_000), int64(1_900_000_360_000)

type siteCase struct {
	act  SiteAction
	want func(*vigiev1.Event) bool
}

func siteCases() []siteCase {
	sealed := func(s *vigiev1.Sealed, want string) bool {
		return string(s.GetCiphertext()) == "sealed:"+want && s.GetKeyId() == "site/4711"
	}
	return []siteCase{
		{by(SiteAction{Act: "consigne-set", Consigne: "nuit", Text: "appeler", Priority: 2, UntilMS: later, Steps: []ConsigneStep{{Kind: "send-guard", LifeSafety: true}}}), func(e *vigiev1.Event) bool {
			k := e.GetConsigneSet()
			return k.GetConsigne() == "nuit" && k.GetGivenBy() == "contact-1" && k.GetAuthenticatedHow() == "passcode" && sealed(k.GetText(), "appeler") &&
				k.GetPriority() == 2 && k.GetUntilMs() == later && k.GetSteps()[0].GetKind() == vigiev1.ConsigneStep_KIND_SEND_GUARD && k.GetSteps()[0].GetLifeSafety()
		}},
		{by(SiteAction{Act: "consigne-set", Permanent: true, Scope: "class", Steps: []ConsigneStep{{Kind: "video"}}}), func(e *vigiev1.Event) bool {
			return e.GetConsigneSet().GetPermanent() && e.GetConsigneSet().GetScope() == "class" && e.GetConsigneSet().GetConsigne() != ""
		}},
		{SiteAction{Act: "consigne-withdraw", Consigne: "nuit"}, func(e *vigiev1.Event) bool { return e.GetConsigneWithdrawn().GetConsigne() == "nuit" }},
		{by(SiteAction{Act: "closure-declare", Closure: "ete", FromMS: soon, UntilMS: later}), func(e *vigiev1.Event) bool {
			c := e.GetClosureDeclared()
			return c.GetClosure() == "ete" && c.GetDeclaredBy() == "contact-1" && c.GetFromMs() == soon && c.GetToMs() == later
		}},
		{by(SiteAction{Act: "closure-declare"}), func(e *vigiev1.Event) bool {
			return e.GetClosureDeclared().GetFromMs() > 0 && e.GetClosureDeclared().GetToMs() == 0
		}},
		{by(SiteAction{Act: "closure-lift", Closure: "ete"}), func(e *vigiev1.Event) bool {
			return e.GetClosureLifted().GetClosure() == "ete" && e.GetClosureLifted().GetLiftedBy() == "contact-1"
		}},
		{by(SiteAction{Act: "visit-announce", Person: "M. Petit", FromMS: soon, UntilMS: later, Areas: []string{"1"}}), func(e *vigiev1.Event) bool {
			v := e.GetVisitAnnounced()
			return sealed(v.GetPerson(), "M. Petit") && v.GetFromMs() == soon && v.GetToMs() == later && v.GetAreas()[0] == "1" && v.GetVisit() != ""
		}},
		{by(SiteAction{Act: "visit-announce", UserCode: "12", UntilMS: later}), func(e *vigiev1.Event) bool {
			return e.GetVisitAnnounced().GetUserCode() == "12" && e.GetVisitAnnounced().GetFromMs() > 0
		}},
		{by(SiteAction{Act: "reopening-plan", Reopening: "r1", FromMS: soon, UntilMS: later}), func(e *vigiev1.Event) bool {
			return e.GetReopeningPlanned().GetReopening() == "r1" && !e.GetReopeningPlanned().GetWithdrawn()
		}},
		{by(SiteAction{Act: "reopening-withdraw", Reopening: "r1"}), func(e *vigiev1.Event) bool { return e.GetReopeningPlanned().GetWithdrawn() }},
		{by(SiteAction{Act: "test-on", UntilMS: later, Zones: []string{"1"}, Classes: []string{"fire"}}), func(e *vigiev1.Event) bool {
			t := e.GetTestModeSet()
			return t.GetOn() && t.GetRequester() == "contact-1" && t.GetUntilMs() == later && t.GetZones()[0] == "1" && t.GetClasses()[0] == vigiev1.EventClass_EVENT_CLASS_FIRE
		}},
		{SiteAction{Act: "test-off"}, func(e *vigiev1.Event) bool { return e.GetTestModeSet() != nil && !e.GetTestModeSet().GetOn() }},
		{SiteAction{Act: "stage", Stage: "scheduled", PlannedAtMS: soon}, func(e *vigiev1.Event) bool {
			return e.GetConnectionStage().GetStage() == vigiev1.ConnectionStage_STAGE_SCHEDULED && e.GetConnectionStage().GetPlannedAtMs() == soon
		}},
		{SiteAction{Act: "contacts-set", OnSite: 1, Elsewhere: 2, Contacts: "liste"}, func(e *vigiev1.Event) bool {
			c := e.GetContactsSet()
			return c.GetOnSite() == 1 && c.GetElsewhere() == 2 && sealed(c.GetContacts(), "liste")
		}},
	}
}

func TestEachSiteActBecomesItsEventOnce(t *testing.T) {
	o := newOffice(t)
	o.decides(accepted)
	tried := map[string]bool{}
	for n, c := range siteCases() {
		tried[c.act.Act] = true
		key := fmt.Sprint("k", n)
		got := o.arrange(key, c.act)
		if got.status != 201 || got.out.Status != "accepted" || got.out.Site != site || got.out.Act != c.act.Act {
			t.Fatalf("%s: %d %+v %+v", c.act.Act, got.status, got.out, got.prob)
		}
		e, before := o.last(), len(o.log.taken())
		if !c.want(e) || e.Site != site || e.GetSource().GetUser().GetUser() != "anne" {
			t.Errorf("%s became %v", c.act.Act, e)
		}
		if again := o.arrange(key, c.act); again.out != got.out || len(o.log.taken()) != before {
			t.Errorf("%s, sent again: %+v and %d events more", c.act.Act, again.out, len(o.log.taken())-before)
		}
	}
	for act := range siteForms {
		if !tried[act] {
			t.Errorf("%s has no case", act)
		}
	}
}

func TestWhatIsNotASiteActIsRefusedWithTheField(t *testing.T) {
	o := newOffice(t)
	cases := map[string]struct {
		act   SiteAction
		where string
	}{
		"no such act":                   {SiteAction{Act: "demolish"}, "body.act"},
		"a consigne by nobody":          {SiteAction{Act: "consigne-set", AuthenticatedHow: "passcode", Text: "x"}, "body.by"},
		"a consigne unauthenticated":    {SiteAction{Act: "consigne-set", By: "contact-1", Text: "x"}, "body.authenticated_how"},
		"a consigne that says nothing":  {by(SiteAction{Act: "consigne-set"}), "body.steps"},
		"permanent with an end":         {by(SiteAction{Act: "consigne-set", Text: "x", Permanent: true, UntilMS: later}), "body.until_ms"},
		"a step of fantasy":             {by(SiteAction{Act: "consigne-set", Steps: []ConsigneStep{{Kind: "pray"}}}), "body.steps[0].kind"},
		"a name in capitals":            {by(SiteAction{Act: "consigne-set", Consigne: "Nuit", Text: "x"}), "body.consigne"},
		"by a person's name":            {by(SiteAction{Act: "closure-declare"}), ""},
		"ends before it begins":         {by(SiteAction{Act: "closure-declare", FromMS: later, UntilMS: soon}), "body.until_ms"},
		"lifting none":                  {by(SiteAction{Act: "closure-lift"}), "body.closure"},
		"withdrawing none":              {SiteAction{Act: "consigne-withdraw"}, "body.consigne"},
		"a visit without end":           {by(SiteAction{Act: "visit-announce", UserCode: "1"}), "body.until_ms"},
		"a visit of nobody":             {by(SiteAction{Act: "visit-announce", UntilMS: later}), "body.user_code"},
		"a reopening without end":       {by(SiteAction{Act: "reopening-plan"}), "body.until_ms"},
		"a test of a class of fantasy":  {by(SiteAction{Act: "test-on", Classes: []string{"aliens"}}), "body.classes[0]"},
		"a test of nobody":              {SiteAction{Act: "test-on"}, "body.by"},
		"the end of a test with a zone": {SiteAction{Act: "test-off", Zones: []string{"1"}}, "body.zones"},
		"no stage":                      {SiteAction{Act: "stage"}, "body.stage"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.where == "" {
				c.act.By, c.where = "M. Petit", "body.by"
			}
			got := o.arrange("k", c.act)
			if got.status != 422 || len(got.prob.Errors) == 0 || got.prob.Errors[0].Location != c.where {
				t.Errorf("answer %d %+v, want an error at %s", got.status, got.prob, c.where)
			}
		})
	}
	if n := len(o.log.taken()); n != 0 {
		t.Errorf("%d events of refused acts are in the log", n)
	}
}

func TestTheLogsRefusalOfASiteActIsTold(t *testing.T) {
	o := newOffice(t)
	o.decides(&vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, Reason: "test-too-long"})
	got := o.arrange("k", by(SiteAction{Act: "test-on", UntilMS: later}))
	if got.status != 409 || got.prob.Type != "/problems/act-refused" || got.prob.Detail != "test-too-long" {
		t.Errorf("answer %d %+v", got.status, got.prob)
	}
	if other := o.arrange("k", SiteAction{Act: "test-off"}); other.status != 422 || other.prob.Type != "/problems/idempotency-key-reused" {
		t.Errorf("another act under the key: %d %+v", other.status, other.prob)
	}
	if undeclared := o.send(http.MethodPost, "/api/v1/sites/9007199254740990/acts", SiteAction{Act: "test-off"}, "Idempotency-Key", "k2"); undeclared.status != 422 {
		t.Errorf("a site that nobody declared: %d", undeclared.status)
	}
}

func TestAMadeUpNameIsTheSameInARepeatAndAnotherForAnotherPerson(t *testing.T) {
	o := newOffice(t)
	o.decides(accepted)
	a := by(SiteAction{Act: "closure-declare"})
	first := o.arrange("k", a)
	name := o.last().GetClosureDeclared().GetClosure()
	if first.out.Named != name || !nameForm.MatchString(name) {
		t.Errorf("answered %q, the event has %q", first.out.Named, name)
	}
	o.user = "bruno"
	if other := o.arrange("k", a); other.out.Named == name {
		t.Errorf("two people's closures are both called %q", name)
	}
}

func TestCallsAndShiftsStandUnderTheCentre(t *testing.T) {
	o := newOffice(t)
	o.decides(accepted)
	cases := []struct {
		path string
		body any
		want func(*vigiev1.Event) bool
	}{
		{"/api/v1/calls", CallAction{Call: "k-1", Step: "offered", Site: 4711}, func(e *vigiev1.Event) bool {
			return e.GetCallStep().GetStep() == vigiev1.CallStep_STEP_OFFERED && e.GetCallStep().GetAboutSite() == 4711
		}},
		{"/api/v1/calls", CallAction{Step: "offered"}, func(e *vigiev1.Event) bool { return nameForm.MatchString(e.GetCallStep().GetCall()) }},
		{"/api/v1/calls", CallAction{Call: "k-1", Step: "answered", Incident: incident}, func(e *vigiev1.Event) bool {
			return e.GetCallStep().GetIncident() == incident && e.Correlation == incident
		}},
		{"/api/v1/calls", CallAction{Call: "k-1", Step: "transferred", To: "guard"}, func(e *vigiev1.Event) bool { return e.GetCallStep().GetTo() == "guard" }},
		{"/api/v1/calls", CallAction{Call: "k-1", Step: "abandoned"}, func(e *vigiev1.Event) bool { return e.GetCallStep().GetStep() == vigiev1.CallStep_STEP_ABANDONED }},
		{"/api/v1/calls", CallAction{Call: "k-1", Step: "ended", Reason: "closure", Satisfaction: 5}, func(e *vigiev1.Event) bool {
			return e.GetCallStep().GetReason() == "closure" && e.GetCallStep().GetSatisfaction() == 5
		}},
		{"/api/v1/shifts", ShiftAction{Act: "start", Place: "station-a", Brigade: "b1", Desk: "3"}, func(e *vigiev1.Event) bool {
			s := e.GetShiftStarted()
			return s.GetPlace() == "station-a" && s.GetBrigade() == "b1" && s.GetDesk() == "3"
		}},
		{"/api/v1/shifts", ShiftAction{Act: "break"}, func(e *vigiev1.Event) bool { return e.GetBreakTaken() != nil && !e.GetBreakTaken().GetEnded() }},
		{"/api/v1/shifts", ShiftAction{Act: "back"}, func(e *vigiev1.Event) bool { return e.GetBreakTaken().GetEnded() }},
		{"/api/v1/shifts", ShiftAction{Act: "end"}, func(e *vigiev1.Event) bool { return e.GetShiftEnded() != nil }},
	}
	for n, c := range cases {
		key := fmt.Sprint("k", n)
		got := o.send(http.MethodPost, c.path, c.body, "Idempotency-Key", key)
		if got.status != 201 || !c.want(o.last()) || o.last().Site != centreSite {
			t.Errorf("%+v: %d %+v became %v", c.body, got.status, got.prob, o.last())
		}
		before := len(o.log.taken())
		if again := o.send(http.MethodPost, c.path, c.body, "Idempotency-Key", key); again.out != got.out || len(o.log.taken()) != before {
			t.Errorf("%+v, sent again: %+v", c.body, again.out)
		}
	}
}

func TestWhatIsNoCallAndNoShiftIsRefusedWithTheField(t *testing.T) {
	o := newOffice(t)
	for name, c := range map[string]struct {
		path, where string
		body        any
	}{
		"an answer to no call":    {"/api/v1/calls", "body.call", CallAction{Step: "answered"}},
		"a transfer to nobody":    {"/api/v1/calls", "body.to", CallAction{Call: "k", Step: "transferred"}},
		"a transfer to a name":    {"/api/v1/calls", "body.to", CallAction{Call: "k", Step: "transferred", To: "M. Petit"}},
		"offered with a reason":   {"/api/v1/calls", "body.reason", CallAction{Step: "offered", Reason: "x"}},
		"about no incident":       {"/api/v1/calls", "body.incident", CallAction{Step: "offered", Incident: "x-1"}},
		"more than satisfied":     {"/api/v1/calls", "body.satisfaction", CallAction{Call: "k", Step: "ended", Satisfaction: 6}},
		"a shift without a place": {"/api/v1/shifts", "body.place", ShiftAction{Act: "start"}},
		"an end with a place":     {"/api/v1/shifts", "body.place", ShiftAction{Act: "end", Place: "a"}},
		"a place with blanks":     {"/api/v1/shifts", "body.place", ShiftAction{Act: "start", Place: "la salle"}},
	} {
		got := o.send(http.MethodPost, c.path, c.body, "Idempotency-Key", "k")
		if got.status != 422 || len(got.prob.Errors) == 0 || got.prob.Errors[0].Location != c.where {
			t.Errorf("%s: %d %+v, want an error at %s", name, got.status, got.prob, c.where)
		}
	}
	o.decides(&vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, Reason: "call-answered-already", Holder: "bruno"})
	got := o.send(http.MethodPost, "/api/v1/calls", CallAction{Call: "k", Step: "answered"}, "Idempotency-Key", "k9")
	if got.status != 409 || got.prob.Holder != "bruno" || !strings.Contains(got.prob.Detail, "call-answered-already") {
		t.Errorf("of two who answer: %d %+v", got.status, got.prob)
	}
}

func TestTheSameSiteActTwiceHasOneId(t *testing.T) {
	o := newOffice(t)
	o.arrange("k", SiteAction{Act: "test-off"}, "Prefer", "wait=0")
	single := o.last().Id
	o.start() // another desk: what it knew is gone
	o.send(http.MethodPost, "/api/v1/site-acts", BulkAction{SiteAction: SiteAction{Act: "test-off"}, Sites: []uint64{4711}}, "Idempotency-Key", "k", "Prefer", "wait=0")
	if !slices.ContainsFunc(o.log.taken()[1:], func(e *vigiev1.Event) bool { return bytes.Equal(e.Id, single) }) {
		t.Error("the act of one site and that of a list are two")
	}
}
