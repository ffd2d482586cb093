package processor

import (
	"cmp"
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
		slices.SortFunc(want, byFiring)
		if !slices.Equal(fired, want) {
			t.Fatalf("fired %v, want %v", fired, want)
		}
		if q.size() != len(armed)-len(fired) {
			t.Fatalf("%d timers left of %d armed and %d fired", q.size(), len(armed), len(fired))
		}
	})
}

func byFiring(a, b Timer) int {
	return cmp.Or(cmp.Compare(a.Deadline, b.Deadline), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What))
}

// What fires, and in which order, is what a sorted list would give: over ticks,
// hours, years, clocks that jump or are set back, timers that arm others, and
// states that were frozen and restored in the middle.
func TestAWheelFiresAsASortedListDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, model, now := &timerQueue{}, []Timer(nil), rapid.SampledFrom([]int64{0, start}).Draw(t, "start")
		step := rapid.Custom(func(t *rapid.T) int64 {
			return rapid.Int64Range(-2, 300).Draw(t, "n") * rapid.SampledFrom([]int64{1, 250, 65_536, 16_777_216, 4_294_967_296}).Draw(t, "unit")
		})
		for range rapid.IntRange(1, 40).Draw(t, "rounds") {
			for range rapid.IntRange(0, 60).Draw(t, "arms") {
				x := Timer{Deadline: now + step.Draw(t, "ahead"), Site: rapid.Uint64Range(1, 4).Draw(t, "site"), Kind: rapid.Uint16Range(0, 1).Draw(t, "kind")}
				q.arm(x)
				model = append(model, x)
			}
			if rapid.IntRange(0, 4).Draw(t, "restore") == 0 {
				q = restoredQueue(q)
			}
			now += step.Draw(t, "passes")
			var fired, want []Timer
			q.fire(clockAt(now, 0), func(x Timer) bool {
				fired = append(fired, x)
				if x.Kind == 1 { // It arms another, which may be due at once.
					q.arm(Timer{Deadline: x.Deadline + 100, Site: x.Site})
				}
				return true
			})
			want, model = modelFires(model, now)
			if !slices.Equal(fired, want) || q.size() != len(model) {
				t.Fatalf("at %d fired %v, want %v; %d left, want %d", now, fired, want, q.size(), len(model))
			}
		}
	})
}

// modelFires does with a list what the queue of the test does.
func modelFires(model []Timer, now int64) (fired, left []Timer) {
	for len(fired) < maxTimersPerBeat && len(model) > 0 {
		x := slices.MinFunc(model, byFiring)
		if x.Deadline > now {
			break
		}
		i := slices.Index(model, x)
		fired, model = append(fired, x), slices.Delete(model, i, i+1)
		if x.Kind == 1 {
			model = append(model, Timer{Deadline: x.Deadline + 100, Site: x.Site})
		}
	}
	return fired, model
}

func restoredQueue(q *timerQueue) *timerQueue {
	out := &timerQueue{}
	for _, z := range q.freeze() {
		out.take(z.class, z.group, z.timers)
	}
	return out
}

// A timer that is armed again and again, as those of sites are, takes no memory.
func TestAWheelUsesItsMemoryAgain(t *testing.T) {
	var w wheel
	for site := range uint64(10_000) {
		w.arm(armed{deadline: int64(site % 180_000), site: site})
	}
	turn := func(now int64) {
		w.fire(now, 1<<30, func(a armed) bool { a.deadline += 180_000; w.arm(a); return false })
	}
	now := int64(0)
	for ; now < 1_000_000; now += 250 {
		turn(now)
	}
	slabs := len(w.pool.slabs)
	for ; now < 20_000_000; now += 250 {
		turn(now)
	}
	if grown := len(w.pool.slabs) - slabs; grown > 1 || w.n != 10_000 {
		t.Errorf("%d slabs more than the %d after a while, %d timers", grown, slabs, w.n)
	}
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
