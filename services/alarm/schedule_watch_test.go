package alarm

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Site 7 is open 8:00 to 18:00 in Paris, Monday to Friday: 7 h to 17 h on the axis.
const (
	opening  = 7 * hour
	closing  = 17 * hour
	kindsOfT = "late-to-close late-to-open early-opening opening-outside-hours"
)

// scheduled is a case on a site with these hours, armed or not at the start.
func scheduled(rule string, armed bool, run func(a *axis)) axisCase {
	return axisCase{rule, "shop", func(a *axis) {
		a.declare("shop", 32*day)
		a.schedule(weekdays(8*60, 18*60))
		if armed {
			a.arm(full)
		} else {
			a.at(opening).disarm()
		}
		a.forget()
		run(a)
	}}
}

func TestLateToClose(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		scheduled("trade 7: not armed 30 min after closing time", false, func(a *axis) {
			a.at(closing + 30*minute - 1).expectKinds(kindsOfT)
			a.at(closing+30*minute).expect("opened late-to-close", "incident technical open")
			if d := a.detection("late-to-close"); d.GetWindowMs() != 30*minute || len(d.GetEvidence()) != 1 {
				a.t.Fatalf("the detection is %v", d)
			}
		}),
		scheduled("trade 7: armed within the tolerance says nothing", false, func(a *axis) {
			a.at(closing + 29*minute).arm(full).at(day).expectKinds(kindsOfT)
		}),
		scheduled("trade 7: early closing is not monitored", false, func(a *axis) {
			a.at(closing - 5*hour).arm(full).at(day).expectKinds(kindsOfT)
		}),
		scheduled("trade 7: armed in part is armed", false, func(a *axis) {
			a.at(closing).arm(part).at(closing + hour).expectKinds(kindsOfT)
		}),
		scheduled("trade 2: unknown counts as not armed", false, func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{SiteClass: "shop", Areas: []string{"1", "2"}, Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}}})
			a.area = "1"
			a.at(closing).arm(full).forget()
			a.at(closing+30*minute).expectKinds(kindsOfT, "opened late-to-close")
			if got := a.detection("late-to-close").GetArea(); got != "2" {
				a.t.Fatalf("area %q is named", got)
			}
		}),
		scheduled("trade 7: it closes with the last area armed", false, func(a *axis) {
			a.at(closing + hour).forget()
			a.arm(full).expectKinds(kindsOfT, "closed late-to-close: armed")
		}),
		scheduled("trade 7: it closes at the next opening time", false, func(a *axis) {
			a.at(closing + hour).forget()
			a.at(day + opening - 1).expectKinds(kindsOfT)
			a.at(day+opening).expectKinds(kindsOfT, "closed late-to-close: next scheduled time")
		}),
		scheduled("decision 8: an outage of ours postpones it by as long", false, func(a *axis) {
			a.at(closing + 10*minute).stop(testGroup)
			a.at(closing + 2*hour).run(testGroup)
			a.forget()
			a.at(closing + 2*hour + 20*minute - 1).expectKinds(kindsOfT)
			a.at(closing+2*hour+20*minute).expectKinds(kindsOfT, "opened late-to-close")
		}),
		scheduled("trade 3: a closure does not silence it", false, func(a *axis) {
			a.person(closureBody("c", 0, 0)).at(closing+30*minute).expectKinds(kindsOfT, "opened late-to-close")
		}),
		scheduled("a site before its service is not judged", false, func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ConnectionStage{ConnectionStage: &vigiev1.ConnectionStage{Stage: vigiev1.ConnectionStage_STAGE_INSTALLED}}})
			a.at(2 * day).expectKinds(kindsOfT)
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ConnectionStage{ConnectionStage: &vigiev1.ConnectionStage{Stage: vigiev1.ConnectionStage_STAGE_IN_SERVICE}}})
			a.at(2*day+closing+30*minute).expectKinds(kindsOfT, "opened late-to-close")
		}),
	})
}

func TestHoursThatLateToCloseGoesBy(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		scheduled("trade 7: a holiday stands over the standard hours", false, func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_HolidaySet{HolidaySet: &vigiev1.HolidaySet{Day: "2026-11-24", Hours: []*vigiev1.OpeningHours{{OpenMinute: 600, CloseMinute: 720}}}}})
			a.at(closing + hour).arm(full).at(day + 9*hour).disarm().forget()
			a.at(day+11*hour+30*minute).expectKinds(kindsOfT, "opened late-to-close") // closed at noon
		}),
		scheduled("trade 7: a temporary schedule stands over a holiday", false, func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_HolidaySet{HolidaySet: &vigiev1.HolidaySet{Day: "2026-11-23"}}})
			s := weekdays(8*60, 20*60)
			s.FromMs, s.ToMs = axisStart, axisStart+day
			a.schedule(s).at(19*hour + 30*minute - 1).expectKinds(kindsOfT)
			a.at(19*hour+30*minute).expectKinds(kindsOfT, "opened late-to-close")
		}),
		scheduled("another schedule ends what the old one had opened", false, func(a *axis) {
			a.at(closing + hour).forget()
			a.schedule(weekdays(8*60, 23*60)).expectKinds(kindsOfT, "closed late-to-close: schedule changed")
			a.at(22*hour+30*minute).expectKinds(kindsOfT, "opened late-to-close")
		}),
		scheduled("hours across midnight close on the next day", false, func(a *axis) {
			a.schedule(weekdays(22*60, 6*60)).at(day + 5*hour + 30*minute - 1).expectKinds(kindsOfT)
			a.at(day+5*hour+30*minute).expectKinds(kindsOfT, "opened late-to-close")
		}),
		scheduled("where nobody says when a site closes, nothing is late", false, func(a *axis) {
			a.schedule(&vigiev1.ScheduleSet{CycleMs: hour, CycleEpochMs: axisStart}).at(2 * day).expectKinds(kindsOfT)
		}),
		scheduled("a site that no receiver ever heard concludes nothing", false, func(a *axis) {
			a.site = 9
			a.person(&vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: &vigiev1.SiteDeclared{TimeZone: "Europe/Paris"}}})
			a.schedule(weekdays(8*60, 18*60)).forget()
			a.site = 7
			a.arm(full).at(closing + hour).expectKinds("late-to-close")
		}),
		{"trade 7: a shorter tolerance of the policy holds from then on", "shop", func(a *axis) {
			p := DefaultPolicy()
			p.Classes[0].Schedule.LateToCloseMs = 10 * minute
			a.declare("shop", 32*day)
			a.schedule(weekdays(8*60, 18*60)).disarm().policy(Stamped(p, 2, 0))
			a.at(closing+10*minute).expectKinds("late-to-close", "opened late-to-close")
		}},
	})
}

func TestLateToOpen(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		scheduled("trade 7: still armed 15 min after opening time", true, func(a *axis) {
			a.at(opening + 15*minute - 1).expect()
			a.at(opening+15*minute).expect("opened late-to-open", "incident technical open")
			a.at(opening+20*minute).disarm().expectKinds(kindsOfT, "closed late-to-open: disarmed")
		}),
		scheduled("trade 7: a bank or jeweller after 5 min, and high: a sign of hostages", true, func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{SiteClass: "shop", Risk: "high", Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}}}).forget()
			a.at(opening + 5*minute - 1).expect()
			a.at(opening+5*minute).expect("opened late-to-open", "incident intrusion open")
			if inc := a.lastIncident(); inc.GetMissedAtMs()-inc.GetOpenedAtMs() != 180*second {
				a.t.Fatalf("it is answered within %d ms", inc.GetMissedAtMs()-inc.GetOpenedAtMs())
			}
		}),
		scheduled("trade 7: disarmed within the tolerance says nothing", true, func(a *axis) {
			a.at(opening + 14*minute).disarm().at(opening + hour).expectKinds(kindsOfT)
		}),
		scheduled("one area open is open", true, func(a *axis) {
			a.area = "1"
			a.arm(full)
			a.area = "2"
			a.at(opening).disarm().at(opening + hour).expectKinds(kindsOfT)
		}),
		scheduled("it closes at closing time", true, func(a *axis) {
			a.at(opening + hour).forget()
			a.at(closing).expectKinds(kindsOfT, "closed late-to-open: next scheduled time")
		}),
		scheduled("trade 3: during a closure it is silent, and what was open ends", true, func(a *axis) {
			a.at(opening + hour).forget()
			a.person(closureBody("c", 0, 0)).expectKinds(kindsOfT, "closed late-to-open: closed around the clock")
			a.at(3 * day).expectKinds(kindsOfT)
		}),
		scheduled("decision 8: an outage of ours postpones it", true, func(a *axis) {
			a.at(opening).stop(testGroup)
			a.at(opening + hour).run(testGroup)
			a.forget()
			a.at(opening+hour+15*minute).expectKinds(kindsOfT, "opened late-to-open")
		}),
		scheduled("a site of which nothing is known is not late to open", true, func(a *axis) {
			a.at(opening).disarm()
			a.site = 8
			a.declare("shop", 32*day)
			a.schedule(weekdays(8*60, 18*60)).poll(1, 0).forget()
			a.at(closing).expectKinds("late-to-open")
			a.at(closing+30*minute).expectKinds("late-to-close", "opened late-to-close", "opened late-to-close")
		}),
	})
}

func TestUnexpectedOpenings(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		scheduled("trade 7: more than 30 min before opening time is early", true, func(a *axis) {
			a.at(opening-30*minute-1).disarm().expect("opened early-opening", "incident technical open")
			a.at(opening).expectKinds(kindsOfT, "closed early-opening: opening hours")
		}),
		scheduled("trade 7: 30 min before opening time is not early", true, func(a *axis) {
			a.at(opening - 30*minute).disarm().expect()
		}),
		scheduled("an opening in the night is outside hours, answered as an intrusion", true, func(a *axis) {
			a.at(2*hour).disarm().expect("opened opening-outside-hours", "incident intrusion open")
			a.at(3*hour).arm(full).expectKinds(kindsOfT, "closed opening-outside-hours: armed")
		}),
		scheduled("an opening on a Sunday is outside hours", true, func(a *axis) {
			a.at(6*day+10*hour).disarm().expectKinds("opening-outside-hours", "opened opening-outside-hours")
		}),
		scheduled("staff who come back within 30 min after closing time open nothing unexpected", false, func(a *axis) {
			a.at(closing).arm(full).at(closing + 29*minute).disarm().expectKinds(kindsOfT)
			a.arm(full).at(closing+30*minute).disarm().expectKinds(kindsOfT, "opened opening-outside-hours")
		}),
		scheduled("a disarm of what is disarmed is no opening", false, func(a *axis) {
			a.at(closing + 2*hour).forget()
			a.disarm().expectKinds(kindsOfT)
		}),
		scheduled("decision 1: the same disarm heard again is one opening", true, func(a *axis) {
			a.at(2 * hour).disarm().forget()
			a.again().expect("heard again")
			if got := a.detection("opening-outside-hours").GetEvidenceCount(); got != 1 {
				a.t.Fatalf("%d openings", got)
			}
		}),
		scheduled("trade 5: a disarm that arrives late opens nothing", true, func(a *axis) {
			a.occurred = a.now
			a.arm(full).at(2 * hour).forget()
			a.occurred = axisStart - hour
			a.disarm().expectKinds(kindsOfT)
		}),
		scheduled("trade 3: an announced visit names the opening", true, func(a *axis) {
			a.visit("v", a.now, a.now+4*hour, "3").at(2 * hour).disarm().expectKinds(kindsOfT)
		}),
		scheduled("trade 3: in a closure an opening outside hours still says so", true, func(a *axis) {
			a.person(closureBody("c", 0, 0)).at(2*hour).disarm().expectKinds(kindsOfT, "opened opening-outside-hours")
		}),
		scheduled("without a schedule nothing is outside hours", true, func(a *axis) {
			a.schedule(&vigiev1.ScheduleSet{None: true}).at(2 * hour).disarm().expectKinds(kindsOfT)
		}),
	})
}
