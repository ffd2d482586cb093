package alarm

import (
	"strconv"
	"testing"
)

func (a *axis) storm(from, n int) *axis {
	for i := range n {
		a.alarm(intrusion, strconv.Itoa(from+i))
	}
	return a
}

// lines keeps what was put out on storms.
func (a *axis) stormLines() []string {
	var out []string
	for _, o := range a.outs[a.seen:] {
		if l := line(o); len(l) > 0 && (l == "opened alarm-storm" || l == "updated alarm-storm" || l == "closed alarm-storm: rate fell") {
			out = append(out, l)
		}
	}
	a.forget()
	return out
}

func (a *axis) expectStorm(want ...string) *axis {
	a.t.Helper()
	got := a.stormLines()
	if len(got) != len(want) {
		a.t.Fatalf("at %s: %v, want %v", span(a.now-axisStart), got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			a.t.Fatalf("at %s: %v, want %v", span(a.now-axisStart), got, want)
		}
	}
	return a
}

func TestStorm(t *testing.T) {
	t.Parallel()
	opens := func(n int) func(a *axis) {
		return func(a *axis) {
			a.storm(1, n-1).expectStorm()
			a.storm(n, 1).expectStorm("opened alarm-storm")
			if !a.state().GetStorm() || !a.lastIncident().GetStorm() {
				a.t.Fatalf("the state and the incident do not show the storm")
			}
			if d := a.detection("alarm-storm"); int(d.GetThreshold()) != n || len(d.GetEvidence()) != n {
				a.t.Fatalf("the storm is %v", d)
			}
		}
	}
	cases(t, []axisCase{
		{"trade 5: a home storms at 4", "home", opens(4)},
		{"trade 5: a shop storms at 6", "shop", opens(6)},
		{"trade 5: a large site storms at 15", "large", opens(15)},
		{"trade 5: one chattering zone is no storm", "shop", func(a *axis) {
			for i := range int64(50) {
				a.at(i*second).alarm(intrusion, "1")
			}
			a.expectStorm()
		}},
		{"trade 5: alarms spread beyond the window are no storm", "shop", func(a *axis) {
			for i := range int64(6) {
				a.at(i*(2*minute+1)).alarm(intrusion, strconv.Itoa(int(i)))
			}
			a.expectStorm()
		}},
		{"trade 5: exactly the window is a storm", "shop", func(a *axis) {
			for i := range int64(6) {
				a.at(i*2*minute).alarm(intrusion, strconv.Itoa(int(i)))
			}
			a.expectStorm("opened alarm-storm")
		}},
		{"trade 5: ends below 2 in 20 min", "shop", func(a *axis) {
			a.storm(1, 6).forget()
			a.at(19*minute).alarm(intrusion, "1").expectStorm()
			a.at(20*minute - 1).expectStorm()
			a.at(20 * minute).expectStorm("closed alarm-storm: rate fell")
		}},
		{"trade 5: goes on while two alarms come within 20 min", "shop", func(a *axis) {
			a.storm(1, 6).forget()
			for i := range int64(20) {
				a.at(9*minute*(i+1)).alarm(intrusion, "1")
			}
			a.stormLines()
			if !a.state().GetStorm() {
				a.t.Fatalf("the storm has ended")
			}
		}},
	})
}

func TestDuringAStorm(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 5: during a storm new zones do not re-alert", "home", func(a *axis) {
			a.storm(1, 4).forget()
			a.alarm(intrusion, "99").expect("incident intrusion open, 5 alarms, 3 re-alerts, storm")
		}},
		{"trade 1: during a storm a hold-up alerts", "home", func(a *axis) {
			a.storm(1, 4).forget()
			a.alarm(holdUp, "9").expect("incident life open, storm")
			a.at(second).alarm(holdUp, "9").forget()
			if a.lastIncident().GetReAlerts() != 1 {
				a.t.Fatalf("the repeat did not re-alert")
			}
		}},
		{"a storm is updated as its alarms double", "home", func(a *axis) {
			a.storm(1, 4).expectStorm("opened alarm-storm")
			a.storm(5, 12).expectStorm("updated alarm-storm", "updated alarm-storm")
		}},
		{"a site storms again, under another id", "home", func(a *axis) {
			a.storm(1, 4).verify(negative).close(userError, false)
			first := a.detection("alarm-storm").GetId()
			a.at(30*minute).storm(1, 4).expectStorm("opened alarm-storm", "closed alarm-storm: rate fell", "opened alarm-storm")
			if string(first) == string(a.detection("alarm-storm").GetId()) {
				a.t.Fatalf("both have one id")
			}
		}},
	})
}
