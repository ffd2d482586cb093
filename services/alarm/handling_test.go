package alarm

import (
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// zoned is a case on a site with zones: 1 a door contact and 2 a motion detector of
// area 1, 3 a motion detector of area 2, 4 outside, 5 on the entry route, 6 another
// motion detector of area 1.
func zoned(rule string, run func(a *axis)) axisCase {
	return axisCase{rule, "shop", func(a *axis) {
		a.declared(&vigiev1.SiteDeclared{
			SiteClass: "shop", Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}},
			Zones: []*vigiev1.ZoneDeclared{
				{Zone: "1", Area: "1", Technology: "contact"}, {Zone: "2", Area: "1", Technology: "motion"},
				{Zone: "3", Area: "2", Technology: "motion"}, {Zone: "4", Area: "1", Technology: "barrier", Outside: true},
				{Zone: "5", Area: "1", Technology: "radar", EntryRoute: true}, {Zone: "6", Area: "1", Technology: "motion"},
			},
		})
		a.area = "1"
		a.forget()
		run(a)
	}}
}

func TestConfirmedAlarm(t *testing.T) {
	t.Parallel()
	const kind = "confirmed-alarm"
	cases(t, []axisCase{
		zoned("trade 10: a second independent zone of another technology in 30 min", func(a *axis) {
			a.alarm(intrusion, "1").at(30*minute).alarm(intrusion, "2").expectKinds(kind, "opened confirmed-alarm")
			if inc := a.lastIncident(); inc.GetPriority() != 1 || inc.GetClass() != confirmed || inc.GetVerifiedAtMs() != 0 || inc.GetLevel() != 2 {
				a.t.Fatalf("the incident is %v", inc)
			}
			if d := a.detection(kind); len(d.GetEvidence()) != 2 || a.facts(kind) != "zone-1 zone-2" {
				a.t.Fatalf("the detection is %v", d)
			}
		}),
		zoned("trade 10: after 30 min it is not", func(a *axis) {
			a.alarm(intrusion, "1").at(30*minute+1).alarm(intrusion, "2").expectKinds(kind)
		}),
		zoned("trade 10: the same zone twice is not", func(a *axis) {
			a.alarm(intrusion, "1").at(minute).alarm(intrusion, "1").expectKinds(kind)
		}),
		zoned("trade 10: another zone of the same technology and area is not", func(a *axis) {
			a.alarm(intrusion, "2").alarm(intrusion, "6").expectKinds(kind)
		}),
		zoned("trade 10: the same technology in another area is", func(a *axis) {
			a.alarm(intrusion, "2")
			a.area = "2"
			a.alarm(intrusion, "3").expectKinds(kind, "opened confirmed-alarm")
		}),
		zoned("trade 10: the outside perimeter does not count", func(a *axis) {
			a.alarm(intrusion, "4").alarm(intrusion, "2").expectKinds(kind)
		}),
		zoned("trade 10: tamper does not count", func(a *axis) {
			a.alarm(tamper, "1").alarm(intrusion, "2").expectKinds(kind)
		}),
		zoned("trade 10: the entry route during the entry delay does not count", func(a *axis) {
			a.alarm(intrusion, "5").at(minute).alarm(intrusion, "2").expectKinds(kind)
		}),
		zoned("trade 10: after the entry delay it does", func(a *axis) {
			a.alarm(intrusion, "5").at(minute+1).alarm(intrusion, "2").expectKinds(kind, "opened confirmed-alarm")
		}),
		zoned("trade 10: it never satisfies the verification", func(a *axis) {
			a.alarm(intrusion, "1").alarm(intrusion, "2").forget()
			a.close(userError, false).expectAnswers("refused: verification-or-reason-required")
		}),
		zoned("trade 10: it never delays the first alarm's clock", func(a *axis) {
			a.alarm(intrusion, "1").at(80*second).alarm(intrusion, "2").forget()
			a.at(90*second).expectKinds("answer-late", "opened answer-late")
		}),
		zoned("trade 10: it orders the steps", func(a *axis) {
			a.consigne("k", func(k *vigiev1.ConsigneSet) {
				k.Permanent = true
				k.Steps = steps(vigiev1.ConsigneStep_KIND_CALL_CONTACT, vigiev1.ConsigneStep_KIND_SEND_GUARD, vigiev1.ConsigneStep_KIND_VIDEO)
			}).alarm(intrusion, "1").alarm(intrusion, "2")
			if got := a.pinned(); got != "k: video send_guard call_contact" {
				a.t.Fatalf("the steps are %q", got)
			}
		}),
		zoned("a third zone is evidence of the same confirmation, which ends with the incident", func(a *axis) {
			a.alarm(intrusion, "1").alarm(intrusion, "2").alarm(intrusion, "6").forget()
			a.close(userError, true).expectKinds(kind, "closed confirmed-alarm: incident closed")
		}),
	})
}

func TestLevels(t *testing.T) {
	t.Parallel()
	level := func(a *axis, want uint32) {
		a.t.Helper()
		if got := a.lastIncident().GetLevel(); got != want {
			a.t.Fatalf("level %d, want %d", got, want)
		}
	}
	cases(t, []axisCase{
		zoned("AVS: evidence raises it", func(a *axis) {
			a.alarm(intrusion, "1")
			level(a, 1)
			a.alarm(intrusion, "2")
			level(a, 2)
			a.verify(positive)
			level(a, 3)
			a.police(vigiev1.PoliceOrFireCalled_GROUND_PERSONS)
			level(a, 4)
		}),
		zoned("AVS: and lowers it", func(a *axis) {
			a.alarm(intrusion, "1").verify(negative)
			level(a, 0)
			a.at(second).alarm(intrusion, "1")
			level(a, 1)
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_AlarmCancelled{AlarmCancelled: &vigiev1.AlarmCancelled{Signal: sig(intrusion, "", "")}}})
			level(a, 0)
		}),
		zoned("AVS: it knows nothing of fire", func(a *axis) {
			a.alarm(fire, "1")
			level(a, 0)
		}),
	})
}

func TestDuress(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 10: a duress word at once opens a hold-up incident, and nobody calls the site", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.passcode(vigiev1.ContactCalled_PASSCODE_DURESS).expectIncidents("incident intrusion open", "incident life open")
			if inc := a.lastIncident(); inc.GetClass() != vigiev1.EventClass_EVENT_CLASS_DURESS || !inc.GetCallSiteHidden() || inc.GetLevel() != 4 {
				a.t.Fatalf("the incident is %v", inc)
			}
		}},
		{"trade 10: after a hold-up calling the site is hidden", "shop", func(a *axis) {
			if !a.alarm(holdUp, "1").lastIncident().GetCallSiteHidden() {
				a.t.Fatalf("the site would be called")
			}
		}},
		{"trade 10: unless the consigne orders it", "shop", func(a *axis) {
			a.consigne("k", func(k *vigiev1.ConsigneSet) { k.Permanent, k.Steps = true, steps(vigiev1.ConsigneStep_KIND_CALL_SITE) })
			if a.alarm(holdUp, "1").lastIncident().GetCallSiteHidden() {
				a.t.Fatalf("the call is hidden")
			}
		}},
		{"trade 10: a fire hides nothing", "shop", func(a *axis) {
			if a.alarm(fire, "1").lastIncident().GetCallSiteHidden() {
				a.t.Fatalf("the call is hidden")
			}
		}},
	})
}

func TestPoliceCalls(t *testing.T) {
	t.Parallel()
	const kind = "police-call-without-ground"
	call := func(a *axis, g vigiev1.PoliceOrFireCalled_Ground, element bool) *axis {
		b := &vigiev1.PoliceOrFireCalled{Incident: a.incident(), Ground: g}
		if element {
			b.Element = &vigiev1.Sealed{KeyId: "site/7"}
		}
		return a.person(&vigiev1.Event{Body: &vigiev1.Event_PoliceOrFireCalled{PoliceOrFireCalled: b}})
	}
	cases(t, []axisCase{
		{"trade 10: a missing ground is a detection and never blocks the call", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.police(vigiev1.PoliceOrFireCalled_GROUND_MISSING).expect("opened police-call-without-ground", "incident intrusion open", "accepted")
		}},
		{"trade 10: property without levée de doute has no ground", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.police(vigiev1.PoliceOrFireCalled_GROUND_PROPERTY_VERIFIED).expectKinds(kind, "opened police-call-without-ground")
			if got := a.facts(kind); got != "not-verified" {
				a.t.Fatalf("the fact is %q", got)
			}
		}},
		{"trade 10: property with a positive levée de doute has one", "shop", func(a *axis) {
			a.alarm(intrusion, "1").verify(positive).forget()
			a.police(vigiev1.PoliceOrFireCalled_GROUND_PROPERTY_VERIFIED).expectKinds(kind)
		}},
		{"trade 10: persons need the concrete element", "shop", func(a *axis) {
			a.alarm(holdUp, "1").forget()
			call(a, vigiev1.PoliceOrFireCalled_GROUND_PERSONS, false).expectKinds(kind, "opened police-call-without-ground")
			call(a, vigiev1.PoliceOrFireCalled_GROUND_PERSONS, true).expectKinds(kind, "closed police-call-without-ground: resolved")
		}},
		{"trade 10: fire and rescue are a ground", "shop", func(a *axis) {
			a.alarm(fire, "1").forget()
			a.police(vigiev1.PoliceOrFireCalled_GROUND_FIRE_OR_RESCUE).expectKinds(kind)
		}},
		{"it ends with the incident", "shop", func(a *axis) {
			a.alarm(intrusion, "1").police(vigiev1.PoliceOrFireCalled_GROUND_UNSPECIFIED).forget()
			a.close(userError, true).expectKinds(kind, "closed police-call-without-ground: incident closed")
		}},
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	cancel := func(a *axis, user string) *axis {
		s := sig(intrusion, "", "")
		s.User = user
		return a.panel(&vigiev1.Event{Body: &vigiev1.Event_AlarmCancelled{AlarmCancelled: &vigiev1.AlarmCancelled{Signal: s}}})
	}
	open := weekdays(0, 1440)
	auto := func(rule string, run func(a *axis)) axisCase {
		return axisCase{rule, "shop", func(a *axis) {
			p := DefaultPolicy()
			p.Classes[0].Handling.AutoClose = proto.Bool(true)
			a.policy(Stamped(p, 2, 0))
			a.schedule(open).alarm(intrusion, "1").forget()
			run(a)
		}}
	}
	cases(t, []axisCase{
		{"trade 9: without a policy that says so nothing closes by itself", "shop", func(a *axis) {
			a.schedule(open).alarm(intrusion, "1").forget()
			cancel(a, "3").expect("incident intrusion open")
		}},
		auto("trade 9: cancelled within 90 s by a known code in opening hours", func(a *axis) {
			cancel(a.at(90*second), "3").expectIncidents("incident intrusion closed")
			if inc := a.lastIncident(); !inc.GetAutoClosed() || inc.GetOutcome() != userError || inc.GetClosedBy() != "policy" {
				a.t.Fatalf("the incident is %v", inc)
			}
		}),
		auto("trade 9: not after 90 s", func(a *axis) { cancel(a.at(90*second+1), "3").expectIncidents("incident intrusion open") }),
		auto("trade 9: not by nobody's code", func(a *axis) { cancel(a, "").expectIncidents("incident intrusion open") }),
		auto("trade 9: never during a closure", func(a *axis) {
			a.person(closureBody("c", 0, 0)).forget()
			cancel(a, "3").expectIncidents("incident intrusion open")
		}),
		auto("trade 9: never after a confirmed alarm", func(a *axis) {
			a.alarm(confirmed, "1").forget()
			cancel(a, "3").expectIncidents("incident intrusion open, 2 alarms, 1 re-alerts")
		}),
		auto("trade 9: not outside opening hours", func(a *axis) {
			a.schedule(weekdays(600, 1080)).forget()
			cancel(a, "3").expectIncidents("incident intrusion open")
		}),
		auto("trade 9: intrusion only: a tamper in it keeps it open", func(a *axis) {
			a.alarm(tamper, "2").forget()
			cancel(a, "3").expectIncidents("incident intrusion open, 2 alarms, 1 re-alerts")
		}),
		auto("trade 9: never a hold-up", func(a *axis) {
			a.alarm(holdUp, "2").forget()
			cancel(a, "3").expectIncidents("incident intrusion closed")
		}),
		auto("trade 9: a restore alone never closes", func(a *axis) {
			a.restore(intrusion, "1").expectIncidents("incident intrusion open, restored")
		}),
	})
}

func TestClaimedIdle(t *testing.T) {
	t.Parallel()
	const kind = "claimed-idle"
	after := func(class vigiev1.EventClass, first int64) func(a *axis) {
		return func(a *axis) {
			a.alarm(class, "1").claim().forget()
			a.at(first - 1).expectKinds(kind)
			a.at(first).expectKinds(kind, "opened claimed-idle")
			a.at(2*first - 1).expectKinds(kind)
			a.at(2*first).expectKinds(kind, "closed claimed-idle: back in the queue")
			if inc := a.lastIncident(); inc.GetClaimedBy() != "" || inc.GetReAlerts() != 1 {
				a.t.Fatalf("the incident is %v", inc)
			}
		}
	}
	cases(t, []axisCase{
		{"trade 9: a hold-up after 60 s, back in the queue at double that", "shop", after(holdUp, minute)},
		{"trade 9: an intrusion after 2 min", "shop", after(intrusion, 2*minute)},
		{"trade 9: technical after 10 min", "shop", after(flood, 10*minute)},
		{"trade 9: an act starts it anew", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().at(119 * second).call().at(238 * second).expectKinds(kind)
			a.at(239*second).expectKinds(kind, "opened claimed-idle")
			a.call().expectKinds(kind, "closed claimed-idle: resolved")
		}},
		{"trade 9: parked it has a wake-up instead", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().call().park(a.now + 20*minute).at(20*minute - 1).expectKinds(kind)
		}},
		{"trade 9: released it belongs to nobody", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().release().at(10 * minute).expectKinds(kind)
		}},
		{"trade 9: back in the queue its answer clock runs again", "shop", func(a *axis) {
			a.alarm(holdUp, "1").claim().call().at(2 * minute).forget()
			a.at(2*minute+30*second).expectKinds("answer-late", "opened answer-late")
		}},
	})
}

func TestProtectionNotRestored(t *testing.T) {
	t.Parallel()
	const kind = "protection-not-restored"
	facts := func(a *axis, want string) {
		a.t.Helper()
		if got := a.facts(kind); got != want {
			a.t.Fatalf("the facts are %q, want %q", got, want)
		}
	}
	cases(t, []axisCase{
		{"trade 9: closed with a zone in alarm", "shop", func(a *axis) {
			a.alarm(intrusion, "1").close(userError, true).expectKinds(kind, "opened protection-not-restored")
			facts(a, "zone-in-alarm owner-alice")
			a.restore(intrusion, "1").expectKinds(kind, "closed protection-not-restored: restored")
		}},
		{"trade 9: with a zone inhibited", "shop", func(a *axis) {
			a.alarm(intrusion, "1").restore(intrusion, "1").inhibit("1", false).close(userError, true).expectKinds(kind, "opened protection-not-restored")
			facts(a, "zone-inhibited owner-alice")
			a.inhibit("1", true).expectKinds(kind, "closed protection-not-restored: restored")
		}},
		{"trade 9: with communication lost", "shop", func(a *axis) {
			a.poll(1, 0).at(2*hour+minute).close(userError, true).expectKinds(kind, "opened protection-not-restored")
			facts(a, "communication-lost owner-alice")
			a.poll(1, 0).expectKinds(kind, "closed protection-not-restored: restored")
		}},
		{"trade 9: not fully armed in a closure", "shop", func(a *axis) {
			a.disarm().person(closureBody("c", 0, 0)).alarm(flood, "1").restore(flood, "1").close(userError, true)
			facts(a, "not-armed owner-alice")
			a.forget()
			a.arm(full).expectKinds(kind, "closed protection-not-restored: restored")
		}},
		{"trade 9: not fully armed outside its hours", "shop", func(a *axis) {
			a.schedule(weekdays(480, 1080)).disarm().alarm(flood, "1").restore(flood, "1").close(userError, true)
			facts(a, "not-armed owner-alice")
		}},
		{"an open shop that is disarmed in its hours owes nothing", "shop", func(a *axis) {
			a.schedule(weekdays(0, 1440)).disarm().alarm(flood, "1").restore(flood, "1").close(userError, true).expectKinds(kind)
		}},
		{"trade 9: it has an owner and a deadline, past which an incident opens", "shop", func(a *axis) {
			a.alarm(intrusion, "1")
			a.person(&vigiev1.Event{Body: &vigiev1.Event_IncidentClosed{IncidentClosed: &vigiev1.IncidentClosed{
				Incident: a.incident(), Outcome: userError, ReasonGiven: true, RestoreOwner: "bob", RestoreByMs: a.now + hour,
			}}}).forget()
			facts(a, "zone-in-alarm owner-bob")
			a.at(hour - 1).expectKinds(kind)
			a.at(hour).expect("updated protection-not-restored", "incident technical-critical open", "opened path-late 1")
		}},
		{"the list gets shorter", "shop", func(a *axis) {
			a.alarm(intrusion, "1").inhibit("2", false).close(userError, true).forget()
			a.restore(intrusion, "1").expectKinds(kind, "updated protection-not-restored")
			facts(a, "zone-inhibited owner-alice")
		}},
	})
}

func TestOnTest(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 8: on test the incident exists, visible, without clock or sound", "shop", func(a *axis) {
			a.test(a.now+hour, []string{"1"}).alarm(intrusion, "1").alarm(intrusion, "1").expectIncidents("incident intrusion open, on test", "incident intrusion open, 2 alarms, on test")
			if inc := a.lastIncident(); inc.GetMissedAtMs() != 0 {
				a.t.Fatalf("it has a clock: %v", inc)
			}
			a.restore(intrusion, "1").testOff().forget()
			if inc := a.lastIncident(); inc.GetOutcome() != vigiev1.IncidentOutcome_INCIDENT_OUTCOME_ON_TEST || inc.GetClosedAtMs() == 0 {
				a.t.Fatalf("at the end it is %v", inc)
			}
		}},
		{"trade 8: another zone is live", "shop", func(a *axis) {
			a.test(a.now+hour, []string{"1"}).alarm(intrusion, "2").expectIncidents("incident intrusion open")
		}},
		{"trade 8: another class is live", "shop", func(a *axis) {
			a.test(a.now+hour, nil, intrusion).alarm(flood, "1").expectIncidents("incident technical-critical open")
		}},
		{"trade 8: another area is live", "shop", func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_TestModeSet{TestModeSet: &vigiev1.TestModeSet{On: true, Requester: "x", AuthenticatedHow: "y", Areas: []string{"1"}}}})
			a.area = "2"
			a.alarm(intrusion, "1").expectIncidents("incident intrusion open")
			a.area = "1"
			a.alarm(intrusion, "1").expectIncidents("incident intrusion open, on test")
		}},
		{"trade 1: a hold-up needs class and zone named", "shop", func(a *axis) {
			a.test(a.now+hour, []string{"1"}, holdUp).alarm(holdUp, "1").expectIncidents("incident life open, on test")
			a.alarm(holdUp, "2").expectIncidents("incident life open")
		}},
		{"trade 8: without an end it lasts 2 h", "shop", func(a *axis) {
			a.test(0, nil).at(2*hour-1).alarm(intrusion, "1").expectIncidents("incident intrusion open, on test")
			a.restore(intrusion, "1").at(2*hour).alarm(intrusion, "1").expectIncidents(
				"incident intrusion open, restored, on test", "incident intrusion closed, restored, on test", "incident intrusion open")
		}},
		{"trade 8: an operator's at most 8 h, beyond by the shift leader", "shop", func(a *axis) {
			a.test(a.now+8*hour, nil).test(a.now+8*hour+1, nil).expectAnswers("accepted", "refused: test-too-long")
			leader := &vigiev1.Event{Id: a.eventID(), Site: 7, ReceivedAtMs: a.now, Source: &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: "zoe", Role: "shift-leader"}}}}
			leader.Body = &vigiev1.Event_TestModeSet{TestModeSet: &vigiev1.TestModeSet{On: true, Requester: "x", AuthenticatedHow: "y", UntilMs: a.now + 20*hour}}
			a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: leader}})
			a.expectAnswers("accepted")
		}},
		{"trade 8: a requester who was authenticated, an end that is to come", "shop", func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_TestModeSet{TestModeSet: &vigiev1.TestModeSet{On: true}}})
			a.test(a.now, nil).testOff().expectAnswers("refused: authentication-required", "refused: bad-window", "refused: not-on-test")
		}},
	})
}

func TestWhatATestLeavesBehind(t *testing.T) {
	t.Parallel()
	const kind = "left-on-test test-incomplete frequent-tests test-at-closed-or-high-risk"
	cases(t, []axisCase{
		{"trade 8: supervision stays on", "shop", func(a *axis) {
			a.poll(1, 0).test(0, nil).at(hour).expectKinds("path-late", "opened path-late 1")
		}},
		{"trade 8: expected signals not seen are listed", "shop", func(a *axis) {
			a.test(a.now+hour, []string{"1", "2", "3"}).alarm(intrusion, "2").restore(intrusion, "2").testOff().expectKinds(kind, "opened test-incomplete")
			if got := a.facts("test-incomplete"); got != "1 3" {
				a.t.Fatalf("not seen: %q", got)
			}
			a.test(a.now+hour, nil).expectKinds(kind, "closed test-incomplete: renewed")
		}},
		{"trade 8: what is still in alarm becomes an incident", "shop", func(a *axis) {
			a.test(a.now+hour, nil).alarm(intrusion, "1").alarm(flood, "2").restore(flood, "2").at(hour - 1).forget()
			a.testOff().expectIncidents("incident intrusion closed, on test", "incident technical-critical closed, restored, on test", "incident intrusion open")
		}},
		{"trade 8: left on test", "shop", func(a *axis) {
			a.test(a.now+30*minute, nil).at(30*minute).expectKinds(kind, "opened left-on-test")
			a.testOff().expectKinds(kind, "closed left-on-test: resolved")
		}},
		{"trade 8: more than 3 tests in 7 days", "shop", func(a *axis) {
			a.declare("shop", 32*day)
			for i := range int64(3) {
				a.at(i*day).test(0, nil).testOff()
			}
			a.expectKinds(kind)
			a.at(3*day).test(0, nil).testOff().expectKinds(kind, "opened frequent-tests")
			a.at(7*day).expectKinds(kind, "closed frequent-tests: rate fell")
		}},
		{"trade 8: a test on a closed site", "shop", func(a *axis) {
			a.person(closureBody("c", 0, 0)).test(0, nil).expectKinds(kind, "opened test-at-closed-or-high-risk")
			a.testOff().expectKinds(kind, "closed test-at-closed-or-high-risk: resolved")
		}},
		{"trade 8: a test on a high-risk site", "shop", func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{Risk: "high"}).test(0, nil).expectKinds(kind, "opened test-at-closed-or-high-risk")
		}},
		{"what is on test storms nothing and confirms nothing", "home", func(a *axis) {
			a.test(a.now+hour, nil)
			for i := range 10 {
				a.area = strconv.Itoa(i)
				a.alarm(intrusion, strconv.Itoa(i))
			}
			a.expectKinds("alarm-storm confirmed-alarm chattering-zone")
		}},
	})
}
