package alarm

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func TestSupervision(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 6: a path never heard concludes nothing", "shop", func(a *axis) {
			a.at(10 * day).expect()
			if got := a.state().GetPaths()[0].GetStatus(); got != vigiev1.PathStatus_PATH_STATUS_NEVER_HEARD {
				a.t.Fatalf("path is %v", got)
			}
		}},
		{"trade 6: late at the interval, lost after the grace, communication lost with the last path", "shop", func(a *axis) {
			a.at(0).poll(1, 0).at(hour - 1).expect()
			a.at(hour).expect("opened path-late 1")
			a.at(2*hour - 1).expect()
			a.at(2*hour).expect("closed path-late 1: lost", "opened path-lost 1", "opened communication-lost")
			a.at(2*hour + minute - 1).expect()
			a.at(2*hour + minute).expect("incident technical open") // No verdict came.
		}},
		{"trade 6: heard again ends late, lost and communication lost; the incident is marked restored", "shop", func(a *axis) {
			a.poll(1, 0).at(2 * hour).forget()
			a.at(2*hour + minute).forget()
			a.poll(1, 0).expect("closed path-lost 1: restored", "closed communication-lost: restored", "incident technical open, restored")
			a.close(userError, true).forget()
			a.at(3*hour + minute).expect("opened path-late 1")
		}},
		{"trade 6: a poll inside the interval moves the deadline, without output", "shop", func(a *axis) {
			for i := range int64(100) {
				a.at(i*hour/2).poll(1, 0)
			}
			a.expect()
			if d := a.at(51 * hour).detection("path-late"); d.GetLastHeardMs() != axisStart+99*hour/2 {
				a.t.Fatalf("last heard %s after the start, want the last poll", span(d.GetLastHeardMs()-axisStart))
			}
			if n := len(a.timers); n > 2 {
				a.t.Fatalf("%d timers are armed for one path", n)
			}
		}},
		{"trade 6: a message proves only its own path", "shop", func(a *axis) {
			a.declare("shop", hour, hour)
			a.poll(1, 0).poll(2, 0).forget()
			a.at(hour/2).poll(1, 0)
			a.at(hour).expect("opened path-late 2")
			a.at(hour+1).poll(1, 0).expect()
			a.at(2*hour).expect("closed path-late 2: lost", "opened path-lost 2", "opened path-degraded")
			if a.state().GetCommunicationLost() {
				a.t.Fatalf("communication is lost while path 1 lives")
			}
		}},
		{"trade 6: communication is lost when every path is", "shop", func(a *axis) {
			a.declare("shop", hour, hour)
			a.poll(1, 0).at(minute).poll(2, 0).forget()
			a.at(2*hour+minute).expect("opened path-late 1", "opened path-late 2",
				"closed path-late 1: lost", "opened path-lost 1", "opened path-degraded",
				"closed path-late 2: lost", "opened path-lost 2", "opened communication-lost", "closed path-degraded: lost")
			a.at(2*hour + 2*minute).expect("incident technical open")
			a.poll(2, 0).expect("closed path-lost 2: restored", "closed communication-lost: restored", "opened path-degraded", "incident technical open, restored")
		}},
	})
}

func TestAbsenceOnTheSupervisionClock(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"decision 8: during our own outage nothing is missed", "shop", func(a *axis) {
			a.poll(1, 0).at(minute).stop(testGroup)
			a.at(5 * day).expect()
			a.run(testGroup)
			a.at(5*day + hour - minute - 1).expect()
			a.at(5*day + hour - minute).expect("opened path-late 1")
		}},
		{"decision 6: what was taken in time and applied late closes as our delay", "shop", func(a *axis) {
			a.poll(1, 0).at(hour).expect("opened path-late 1")
			a.at(hour+minute).poll(1, 2*minute).expect("closed path-late 1: our delay")
			a.at(2*hour - minute).expect("opened path-late 1")
		}},
		{"decision 48: the deadline counts from when it was received, not applied", "shop", func(a *axis) {
			a.at(minute).poll(1, minute).at(hour - 1).expect()
			a.at(hour).expect("opened path-late 1")
		}},
	})
}

func TestIntervalsAndAnswers(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 6: no agreed interval means 24 h and 1 h of grace", "", func(a *axis) {
			a.declare("", 0)
			a.poll(1, 0).forget()
			a.at(day).expect("opened path-late 1")
			a.at(day+hour+minute).expect("closed path-late 1: lost", "opened path-lost 1", "opened communication-lost", "incident technical open")
		}},
		{"trade 6: an alarm proves its path", "shop", func(a *axis) {
			a.poll(1, 0).at(hour/2).alarm(intrusion, "1").verify(positive).close(userError, false).forget()
			a.at(hour).expect()
			a.at(hour + hour/2).expect("opened path-late 1")
			a.at(2*hour + hour/2).forget()
			if d := a.detection("path-lost"); len(d.GetEvidence()) != 1 || d.GetLastHeardMs() != axisStart+hour/2 {
				a.t.Fatalf("the loss does not name the event that was heard last: %v", d)
			}
		}},
		{"trade 6: an armed site that falls silent is answered within 180 s", "shop", func(a *axis) {
			a.arm(full).at(2*hour + minute)
			inc := a.lastIncident()
			if got := inc.GetMissedAtMs() - inc.GetOpenedAtMs(); got != 180*second || inc.GetClassGroup() != "technical-critical" {
				a.t.Fatalf("missed after %d ms in group %s", got, inc.GetClassGroup())
			}
		}},
		{"trade 6: an open site that falls silent is answered within 15 min", "shop", func(a *axis) {
			a.arm(full).disarm().at(2*hour + minute)
			inc := a.lastIncident()
			if got := inc.GetMissedAtMs() - inc.GetOpenedAtMs(); got != 15*minute {
				a.t.Fatalf("missed after %d ms", got)
			}
		}},
		{"a shorter interval declared later moves the running deadline", "shop", func(a *axis) {
			a.poll(1, 0).at(minute)
			a.declare("shop", 10*minute)
			a.forget()
			a.at(10 * minute).expect("opened path-late 1")
		}},
		{"a path declared away closes what was open on it", "shop", func(a *axis) {
			a.poll(1, 0).at(2*hour + minute).forget()
			a.declare("shop")
			a.expect("closed path-lost 1: no longer supervised", "closed communication-lost: no longer supervised",
				"directory v2", "incident technical open, restored", "accepted")
		}},
		{"a site is late again each time, under another id", "shop", func(a *axis) {
			seen := map[string]bool{}
			for i := range int64(5) {
				a.at(3*hour*i).poll(1, 0)
				a.at(3*hour*i + hour)
				id := ids.Show(a.detection("path-late").GetId())
				if seen[id] {
					a.t.Fatalf("two detections have the id %s", id)
				}
				seen[id] = true
			}
		}},
		{"a policy with a shorter figure holds from its record on", "shop", func(a *axis) {
			a.declare("shop", 0)
			a.poll(1, 0).at(minute).forget()
			p := DefaultPolicy()
			p.Classes[2].Supervision = &vigiev1.SupervisionPolicy{DefaultIntervalMs: 5 * minute, GraceMs: minute}
			a.policy(Stamped(p, 2, a.now))
			a.at(5 * minute).expect("opened path-late 1")
			a.at(7*minute).expect("closed path-late 1: lost", "opened path-lost 1", "opened communication-lost", "incident technical open")
		}},
	})
}

// detection is the newest one of a kind that was opened.
func (a *axis) detection(kind string) *vigiev1.Detection {
	a.t.Helper()
	for i := len(a.outs) - 1; i >= 0; i-- {
		d, ok := a.outs[i].value.(*vigiev1.Detection)
		if ok && kindName(d.GetKind()) == kind && d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_OPENED {
			return d
		}
	}
	a.t.Fatalf("no %s was opened", kind)
	return nil
}

func TestSupervisionOfUndeclared(t *testing.T) {
	t.Parallel()
	t.Run("trade 6: an undeclared site is supervised as heard, by the default interval", func(t *testing.T) {
		a := newAxis(t)
		a.site = ids.UndeclaredSite(0, "1234")
		a.poll(3, 0).at(day - 1).expect()
		a.at(day).expect("opened path-late 3")
	})
	t.Run("a path heard before its receiver's group is known is supervised once it is", func(t *testing.T) {
		a := newAxis(t)
		a.fold = NewFold()
		a.outs, a.timers = nil, nil
		a.site = ids.UndeclaredSite(0, "1234")
		a.alarm(intrusion, "1").forget()
		a.at(second).beat("r", testGroup)
		a.forget()
		a.at(day - 1).forget()
		a.at(day).expect("closed unknown-account: silent", "opened path-late 1")
	})
	t.Run("a path heard by another group is supervised on that group's clock", func(t *testing.T) {
		a := newAxis(t)
		a.site = ids.UndeclaredSite(0, "1234")
		a.poll(1, 0).at(hour).beat("r2", "h", a.site)
		a.stop(testGroup)
		a.forget()
		a.at(day + hour - 1).expect()
		a.at(day + hour).expect("opened path-late 1")
	})
	t.Run("beats with damaged columns are taken as far as they go", func(t *testing.T) {
		a := newAxis(t)
		a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
			Writer: "r", Group: testGroup, BaseMs: a.now, Site: []uint64{1, 0, 1 << 60, 2}, Path: []uint32{2}, ReceivedDeltaMs: []int64{0},
		}}})
		if got := a.fold.Counts().Sites; got != 2 {
			t.Fatalf("%d sites are known, want 2", got)
		}
	})
	t.Run("EN 50136: a ninth path is not supervised and harms nothing", func(t *testing.T) {
		a := newAxis(t)
		for p := range uint32(20) {
			a.poll(p+1, 0)
		}
		if got := len(a.state().GetPaths()); got != maxPaths {
			t.Fatalf("%d paths are kept, want %d", got, maxPaths)
		}
	})
}
