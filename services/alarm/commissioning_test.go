package alarm

import (
	"slices"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	installed = vigiev1.ConnectionStage_STAGE_INSTALLED
	tested    = vigiev1.ConnectionStage_STAGE_TESTED
	inService = vigiev1.ConnectionStage_STAGE_IN_SERVICE
)

func (a *axis) stage(s vigiev1.ConnectionStage_Stage) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ConnectionStage{ConnectionStage: &vigiev1.ConnectionStage{Stage: s}}})
}

func (a *axis) tampers() *axis {
	return a.panel(&vigiev1.Event{Body: &vigiev1.Event_Tamper{Tamper: &vigiev1.Tamper{Signal: sig(tamper, "", "")}}})
}

// missing is what the public state says the commissioning test waits for.
func (a *axis) missing(want string) *axis {
	a.t.Helper()
	if got := strings.Join(a.state().GetCommissioning().GetMissing(), " "); got != want {
		a.t.Fatalf("missing %q, want %q", got, want)
	}
	return a
}

// TestCommissioning is on a site with the zones 1 and 2 and two paths.
func TestCommissioning(t *testing.T) {
	t.Parallel()
	const kind = "commissioning-incomplete"
	newcomer := func(rule string, run func(a *axis)) axisCase {
		return axisCase{rule, "shop", func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{
				SiteClass: "shop", Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: day}, {Path: 2, IntervalMs: day}},
				Zones: []*vigiev1.ZoneDeclared{{Zone: "1"}, {Zone: "2"}},
			}).stage(installed)
			a.forget()
			run(a)
		}}
	}
	all := func(a *axis) *axis {
		a.at(second).alarm(intrusion, "1").alarm(intrusion, "2").tampers().arm(full).disarm()
		return a.poll(1, 0).poll(2, 0)
	}
	cases(t, []axisCase{
		newcomer("every expected signal is missing at first", func(a *axis) {
			a.missing("zone-1 zone-2 tamper arming disarming path-1 path-2")
		}),
		newcomer("seen while on test: the set gets shorter; a poll counts when the test ends", func(a *axis) {
			a.test(0, nil)
			a.at(second).alarm(intrusion, "1").missing("zone-2 tamper arming disarming path-2")
			a.tampers().arm(full).disarm().poll(2, 0).missing("zone-2 path-2")
			a.testOff().missing("zone-2")
		}),
		newcomer("what came before the test proves nothing", func(a *axis) {
			a.alarm(intrusion, "1").poll(2, 0).at(minute).test(0, nil).testOff().missing("zone-1 zone-2 tamper arming disarming path-1 path-2")
		}),
		newcomer("complete: tested and in service raise nothing, and the list is done", func(a *axis) {
			all(a.test(0, nil)).testOff().stage(tested).stage(inService).expectKinds(kind)
			if a.state().GetCommissioning() != nil {
				a.t.Fatalf("in service it still shows %v", a.state().GetCommissioning())
			}
		}),
		newcomer("tested with something missing: never blocked, but detected, with what", func(a *axis) {
			a.test(0, nil).alarm(intrusion, "1").tampers().arm(full).disarm().testOff().stage(tested).expectKinds(kind, "opened "+kind)
			if got := a.facts(kind); got != "zone-2 path-2" {
				a.t.Fatalf("facts %q", got)
			}
			a.stage(inService).expectKinds(kind)
		}),
		newcomer("a later test shows the rest: updated, then complete", func(a *axis) {
			a.stage(inService).expectKinds(kind, "opened "+kind)
			a.test(0, nil)
			all(a)
			if got := a.facts(kind); got != "path-2" {
				a.t.Fatalf("facts %q", got)
			}
			a.forget()
			a.testOff().expectKinds(kind, "closed "+kind+": complete")
		}),
		newcomer("back to installed begins anew; suspended owes nothing", func(a *axis) {
			a.stage(tested).expectKinds(kind, "opened "+kind)
			a.stage(installed).expectKinds(kind, "closed "+kind+": not due any more")
			a.stage(inService).stage(vigiev1.ConnectionStage_STAGE_SUSPENDED).expectKinds(kind, "opened "+kind, "closed "+kind+": not due any more")
		}),
		newcomer("declared anew with fewer zones: what is not expected is not missing", func(a *axis) {
			a.stage(tested).forget()
			a.declared(&vigiev1.SiteDeclared{SiteClass: "shop"}).expectKinds(kind, "updated "+kind)
			if got := a.facts(kind); slices.Contains(strings.Fields(got), "zone-1") {
				a.t.Fatalf("facts %q", got)
			}
		}),
		{"a site that came in service with an import owes nothing", "shop", func(a *axis) {
			a.stage(inService).expectKinds(kind)
		}},
	})
}

func TestThePublicStateShowsWhatPeopleArranged(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"a consigne with its text, window and steps; withdrawn it is gone", "shop", func(a *axis) {
			a.consigne("k", func(k *vigiev1.ConsigneSet) {
				k.Text, k.Priority = &vigiev1.Sealed{KeyId: "site/7", Ciphertext: []byte("x")}, 3
				k.Steps = steps(vigiev1.ConsigneStep_KIND_CALL_CONTACT)
			})
			set := a.last.GetId()
			k := a.state().GetConsignes()[0]
			if k.GetConsigne() != "k" || k.GetText().GetKeyId() != "site/7" || k.GetUntilMs() != a.now+30*day || len(k.GetSteps()) != 1 || string(k.GetEventId()) != string(set) {
				a.t.Fatalf("shown %v", k)
			}
			if a.withdraw("k"); len(a.state().GetConsignes()) != 0 {
				a.t.Fatalf("still shown %v", a.state())
			}
		}},
		{"a text that is too long is refused", "shop", func(a *axis) {
			a.consigne("k", func(k *vigiev1.ConsigneSet) { k.Text = &vigiev1.Sealed{Ciphertext: make([]byte, maxConsigneText)} })
			a.expectAnswers("refused: text-too-long")
		}},
		{"a closure to come, then lifted", "shop", func(a *axis) {
			a.person(closureBody("c", a.now+hour, a.now+day))
			if c := a.state().GetDeclaredClosure(); c.GetClosure() != "c" || c.GetToMs() != a.now+day {
				a.t.Fatalf("shown %v", c)
			}
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ClosureLifted{ClosureLifted: &vigiev1.ClosureLifted{Closure: "c", LiftedBy: "x", AuthenticatedHow: "y"}}})
			if a.state().GetDeclaredClosure() != nil {
				a.t.Fatalf("still shown %v", a.state())
			}
		}},
		{"a visit until its end", "shop", func(a *axis) {
			a.visit("v", a.now+minute, a.now+hour, "12", "1")
			if v := a.state().GetVisits(); len(v) != 1 || v[0].GetAnnouncedBy() != "owner" || v[0].GetUserCode() != "12" {
				a.t.Fatalf("shown %v", v)
			}
			if a.at(hour); len(a.state().GetVisits()) != 0 {
				a.t.Fatalf("still shown %v", a.state())
			}
		}},
		{"a reopening until its end, the test with what it waits for", "shop", func(a *axis) {
			a.reopening("r", a.now, a.now+10*minute).test(a.now+2*hour, []string{"1", "2"}).alarm(intrusion, "1")
			s := a.state()
			if s.GetReopening().GetReopening() != "r" || s.GetTest().GetUntilMs() != a.now+2*hour || strings.Join(s.GetTest().GetUnseen(), " ") != "2" {
				a.t.Fatalf("shown %v", s)
			}
			if a.at(10 * minute); a.state().GetReopening() != nil {
				a.t.Fatalf("still shown %v", a.state())
			}
			if a.at(2 * hour); a.state().GetTest() != nil {
				a.t.Fatalf("still shown %v", a.state())
			}
		}},
		{"the stage's clock", "shop", func(a *axis) {
			a.stage(installed)
			if s := a.state(); s.GetStageSinceMs() != a.now || s.GetStageDueMs() != a.now+2*day {
				a.t.Fatalf("shown %v", s)
			}
		}},
	})
}
