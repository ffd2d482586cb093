package alarm

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func TestCyclicTest(t *testing.T) {
	t.Parallel()
	const kind = "test-missed"
	cyclic := func(a *axis) *axis {
		return a.panel(&vigiev1.Event{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Periodic: true}}})
	}
	tested := func(rule, class string, ms int64, run func(a *axis)) axisCase {
		return axisCase{rule, class, func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{SiteClass: class, CyclicTestMs: ms, Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}}})
			run(a)
		}}
	}
	cases(t, []axisCase{
		tested("trade 6: the cyclic test is due within 24 h and 1 h of the last one", "shop", 0, func(a *axis) {
			cyclic(a).at(25*hour - 1).expectKinds(kind)
			a.at(25*hour).expectKinds(kind, "opened test-missed")
			if d := a.detection(kind); d.GetLastHeardMs() != axisStart || d.GetIntervalMs() != day {
				a.t.Fatalf("the detection is %v", d)
			}
			cyclic(a).expectKinds(kind, "closed test-missed: restored")
		}),
		tested("trade 6: an obligation of its own: polls and alarms do not fulfil it", "shop", 0, func(a *axis) {
			cyclic(a).at(20*hour).poll(1, 0).alarm(flood, "1").at(25*hour).expectKinds(kind, "opened test-missed")
		}),
		tested("trade 6: fire 10 min", "fire", 0, func(a *axis) {
			cyclic(a).at(11*minute).expectKinds(kind, "opened test-missed")
		}),
		tested("a declared interval is owed from the declaration on", "shop", 4*hour, func(a *axis) {
			a.at(5*hour).expectKinds(kind, "opened test-missed")
		}),
		tested("a site that never sent one owes none", "shop", 0, func(a *axis) {
			a.poll(1, 0).at(20 * day).expectKinds(kind)
		}),
		tested("a test made by a person is none", "shop", 0, func(a *axis) {
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{}}}).at(3 * day).expectKinds(kind)
		}),
		tested("decision 48: an outage of ours postpones it", "shop", 0, func(a *axis) {
			cyclic(a).at(hour).stop(testGroup)
			a.at(6 * hour).run(testGroup)
			a.at(30*hour - 1).expectKinds(kind)
			a.at(30*hour).expectKinds(kind, "opened test-missed")
		}),
	})
}

func TestGuards(t *testing.T) {
	t.Parallel()
	const kind = "guard-late"
	guard := func(a *axis, s vigiev1.GuardStep_Step) *axis {
		return a.person(&vigiev1.Event{Body: &vigiev1.Event_GuardStep{GuardStep: &vigiev1.GuardStep{Incident: a.incident(), Firm: "f", Step: s}}})
	}
	asked := func(rule string, run func(a *axis)) axisCase {
		return axisCase{rule, "shop", func(a *axis) {
			guard(a.alarm(intrusion, "1"), vigiev1.GuardStep_STEP_REQUESTED)
			run(a)
		}}
	}
	cases(t, []axisCase{
		asked("trade 10: late after 30 min", func(a *axis) {
			guard(a, vigiev1.GuardStep_STEP_ACCEPTED).at(30*minute - 1).expectKinds(kind)
			a.at(30*minute).expectKinds(kind, "opened guard-late")
			guard(a, vigiev1.GuardStep_STEP_ARRIVED).expectKinds(kind, "closed guard-late: resolved")
		}),
		asked("one who arrived in time is not", func(a *axis) {
			guard(a.at(20*minute), vigiev1.GuardStep_STEP_ARRIVED).at(hour).expectKinds(kind)
		}),
		asked("one who refused is not", func(a *axis) {
			guard(a, vigiev1.GuardStep_STEP_REFUSED).at(hour).expectKinds(kind)
		}),
		asked("it ends with the incident", func(a *axis) {
			a.at(hour).forget()
			a.close(userError, true).expectKinds(kind, "closed guard-late: incident closed")
		}),
	})
}

func TestOnboarding(t *testing.T) {
	t.Parallel()
	const kind = "onboarding-stuck"
	stage := func(a *axis, s vigiev1.ConnectionStage_Stage, planned int64) *axis {
		return a.person(&vigiev1.Event{Body: &vigiev1.Event_ConnectionStage{ConnectionStage: &vigiev1.ConnectionStage{Stage: s, PlannedAtMs: planned}}})
	}
	after := func(s vigiev1.ConnectionStage_Stage, ms int64) func(a *axis) {
		return func(a *axis) {
			stage(a, s, 0).at(ms - 1).expectKinds(kind)
			a.at(ms).expectKinds(kind, "opened onboarding-stuck")
			stage(a, s+1, 0).expectKinds(kind, "closed onboarding-stuck: resolved")
		}
	}
	cases(t, []axisCase{
		{"requested: 5 days", "shop", after(vigiev1.ConnectionStage_STAGE_REQUESTED, 5*day)},
		{"scheduled: 2 days", "shop", after(vigiev1.ConnectionStage_STAGE_SCHEDULED, 2*day)},
		{"installed: 2 days", "shop", after(vigiev1.ConnectionStage_STAGE_INSTALLED, 2*day)},
		{"tested: 2 days", "shop", after(vigiev1.ConnectionStage_STAGE_TESTED, 2*day)},
		{"from the planned day where that is later", "shop", func(a *axis) {
			stage(a, vigiev1.ConnectionStage_STAGE_SCHEDULED, axisStart+10*day).at(12*day - 1).expectKinds(kind)
			a.at(12*day).expectKinds(kind, "opened onboarding-stuck")
		}},
		{"in service there is no clock", "shop", func(a *axis) {
			stage(a, vigiev1.ConnectionStage_STAGE_IN_SERVICE, 0).at(100 * day).expectKinds(kind)
		}},
	})
}
