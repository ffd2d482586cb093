package processor

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func clockAt(w, s int64) *clock {
	return &clock{w: w, groups: []groupClock{{name: "g", now: s}}}
}

// Whatever the order of arming, timers fire in the order (deadline, site, kind, what).
func TestTimersFireInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timer := rapid.Custom(func(t *rapid.T) Timer {
			return Timer{
				Deadline: rapid.Int64Range(0, 20).Draw(t, "deadline"), Site: rapid.Uint64Range(1, 4).Draw(t, "site"),
				Kind: rapid.Uint16Range(0, 2).Draw(t, "kind"), What: rapid.Uint32Range(0, 2).Draw(t, "what"),
			}
		})
		armed := rapid.SliceOfN(timer, 0, 50).Draw(t, "timers")
		now := rapid.Int64Range(0, 20).Draw(t, "now")
		var q timerQueue
		for _, x := range armed {
			q.arm(x)
		}
		var fired []Timer
		q.fire(clockAt(now, 0), func(x Timer) bool { fired = append(fired, x); return true })
		want := slices.DeleteFunc(slices.Clone(armed), func(x Timer) bool { return x.Deadline > now })
		slices.SortFunc(want, Timer.compare)
		if !slices.Equal(fired, want) {
			t.Fatalf("fired %v, want %v", fired, want)
		}
		if q.size() != len(armed)-len(fired) {
			t.Fatalf("%d timers left of %d armed and %d fired", q.size(), len(armed), len(fired))
		}
	})
}

// Decision 8: what concludes from silence waits for S, whatever W says.
func TestAbsenceTimersWaitForTheSupervisionClock(t *testing.T) {
	var q timerQueue
	q.arm(Timer{Class: Absence, Group: "g", Deadline: 100, Site: 1})
	q.arm(Timer{Class: Absence, Group: "unheard", Deadline: 1, Site: 2})
	fired := 0
	count := func(Timer) bool { fired++; return true }
	q.fire(clockAt(1<<40, 99), count)
	if fired != 0 {
		t.Fatal("a timer fired although nobody had listened long enough")
	}
	q.fire(clockAt(1<<40, 100), count)
	if fired != 1 {
		t.Fatalf("%d timers fired, want 1", fired)
	}
}

// Decision 50: at most 1,024 effective timers a beat; the rest follow in order.
func TestTimersOfOneBeatAreBounded(t *testing.T) {
	var q timerQueue
	for i := range uint64(3 * maxTimersPerBeat) {
		q.arm(Timer{Deadline: 1, Site: i})
	}
	var sites []uint64
	fire := func(x Timer) bool {
		effective := x.Site%2 == 0
		if effective {
			sites = append(sites, x.Site)
		}
		return effective
	}
	q.fire(clockAt(1, 0), fire)
	if len(sites) != maxTimersPerBeat {
		t.Fatalf("%d effective timers in one beat", len(sites))
	}
	q.fire(clockAt(1, 0), fire)
	if len(sites) != 3*maxTimersPerBeat/2 || !slices.IsSorted(sites) {
		t.Fatalf("%d effective timers in all, in order: %v", len(sites), slices.IsSorted(sites))
	}
}

func TestTimerThatReArmsItselfInThePastFiresAgainInTheSameBeat(t *testing.T) {
	var q timerQueue
	q.arm(Timer{Deadline: 1, Site: 1})
	n := 0
	q.fire(clockAt(10, 0), func(x Timer) bool {
		if n++; n < 5 {
			q.arm(Timer{Deadline: x.Deadline + 1, Site: 1})
		}
		return true
	})
	if n != 5 {
		t.Errorf("fired %d times, want 5", n)
	}
}
