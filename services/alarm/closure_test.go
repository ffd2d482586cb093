package alarm

import (
	"encoding/hex"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm/hours"
)

const (
	closedOpened = "opened closed-around-the-clock"
	eightLocal   = 7 * hour // 08:00 in Paris in winter, Monday
)

func closureBody(id string, from, to int64) *vigiev1.Event {
	return &vigiev1.Event{Body: &vigiev1.Event_ClosureDeclared{ClosureDeclared: &vigiev1.ClosureDeclared{Closure: id, DeclaredBy: "owner", AuthenticatedHow: "passcode", FromMs: from, ToMs: to}}}
}

func liftBody(id string) *vigiev1.Event {
	return &vigiev1.Event{Body: &vigiev1.Event_ClosureLifted{ClosureLifted: &vigiev1.ClosureLifted{Closure: id, LiftedBy: "owner", AuthenticatedHow: "passcode"}}}
}

// closed is the kind that these tests look at; what a schedule says meanwhile is
// tried in schedule_watch_test.go, what endangers a closure in closure_watch_test.go.
const closedKind = "closed-around-the-clock"

// closedCase is a case of a site that is declared, and whose path needs no polls.
func closedCase(rule, class string, run func(a *axis)) axisCase {
	return axisCase{rule, class, func(a *axis) {
		a.declare(class, 32*day)
		run(a)
	}}
}

func TestClosure(t *testing.T) {
	t.Parallel()
	eight := weekdays(8*60, 18*60)
	cases(t, []axisCase{
		closedCase("trade 3: armed 24 h and one opening missed", "shop", func(a *axis) {
			a.schedule(eight).arm(full).forget()
			a.at(day - 1).expectKinds(closedKind)
			a.at(day).expectKinds(closedKind, closedOpened)
			if s := a.state(); s.GetClosure() != vigiev1.ClosureStatus_CLOSURE_STATUS_DETECTED || s.GetClosedSinceMs() != axisStart+day {
				a.t.Fatalf("the state is %v", s)
			}
		}),
		closedCase("trade 3: a detected closure ends by a disarm in hours and a call-back with passcode", "shop", func(a *axis) {
			a.schedule(eight).arm(full).at(day + eightLocal).forget()
			a.disarm().expectKinds(closedKind)
			a.passcode(vigiev1.ContactCalled_PASSCODE_WRONG).expectKinds(closedKind)
			a.passcode(vigiev1.ContactCalled_PASSCODE_OK).expectKinds(closedKind, "closed closed-around-the-clock: called back")
		}),
		closedCase("trade 3: a call-back before the disarm does not end it", "shop", func(a *axis) {
			a.schedule(eight).arm(full).alarm(intrusion, "1").at(day + eightLocal).forget()
			a.passcode(vigiev1.ContactCalled_PASSCODE_OK).disarm().at(2*day + eightLocal).expectKinds(closedKind)
		}),
		closedCase("trade 3: a disarm out of hours ends nothing before the hours begin", "shop", func(a *axis) {
			a.schedule(eight).arm(full).at(day + 2*hour).forget()
			a.disarm().passcode(vigiev1.ContactCalled_PASSCODE_OK).expectKinds(closedKind)
			a.at(day + eightLocal - 1).expectKinds(closedKind)
			a.at(day+eightLocal).expectKinds(closedKind, "closed closed-around-the-clock: called back")
		}),
		closedCase("trade 3: armed again before the hours begin, it goes on", "shop", func(a *axis) {
			a.schedule(eight).arm(full).at(day + 2*hour).disarm().passcode(vigiev1.ContactCalled_PASSCODE_OK).arm(full).forget()
			a.at(day + 12*hour).expectKinds(closedKind)
		}),
		closedCase("trade 3: armed over a week-end is not closed before Monday's opening", "shop", func(a *axis) {
			a.schedule(eight)
			a.at(4*day + 17*hour).arm(full).forget() // Friday 18:00 in Paris
			a.at(7*day + eightLocal - 1).expectKinds(closedKind)
			a.at(7*day+eightLocal).expectKinds(closedKind, closedOpened)
		}),
		closedCase("trade 3: a home misses two openings", "home", func(a *axis) {
			a.schedule(eight).arm(full).forget()
			a.at(day + eightLocal - 1).expectKinds(closedKind)
			a.at(day+eightLocal).expectKinds(closedKind, closedOpened)
		}),
		closedCase("trade 3: no schedule known: never assumed", "shop", func(a *axis) {
			a.arm(full).forget()
			a.at(30 * day).expect()
		}),
		closedCase("trade 3: no expected opening: never closed", "shop", func(a *axis) {
			a.schedule(&vigiev1.ScheduleSet{None: true}).arm(full).forget()
			a.at(30 * day).expect()
		}),
		closedCase("a schedule that comes later judges the arming that was", "shop", func(a *axis) {
			a.arm(full).at(3 * day).schedule(eight).forget()
			a.at(3*day+1).expectKinds(closedKind, closedOpened)
		}),
	})
}

func TestWhatCountsAsClosed(t *testing.T) {
	t.Parallel()
	eight := weekdays(8*60, 18*60)
	cases(t, []axisCase{
		closedCase("trade 2: armed part is not closed", "shop", func(a *axis) {
			a.schedule(eight).arm(part).forget()
			a.at(5 * day).expectKinds(closedKind)
		}),
		closedCase("trade 2: one area open is not closed", "shop", func(a *axis) {
			a.schedule(eight)
			a.area = "1"
			a.arm(full)
			a.area = "2"
			a.disarm().forget()
			a.at(3 * day).expectKinds(closedKind)
			a.arm(full).at(4*day - 1).expectKinds(closedKind)
			a.at(4*day).expectKinds(closedKind, closedOpened)
		}),
		closedCase("armed again while armed counts from the first", "shop", func(a *axis) {
			a.schedule(eight).arm(full).at(12 * hour).arm(full).forget()
			a.at(day).expectKinds(closedKind, closedOpened)
		}),
		closedCase("a disarm in between counts anew", "shop", func(a *axis) {
			a.schedule(eight).arm(full).at(12 * hour).disarm().arm(full).forget()
			a.at(day + eightLocal).expectKinds(closedKind)
			a.at(day+12*hour).expectKinds(closedKind, closedOpened)
		}),
	})
}

func TestDeclaredClosure(t *testing.T) {
	t.Parallel()
	eight := weekdays(8*60, 18*60)
	cases(t, []axisCase{
		closedCase("trade 3: a declared closure holds from its start to the end to confirm, and until it is lifted", "shop", func(a *axis) {
			a.arm(full).forget()
			a.person(closureBody("c1", axisStart+hour, axisStart+day)).expect("accepted")
			a.at(hour).expectKinds(closedKind, closedOpened)
			a.at(2 * hour).disarm().expectKinds(closedKind)
			a.at(day).expectKinds(closedKind)
			if got := a.state().GetClosure(); got != vigiev1.ClosureStatus_CLOSURE_STATUS_END_TO_CONFIRM {
				a.t.Fatalf("the closure is %v", got)
			}
			a.at(2*day).person(liftBody("c1")).expectKinds(closedKind, "closed closed-around-the-clock: lifted")
		}),
		closedCase("trade 3: a declared closure takes the place of a detected one", "shop", func(a *axis) {
			a.schedule(eight).arm(full).at(day).expectKinds(closedKind, closedOpened)
			a.person(closureBody("c1", 0, 0)).expectKinds(closedKind, "updated closed-around-the-clock")
			a.disarm().arm(full).expectKinds(closedKind)
			a.at(2*day).person(liftBody("c1")).expectKinds(closedKind, "closed closed-around-the-clock: lifted")
			a.at(3*day - 1).expectKinds(closedKind)
			a.at(3*day).expectKinds(closedKind, closedOpened)
		}),
		closedCase("the end of a detected closure leaves the declared one that is to come", "shop", func(a *axis) {
			a.schedule(eight).arm(full).person(closureBody("c1", axisStart+3*day, 0)).at(day + eightLocal).forget()
			a.disarm().passcode(vigiev1.ContactCalled_PASSCODE_OK).expectKinds(closedKind, "closed closed-around-the-clock: called back")
			a.at(3*day).expectKinds(closedKind, closedOpened)
		}),
		closedCase("acts on closures that cannot be", "shop", func(a *axis) {
			nobody := closureBody("c", 0, 0)
			nobody.GetClosureDeclared().AuthenticatedHow = ""
			a.forget()
			a.person(closureBody("", 0, 0)).person(closureBody("c", 5, 4)).person(nobody).person(liftBody("c")).expectAnswers(
				"refused: closure-id-required", "refused: bad-window", "refused: authentication-required", "refused: no-such-closure")
			a.person(closureBody("c", 0, 0)).person(closureBody("d", 0, 0)).expectAnswers("accepted", "refused: already-closed-site")
		}),
		closedCase("trade 3: a declared closure ends by a person who was authenticated", "shop", func(a *axis) {
			a.person(closureBody("c", 0, 0)).forget()
			nobody := liftBody("c")
			nobody.GetClosureLifted().LiftedBy = ""
			a.person(nobody).expectAnswers("refused: authentication-required")
		}),
		closedCase("demonstrations: a cycle of openings, ended by a disarm in hours", "demo", func(a *axis) {
			a.policy(Stamped(DemoPolicy(1), 2, a.now))
			a.schedule(&vigiev1.ScheduleSet{CycleMs: 20 * second, CycleOpenMs: 10 * second, CycleEpochMs: axisStart - 5*second}).arm(full).forget()
			a.at(30*second - 1).expectKinds(closedKind)
			a.at(30*second).expectKinds(closedKind, closedOpened)
			a.at(36*second).disarm().expectKinds(closedKind, "closed closed-around-the-clock: disarmed")
		}),
		closedCase("bad schedules are refused", "shop", func(a *axis) {
			a.forget()
			a.schedule(&vigiev1.ScheduleSet{Hours: []*vigiev1.OpeningHours{{Weekday: 8}}}).expect("refused: bad-hours")
			a.schedule(&vigiev1.ScheduleSet{FromMs: 2, ToMs: 1}).expect("refused: bad-window")
			a.schedule(&vigiev1.ScheduleSet{CycleMs: 2, CycleOpenMs: 3}).expect("refused: bad-window")
			a.person(&vigiev1.Event{Body: &vigiev1.Event_HolidaySet{HolidaySet: &vigiev1.HolidaySet{Day: "25/12"}}}).expect("refused: bad-day")
		}),
	})
}

func TestAreas(t *testing.T) {
	t.Parallel()
	modes := func(a *axis) string {
		var s string
		for _, r := range a.state().GetAreas() {
			s += r.GetArea() + "=" + r.GetMode().String()[len("AREA_MODE_"):] + " "
		}
		return s
	}
	want := func(a *axis, w string) {
		a.t.Helper()
		if got := modes(a); got != w {
			a.t.Fatalf("areas %s, want %s", got, w)
		}
	}
	cases(t, []axisCase{
		{"DC-05: area 00 is the whole site", "shop", func(a *axis) {
			a.area = "00"
			a.arm(full)
			want(a, "=ARMED_FULL ")
		}},
		{"a named area takes the place of the whole site, which then means each", "shop", func(a *axis) {
			a.arm(full)
			a.area = "1"
			a.disarm()
			want(a, "1=DISARMED ")
			a.area = "2"
			a.arm(part)
			a.area = ""
			a.arm(full)
			want(a, "1=ARMED_FULL 2=ARMED_FULL ")
		}},
		{"declared areas are unknown until heard", "shop", func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: &vigiev1.SiteDeclared{Areas: []string{"2", "1"}}}})
			want(a, "1=UNKNOWN 2=UNKNOWN ")
		}},
		{"trade 2: armed with an inhibited zone is shown as such", "shop", func(a *axis) {
			inhibit := func(restored bool) {
				a.panel(&vigiev1.Event{Body: &vigiev1.Event_ZoneInhibited{ZoneInhibited: &vigiev1.ZoneInhibited{Signal: sig(intrusion, "", "4"), Restored: restored}}})
			}
			inhibit(false)
			a.arm(full)
			want(a, "=ARMED_INHIBITED ")
			inhibit(true)
			want(a, "=ARMED_FULL ")
			inhibit(false)
			want(a, "=ARMED_INHIBITED ")
		}},
		{"trade 5: a late arrival never moves the armed state backwards", "shop", func(a *axis) {
			a.at(hour)
			a.occurred = a.now
			a.arm(full)
			a.occurred = a.now - 20*minute
			a.disarm()
			want(a, "=ARMED_FULL ")
		}},
		{"a panel whose clock is an hour slow is still believed", "shop", func(a *axis) {
			a.at(hour)
			a.occurred = a.now - hour
			a.arm(full)
			a.at(2 * hour)
			a.occurred = a.now - hour
			a.disarm()
			want(a, "=DISARMED ")
		}},
	})
}

// The zone data is part of what FoldVersion names: another archive can move an
// opening, so it comes with another version.
func TestZoneDataIsPinned(t *testing.T) {
	const want = "8f55634d05f8bca1f7bc7c69c5933428c69357e0bdf565e5ba224e3f88ff12e8"
	sum := hours.DataSum()
	if got := hex.EncodeToString(sum[:]); got != want || FoldVersion != 13 {
		t.Fatalf("zone data %s under fold version %d, want %s under 13", got, FoldVersion, want)
	}
}
