package alarm

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// dual is a case on a site with two paths of one minute each, the grace a minute
// too, both heard at the start.
func dual(rule string, run func(a *axis)) axisCase {
	return axisCase{rule, "shop", func(a *axis) {
		p := DefaultPolicy()
		p.Classes[0].Supervision.GraceMs = minute
		a.policy(Stamped(p, 2, 0))
		a.declare("shop", minute, minute)
		a.poll(1, 0).poll(2, 0).forget()
		run(a)
	}}
}

// keep polls a path every half minute until ms after the start.
func (a *axis) keep(onPath uint32, until int64) *axis {
	for at := a.now - axisStart; at < until; at += 30 * second {
		a.at(at).poll(onPath, 0)
	}
	return a.at(until)
}

func TestPathDegraded(t *testing.T) {
	t.Parallel()
	const kind = "path-degraded communication-lost"
	cases(t, []axisCase{
		dual("trade 6: one of two paths lost is degraded", func(a *axis) {
			a.keep(1, 2*minute-1).expectKinds(kind)
			a.keep(1, 2*minute).expectKinds(kind, "opened path-degraded")
			if got := a.facts("path-degraded"); got != "lost-2" {
				a.t.Fatalf("the fact is %q", got)
			}
			a.poll(2, 0).expectKinds(kind, "closed path-degraded: restored")
		}),
		dual("trade 6: the second one lost too is a lost communication", func(a *axis) {
			a.keep(1, 3*minute).forget()
			a.at(5*minute).expectKinds(kind, "opened communication-lost", "closed path-degraded: lost")
		}),
		{"a site with one path is never degraded", "shop", func(a *axis) {
			a.poll(1, 0).at(3 * hour).expectKinds("path-degraded")
		}},
	})
}

func TestFlapping(t *testing.T) {
	t.Parallel()
	const kind = "path-late path-lost path-flapping communication-lost"
	// comeAndGo is late and back n times, 90 s each.
	comeAndGo := func(a *axis, n int) *axis {
		for range n {
			a.keep(1, a.now-axisStart+90*second).poll(2, 0)
		}
		return a
	}
	cases(t, []axisCase{
		dual("trade 5: 4 changes in 1 h are one row", func(a *axis) {
			comeAndGo(a, 1).forget()
			comeAndGo(a, 1).expectKinds(kind, "opened path-late 2", "opened path-flapping 2", "closed path-late 2: restored")
			comeAndGo(a, 5).expectKinds(kind, "updated path-flapping 2")
		}),
		dual("trade 5: 4 changes in more than 1 h are four rows", func(a *axis) {
			comeAndGo(a, 1)
			for range 2 * 60 {
				a.poll(1, 0).poll(2, 0).at(a.now - axisStart + 30*second)
			}
			a.forget()
			comeAndGo(a, 1).expectKinds("path-flapping")
		}),
		dual("trade 5: it ends after an hour without a change", func(a *axis) {
			comeAndGo(a, 2)
			end := a.now - axisStart + hour
			for a.now-axisStart < end-30*second {
				a.poll(1, 0).poll(2, 0).at(a.now - axisStart + 30*second)
			}
			a.forget()
			a.poll(1, 0).poll(2, 0).at(end).expectKinds(kind, "closed path-flapping 2: rate fell")
		}),
		dual("trade 5: a path lost when it ends gets its row", func(a *axis) {
			comeAndGo(a, 2).forget()
			a.keep(1, a.now-axisStart+59*minute).expectKinds(kind)
			a.keep(1, a.now-axisStart+3*minute).expectKinds(kind, "closed path-flapping 2: rate fell", "opened path-lost 2")
		}),
		dual("a communication that is lost shows through the flapping", func(a *axis) {
			comeAndGo(a, 2).forget()
			a.at(a.now-axisStart+3*minute).expectKinds("communication-lost", "opened communication-lost")
		}),
	})
}

func TestSuspectedSabotage(t *testing.T) {
	t.Parallel()
	const kind = "suspected-sabotage"
	jamming := func(a *axis) {
		a.panel(&vigiev1.Event{Body: &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: sig(vigiev1.EventClass_EVENT_CLASS_JAMMING, "", "")}}})
	}
	fact := func(a *axis, want string) {
		a.t.Helper()
		if got := a.facts(kind); got != want {
			a.t.Fatalf("the facts are %q, want %q", got, want)
		}
	}
	cases(t, []axisCase{
		dual("trade 6: tamper, then silence", func(a *axis) {
			a.alarm(tamper, "1").at(2*minute - 1).expectKinds(kind)
			a.at(2*minute).expectKinds(kind, "opened suspected-sabotage")
			fact(a, "tamper-then-silence")
			if inc := a.lastIncident(); inc.GetPriority() != 1 || inc.GetClassGroup() != "intrusion" {
				a.t.Fatalf("the incident is %v", inc)
			}
			a.poll(1, 0).expectKinds(kind)
			a.poll(2, 0).expectKinds(kind, "closed suspected-sabotage: restored")
		}),
		dual("trade 6: tamper and one path lost is no silence", func(a *axis) {
			a.alarm(tamper, "1").keep(1, 5*minute).expectKinds(kind)
		}),
		dual("trade 6: mains loss, then silence", func(a *axis) {
			a.mains(true).at(2*minute).expectKinds(kind, "opened suspected-sabotage")
			fact(a, "mains-then-silence")
		}),
		dual("trade 6: intrusion, then the loss of one path", func(a *axis) {
			a.alarm(intrusion, "1").keep(1, 3*minute).expectKinds(kind, "opened suspected-sabotage")
			fact(a, "intrusion-then-loss")
		}),
		dual("trade 6: jamming, then loss", func(a *axis) {
			jamming(a)
			a.keep(1, 3*minute).expectKinds(kind, "opened suspected-sabotage")
			fact(a, "jamming-then-loss")
		}),
		dual("trade 6: one path lost, then an intrusion on the other", func(a *axis) {
			a.keep(1, 3*minute).expectKinds(kind)
			a.alarm(intrusion, "1").expectKinds(kind, "opened suspected-sabotage")
			fact(a, "loss-then-intrusion")
		}),
		dual("trade 6: 30 min before the silence began count, more do not", func(a *axis) {
			a.alarm(tamper, "1")
			a.keep(2, 30*minute+30*second).keep(1, 31*minute).at(40 * minute).expectKinds(kind)
		}),
		dual("trade 6: within 30 min of the silence", func(a *axis) {
			a.alarm(tamper, "1").keep(1, 29*minute).at(40*minute).expectKinds(kind, "opened suspected-sabotage")
		}),
		dual("a silence alone is no sabotage", func(a *axis) {
			a.at(10 * minute).expectKinds(kind)
		}),
		{"trade 6: long intervals hide nothing: the silence begins when the path was last heard", "shop", func(a *axis) {
			a.declare("shop", 25*hour)
			a.alarm(tamper, "1").at(26*hour).expectKinds(kind, "opened suspected-sabotage")
		}},
	})
}

func TestPower(t *testing.T) {
	t.Parallel()
	const kind = "mains-lost battery-autonomy"
	steady := func(rule string, run func(a *axis)) axisCase {
		return axisCase{rule, "shop", func(a *axis) {
			a.declare("shop", 32*day)
			a.disarm().forget()
			run(a)
		}}
	}
	cases(t, []axisCase{
		steady("trade 6: a mains fault waits 60 min at an open site", func(a *axis) {
			a.mains(true).at(hour - 1).expectKinds(kind)
			a.at(hour).expect("opened mains-lost", "incident technical open")
			a.mains(false).expectKinds(kind, "closed mains-lost: restored")
		}),
		steady("trade 6: 15 min at a closed one", func(a *axis) {
			a.arm(full).mains(true).at(15*minute - 1).expectKinds(kind)
			a.at(15*minute).expectKinds(kind, "opened mains-lost")
		}),
		steady("trade 6: 15 min in a closure, armed or not", func(a *axis) {
			a.person(closureBody("c", 0, 0)).mains(true).at(15*minute).expectKinds(kind, "opened mains-lost")
		}),
		steady("trade 6: not at all after a tamper within 30 min", func(a *axis) {
			a.alarm(tamper, "1").at(30 * minute).forget()
			a.mains(true).expectKinds(kind, "opened mains-lost")
		}),
		steady("trade 6: but after more than 30 min it waits", func(a *axis) {
			a.alarm(tamper, "1").at(30*minute + 1).forget()
			a.mains(true).expectKinds(kind)
		}),
		steady("trade 6: a tamper after it ends the waiting", func(a *axis) {
			a.mains(true).at(10 * minute).forget()
			a.alarm(tamper, "1").expectKinds(kind, "opened mains-lost")
		}),
		dual("trade 6: so does a communication trouble", func(a *axis) {
			a.mains(true).keep(1, 3*minute).expectKinds(kind, "opened mains-lost")
		}),
		steady("trade 6: back in time, nobody hears of it", func(a *axis) {
			a.mains(true).at(59 * minute).mains(false).at(2 * day).expectKinds(kind)
		}),
		steady("trade 6: a task at half the autonomy of 12 h, another word when all has gone", func(a *axis) {
			a.mains(true).at(6*hour - 1).expectKinds("battery-autonomy")
			a.at(6*hour).expectKinds("battery-autonomy", "opened battery-autonomy")
			if d := a.detection("battery-autonomy"); d.GetUntilMs() != axisStart+12*hour {
				a.t.Fatalf("the detection is %v", d)
			}
			a.at(12*hour).expectKinds("battery-autonomy", "updated battery-autonomy")
			a.mains(false).expectKinds("battery-autonomy", "closed battery-autonomy: restored")
		}),
		steady("trade 6: 36 h at high risk", func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{Risk: "high", Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}}})
			a.mains(true).at(18*hour - 1).expectKinds("battery-autonomy")
			a.at(18*hour).expectKinds("battery-autonomy", "opened battery-autonomy")
		}),
		steady("a second message of one fault starts nothing anew", func(a *axis) {
			a.mains(true).at(50*minute).mains(true).at(hour).expectKinds(kind, "opened mains-lost")
		}),
	})
}

func TestIntervalNotAgreed(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 6: no agreed interval: a data-quality task, and 24 h and 1 h", "shop", func(a *axis) {
			a.declare("shop", 0, hour)
			a.expectKinds("interval-not-agreed", "opened interval-not-agreed")
			if got := a.facts("interval-not-agreed"); got != "path-1" {
				a.t.Fatalf("the fact is %q", got)
			}
			a.poll(1, 0)
			for i := range int64(50) {
				a.at(i*hour/2).poll(2, 0)
			}
			a.forget()
			a.at(25*hour).expectKinds("path-lost", "opened path-lost 1")
			a.declare("shop", hour, hour)
			a.expectKinds("interval-not-agreed", "closed interval-not-agreed: resolved")
		}},
	})
}
