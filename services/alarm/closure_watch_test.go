package alarm

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	kindsOfC = "opening-at-closed-site closed-not-protected"
	passOK   = vigiev1.ContactCalled_PASSCODE_OK
)

// closedSite is a case on an armed site that is declared closed without an end.
func closedSite(rule string, run func(a *axis)) axisCase {
	return axisCase{rule, "shop", func(a *axis) {
		a.declare("shop", 32*day)
		a.contacts(0, 2).consigne("k", permanent)
		a.arm(full).person(closureBody("c", 0, 0)).forget()
		run(a)
	}}
}

func TestOpeningAtClosedSite(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		closedSite("trade 3: any disarm during a closure, answered as an intrusion and of the highest priority of goods", func(a *axis) {
			a.at(hour).disarm().expect("opened opening-at-closed-site", "incident intrusion open")
			if inc := a.lastIncident(); inc.GetPriority() != 1 || inc.GetMissedAtMs()-inc.GetOpenedAtMs() != 180*second {
				a.t.Fatalf("the incident is %v", inc)
			}
			a.at(hour+29*minute).arm(full).expectKinds(kindsOfC, "closed opening-at-closed-site: armed")
		}),
		closedSite("trade 3: past the end date openings stay openings at a closed site", func(a *axis) {
			a.person(closureBody("c", 0, axisStart+day)).at(2*day).disarm().expectKinds(kindsOfC, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: the end of the closure ends it", func(a *axis) {
			a.disarm().forget()
			a.person(liftBody("c")).expectKinds(kindsOfC, "closed opening-at-closed-site: closure ended")
		}),
		closedSite("trade 3: a second opening is counted into the first, and alerts", func(a *axis) {
			a.area = "1"
			a.arm(full)
			a.area = "2"
			a.arm(full).disarm()
			a.area = "1"
			a.at(minute).disarm()
			if d := a.fold.sites.find(7).cold.detection(vigiev1.DetectionKind_DETECTION_KIND_OPENING_AT_CLOSED_SITE, 0, ""); d == nil || d.count != 2 {
				a.t.Fatalf("the openings are %v", d)
			}
		}),
		{"trade 3: a detected closure too, until somebody is called back", "shop", func(a *axis) {
			a.declare("shop", 32*day)
			a.schedule(weekdays(480, 1080)).arm(full).at(day + opening).forget()
			a.disarm().expectKinds(kindsOfC, "opened opening-at-closed-site")
			a.passcode(passOK).expectKinds(kindsOfC, "closed opening-at-closed-site: closure ended")
		}},
		closedSite("trade 3: no closure, no such opening", func(a *axis) {
			a.person(liftBody("c")).disarm().expectKinds(kindsOfC)
		}),
		closedSite("decision 1: an opening heard again is one", func(a *axis) {
			a.disarm().forget()
			a.again().expect("heard again")
		}),
	})
}

func TestVisits(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		closedSite("trade 3: a disarm by the named code in the window is no opening", func(a *axis) {
			a.visit("v", a.now+hour, a.now+3*hour, "3").at(hour).disarm().expectKinds(kindsOfC)
		}),
		closedSite("trade 3: by another code it is", func(a *axis) {
			a.visit("v", a.now, a.now+3*hour, "4").disarm().expectKinds(kindsOfC, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: in another area it is", func(a *axis) {
			a.visit("v", a.now, a.now+3*hour, "3", "1")
			a.area = "2"
			a.disarm().expectKinds(kindsOfC, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: of the whole site, where one area was named, it is", func(a *axis) {
			a.area = "2"
			a.arm(full)
			a.area = "1"
			a.arm(full).visit("v", a.now, a.now+3*hour, "3", "1").forget()
			a.area = ""
			a.disarm().expectKinds(kindsOfC, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: before the window it is", func(a *axis) {
			a.visit("v", a.now+hour, a.now+3*hour, "3").at(hour-1).disarm().expectKinds(kindsOfC, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: at the end of the window it is", func(a *axis) {
			a.visit("v", a.now, a.now+3*hour, "3").at(3*hour).disarm().expectKinds(kindsOfC, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: a named person comes with a code that nobody knows", func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_VisitAnnounced{VisitAnnounced: &vigiev1.VisitAnnounced{
				Visit: "v", AnnouncedBy: "owner", AuthenticatedHow: "passcode", Person: &vigiev1.Sealed{KeyId: "site/7"}, FromMs: a.now, ToMs: a.now + hour,
			}}}).disarmBy("9").expectKinds(kindsOfC)
		}),
		closedSite("trade 3: not longer than 4 h, not anonymous, not by anybody", func(a *axis) {
			a.visit("v", a.now, a.now+4*hour+1, "3").visit("v", a.now, a.now+hour, "").visit("", a.now, a.now+hour, "3").visit("v", a.now+1, a.now, "3")
			a.expectAnswers("refused: visit-too-long", "refused: person-or-code-required", "refused: visit-id-required", "refused: bad-window")
			a.visit("v", a.now, a.now+4*hour, "3").expectAnswers("accepted")
			a.person(&vigiev1.Event{Body: &vigiev1.Event_VisitAnnounced{VisitAnnounced: &vigiev1.VisitAnnounced{Visit: "w", UserCode: "3", FromMs: a.now, ToMs: a.now + hour}}})
			a.expectAnswers("refused: authentication-required")
		}),
		closedSite("trade 1: a visit never covers a hold-up", func(a *axis) {
			a.visit("v", a.now, a.now+hour, "3").disarm().forget()
			a.alarm(holdUp, "1").expect("incident life open")
		}),
		closedSite("trade 1: nor a tamper, nor an intrusion", func(a *axis) {
			a.visit("v", a.now, a.now+hour, "3").disarm().forget()
			a.alarm(tamper, "1").alarm(intrusion, "2").expect("incident intrusion open", "incident intrusion open, 2 alarms, 1 re-alerts")
		}),
		closedSite("trade 3: not armed 15 min after the visit ended: not protected", func(a *axis) {
			a.visit("v", a.now, a.now+hour, "3").disarm().at(hour + 15*minute - 1).expectKinds(kindsOfC)
			a.at(hour+15*minute).expectKinds(kindsOfC, "opened closed-not-protected")
		}),
		closedSite("trade 3: armed before the visit ends: protected", func(a *axis) {
			a.visit("v", a.now, a.now+hour, "3").disarm().at(50 * minute).arm(full).at(day).expectKinds(kindsOfC)
		}),
		closedSite("a visit that follows another keeps the window open", func(a *axis) {
			a.visit("v", a.now, a.now+hour, "3").visit("w", a.now+hour, a.now+2*hour, "3").disarm().at(2*hour + 15*minute - 1).expectKinds(kindsOfC)
			a.at(2*hour+15*minute).expectKinds(kindsOfC, "opened closed-not-protected")
		}),
	})
}

func TestClosedNotProtected(t *testing.T) {
	t.Parallel()
	notArmed := func(rule string, run func(a *axis)) axisCase {
		return axisCase{rule, "shop", func(a *axis) {
			a.declare("shop", 32*day)
			a.contacts(0, 2).consigne("k", permanent).disarm()
			a.person(closureBody("c", axisStart+hour, 0)).forget()
			run(a)
		}}
	}
	cases(t, []axisCase{
		notArmed("trade 3: not fully armed 30 min after the closure starts: the shop that everyone believes is armed", func(a *axis) {
			a.at(hour + 30*minute - 1).expectKinds(kindsOfC)
			a.at(hour+30*minute).expect("opened closed-not-protected", "incident intrusion open")
			a.at(2*hour).arm(full).expectKinds(kindsOfC, "closed closed-not-protected: armed")
		}),
		notArmed("trade 3: armed part is not fully armed", func(a *axis) {
			a.at(hour).arm(part).at(hour+30*minute).expectKinds(kindsOfC, "opened closed-not-protected")
		}),
		notArmed("trade 2: unknown is not armed", func(a *axis) {
			a.site = 8
			a.declare("shop", 32*day)
			a.poll(1, 0).person(closureBody("d", 0, 0)).at(30*minute).expectKinds(kindsOfC, "opened closed-not-protected")
		}),
		notArmed("trade 3: one area is enough, and it is named", func(a *axis) {
			a.area = "1"
			a.arm(full)
			a.area = "2"
			a.disarm().at(hour + 30*minute).forget()
			if got := a.facts("closed-not-protected"); got != "area-2" {
				a.t.Fatalf("the facts are %q", got)
			}
		}),
		notArmed("trade 3: armed in time: protected", func(a *axis) {
			a.at(hour + 29*minute).arm(full).at(day).expectKinds(kindsOfC)
		}),
		notArmed("decision 8: an outage of ours postpones it", func(a *axis) {
			a.at(hour).stop(testGroup)
			a.at(3 * hour).run(testGroup)
			a.at(3*hour + 30*minute - 1).expectKinds(kindsOfC)
			a.at(3*hour+30*minute).expectKinds(kindsOfC, "opened closed-not-protected")
		}),
		notArmed("the closure's end ends it", func(a *axis) {
			a.at(2 * hour).forget()
			a.person(liftBody("c")).expectKinds(kindsOfC, "closed closed-not-protected: closure ended")
		}),
		closedSite("an opening that nobody closes again is not protected after 30 min", func(a *axis) {
			a.disarm().at(30*minute).expectKinds("closed-not-protected", "opened closed-not-protected")
		}),
		closedSite("a visit that runs by then has its own 15 min", func(a *axis) {
			a.disarmBy("9").at(20*minute).visit("v", a.now, a.now+hour, "3").at(80*minute + 15*minute - 1).expectKinds("closed-not-protected")
			a.at(80*minute+15*minute).expectKinds("closed-not-protected", "opened closed-not-protected")
		}),
		closedSite("a closed site that is armed says nothing", func(a *axis) {
			a.at(29 * day).expect()
		}),
	})
}

func TestClosureEndDue(t *testing.T) {
	t.Parallel()
	const kind = "closure-end-due"
	until := func(rule string, end int64, run func(a *axis)) axisCase {
		return closedSite(rule, func(a *axis) {
			a.person(closureBody("c", 0, axisStart+end)).forget()
			run(a)
		})
	}
	cases(t, []axisCase{
		until("trade 3: tasks at D-3 and D-1, then the end to confirm", 10*day, func(a *axis) {
			a.at(7*day - 1).expectKinds(kind)
			a.at(7*day).expectKinds(kind, "opened closure-end-due")
			a.at(9*day).expectKinds(kind, "updated closure-end-due")
			if got := a.facts(kind); got != "last-notice" {
				a.t.Fatalf("the fact is %q", got)
			}
			a.at(10*day).expectKinds(kind, "updated closure-end-due")
			if got := a.facts(kind); got != "end-to-confirm" {
				a.t.Fatalf("the fact is %q", got)
			}
			a.at(12*day).person(liftBody("c")).expectKinds(kind, "closed closure-end-due: not due any more")
		}),
		until("a closure that is shorter begins with the task", 2*day, func(a *axis) {
			if got := a.facts(kind); got != "first-notice" {
				a.t.Fatalf("the fact is %q", got)
			}
		}),
		until("an end that is moved away ends the task", 2*day, func(a *axis) {
			a.person(closureBody("c", 0, axisStart+20*day)).expectKinds(kind, "closed closure-end-due: not due any more")
			a.at(17*day).expectKinds(kind, "opened closure-end-due")
		}),
		closedSite("without an end there is no task", func(a *axis) {
			a.at(60 * day).expectKinds(kind)
		}),
	})
}

func TestClosedUnreachable(t *testing.T) {
	t.Parallel()
	const kind = "closed-unreachable"
	cases(t, []axisCase{
		closedSite("trade 3: no usable contact", func(a *axis) {
			a.contacts(0, 0).expectKinds(kind, "opened closed-unreachable")
			a.contacts(0, 1).expectKinds(kind, "closed closed-unreachable: reachable")
		}),
		closedSite("trade 3: only on-site numbers", func(a *axis) {
			a.contacts(3, 0).expectKinds(kind, "opened closed-unreachable")
			if got := a.facts(kind); got != "only-on-site" {
				a.t.Fatalf("the fact is %q", got)
			}
		}),
		closedSite("trade 3: nobody reached in 30 days", func(a *axis) {
			a.at(30*day - 1).expectKinds(kind)
			a.at(30*day).expectKinds(kind, "opened closed-unreachable")
			a.alarm(flood, "1").call().expectKinds(kind, "closed closed-unreachable: reachable")
			a.at(60*day).expectKinds(kind, "opened closed-unreachable")
		}),
		closedSite("trade 3: before the closure began counts too", func(a *axis) {
			a.person(liftBody("c")).at(10*day).alarm(flood, "1").call().at(20 * day).person(closureBody("d", 0, 0)).forget()
			a.at(40*day - 1).expectKinds(kind)
			a.at(40*day).expectKinds(kind, "opened closed-unreachable")
		}),
		closedSite("it ends with the closure", func(a *axis) {
			a.contacts(0, 0).forget()
			a.person(liftBody("c")).expectKinds(kind, "closed closed-unreachable: closure ended")
		}),
		{"without a closure nobody asks", "shop", func(a *axis) {
			a.contacts(0, 0).at(50 * day).expectKinds(kind)
		}},
	})
}

func TestReopening(t *testing.T) {
	t.Parallel()
	const kind = "closed-around-the-clock opening-at-closed-site reopening-incomplete"
	cases(t, []axisCase{
		closedSite("trade 3: a disarm in the window is expected and ends the closure", func(a *axis) {
			a.schedule(weekdays(480, 1080)).reopening("r", a.now+opening, a.now+closing).forget()
			a.at(opening).disarm().expectKinds(kind, "closed closed-around-the-clock: reopened as planned")
			a.person(liftBody("c")).expectAnswers("refused: no-such-closure")
		}),
		closedSite("trade 3: outside the window it is an opening at a closed site", func(a *axis) {
			a.reopening("r", a.now+opening, a.now+closing).at(opening-1).disarm().expectKinds(kind, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: in another area it is an opening at a closed site", func(a *axis) {
			a.reopening("r", a.now, a.now+hour, "1")
			a.area = "2"
			a.disarm().expectKinds(kind, "opened opening-at-closed-site")
		}),
		closedSite("a reopening that was withdrawn expects nobody", func(a *axis) {
			a.reopening("r", a.now, a.now+hour)
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ReopeningPlanned{ReopeningPlanned: &vigiev1.ReopeningPlanned{
				Reopening: "r", PlannedBy: "owner", AuthenticatedHow: "passcode", Withdrawn: true,
			}}}).disarm().expectKinds(kind, "opened opening-at-closed-site")
		}),
		closedSite("trade 3: the check-list names what is left, and gets shorter", func(a *axis) {
			a.declare("shop", 32*day, 32*day)
			a.consigne("t", func(k *vigiev1.ConsigneSet) { k.UntilMs = a.now + 5*day }).inhibit("4", false)
			a.reopening("r", a.now, a.now+hour).disarm().forget()
			want := func(w string) {
				a.t.Helper()
				if got := a.facts("reopening-incomplete"); got != w {
					a.t.Fatalf("the list is %q, want %q", got, w)
				}
			}
			want("schedule temporary-consigne inhibitions paths")
			a.schedule(weekdays(480, 1080))
			want("temporary-consigne inhibitions paths")
			a.withdraw("t")
			want("inhibitions paths")
			a.inhibit("4", true)
			want("paths")
			a.forget()
			a.poll(2, 0).expectKinds("reopening-incomplete", "closed reopening-incomplete: complete")
		}),
		closedSite("reopenings that cannot be", func(a *axis) {
			a.reopening("", 0, 0).reopening("r", a.now, a.now).expectAnswers("refused: reopening-id-required", "refused: bad-window")
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ReopeningPlanned{ReopeningPlanned: &vigiev1.ReopeningPlanned{Reopening: "r", FromMs: 1, ToMs: a.now + 1}}})
			a.expectAnswers("refused: authentication-required")
		}),
	})
}
