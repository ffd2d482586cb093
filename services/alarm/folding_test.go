package alarm

import (
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func TestRealerting(t *testing.T) {
	t.Parallel()
	realerts := func(a *axis) uint32 { return a.lastIncident().GetReAlerts() }
	want := func(a *axis, n uint32) {
		a.t.Helper()
		if got := realerts(a); got != n {
			a.t.Fatalf("%d re-alerts, want %d", got, n)
		}
	}
	cases(t, []axisCase{
		{"trade 5: another area re-alerts", "shop", func(a *axis) {
			a.area = "1"
			a.alarm(intrusion, "1")
			a.area = "2"
			a.alarm(intrusion, "1")
			want(a, 1)
		}},
		{"trade 5: an area disarmed since re-alerts", "shop", func(a *axis) {
			a.arm(full).alarm(intrusion, "1").disarm().at(second).alarm(intrusion, "1")
			want(a, 1)
			a.at(2*second).alarm(intrusion, "1")
			want(a, 1)
		}},
		{"trade 5: an area armed again since re-alerts", "shop", func(a *axis) {
			a.disarm().alarm(intrusion, "1").arm(full).at(second).alarm(intrusion, "1")
			want(a, 1)
		}},
		{"trade 5: in a storm an alarm after a negative verification still re-alerts: a second burglary is not swallowed", "home", func(a *axis) {
			a.storm(1, 4).verify(negative)
			before := realerts(a)
			a.at(second).alarm(intrusion, "1")
			want(a, before+1)
		}},
		{"trade 5: in a storm an area that moved re-alerts", "home", func(a *axis) {
			a.storm(1, 4)
			before := realerts(a)
			a.arm(full).at(second).alarm(intrusion, "1")
			want(a, before+1)
		}},
		{"trade 5: a closure never widens the folding window", "shop", func(a *axis) {
			a.arm(full).person(closureBody("c", 0, 0)).alarm(intrusion, "1").at(15*minute).alarm(intrusion, "1")
			want(a, 0)
			a.at(30*minute+1).alarm(intrusion, "1")
			want(a, 1)
		}},
		{"trade 1: a second hold-up device raises the level", "shop", func(a *axis) {
			a.alarm(holdUp, "1")
			if got := a.lastIncident().GetLevel(); got != 2 {
				a.t.Fatalf("level %d", got)
			}
			a.at(second).alarm(holdUp, "2")
			if got := a.lastIncident().GetLevel(); got != 4 {
				a.t.Fatalf("level %d", got)
			}
		}},
		{"trade 1: the same hold-up device raises it more than 2 min later", "shop", func(a *axis) {
			a.alarm(holdUp, "1").at(2*minute).alarm(holdUp, "1")
			if got := a.lastIncident().GetLevel(); got != 2 {
				a.t.Fatalf("level %d after 2 min", got)
			}
			a.at(4*minute+1).alarm(holdUp, "1")
			if got := a.lastIncident().GetLevel(); got != 4 {
				a.t.Fatalf("level %d after more", got)
			}
		}},
	})
}

// Each never-suppressed class alerts at once whatever the state of the site.
func TestNeverSuppressed(t *testing.T) {
	t.Parallel()
	states := map[string]func(a *axis){
		"disarmed":           func(a *axis) { a.disarm() },
		"in a closure":       func(a *axis) { a.arm(full).person(closureBody("c", 0, 0)) },
		"in a storm":         func(a *axis) { a.storm(100, 6) },
		"on test, zone only": func(a *axis) { a.test(a.now+hour, []string{"1"}) },
		"on test, whole":     func(a *axis) { a.test(a.now+hour, nil) },
		"under a visit":      func(a *axis) { a.visit("v", a.now, a.now+hour, "3").disarm() },
		"lost": func(a *axis) {
			a.poll(1, 0).at(3 * hour)
		},
	}
	for n, name := range vigiev1.EventClass_name {
		class := vigiev1.EventClass(n)
		if !neverSuppressed(class) {
			continue
		}
		for state, prepare := range states {
			t.Run(name+" "+state, func(t *testing.T) {
				t.Parallel()
				a := newSite(t, "shop")
				prepare(a)
				a.forget()
				a.alarm(class, "1")
				inc := a.lastIncident()
				if len(a.outs) == a.seen || inc.GetChangedAtMs() != a.now || inc.GetOnTest() || inc.GetMissedAtMs() == 0 {
					t.Fatalf("nobody hears it: %v", inc)
				}
			})
		}
	}
}

func TestLateArrivals(t *testing.T) {
	t.Parallel()
	late := func(a *axis, class vigiev1.EventClass, zone string, by int64) *axis {
		a.occurred = a.now - by
		a.alarm(class, zone)
		a.occurred = 0
		return a
	}
	cases(t, []axisCase{
		{"trade 5: always an incident, both times shown", "shop", func(a *axis) {
			a.at(hour)
			late(a, intrusion, "1", 5*minute+1).expect("incident intrusion open, late arrival")
			if inc := a.lastIncident(); inc.GetOccurredAtMs() != a.now-5*minute-1 || inc.GetOpenedAtMs() != a.now || inc.GetMissedAtMs() == 0 {
				a.t.Fatalf("the incident is %v", inc)
			}
		}},
		{"trade 5: 5 min are live", "shop", func(a *axis) {
			a.at(hour)
			late(a, intrusion, "1", 5*minute).expect("incident intrusion open")
		}},
		{"trade 5: never folded into a live one, nor a live one into it", "shop", func(a *axis) {
			a.at(hour).alarm(intrusion, "1").forget()
			late(a, intrusion, "1", hour).expect("incident intrusion open, late arrival")
			a.alarm(intrusion, "1").expect("incident intrusion open, 2 alarms")
			late(a, intrusion, "1", hour).expect("incident intrusion open, 2 alarms, late arrival")
		}},
		{"domain 1.3: by the panel's own clock where the frame has a stamp", "shop", func(a *axis) {
			a.at(hour)
			ev := alarmBody(intrusion, "", "1")
			a.occurred = a.now - hour
			a.sequence++
			a.panelAt(ev, a.sequence, 1).forget() // The same panel once more, its clock an hour slow.
			slow := proto.Clone(a.last).(*vigiev1.Event)
			slow.GetSource().GetPanel().SentAtMs = a.now - hour + second
			slow.Fingerprint[0]++
			a.last = slow
			a.again().expect("incident intrusion open")
		}},
		{"trade 5: it has its own answer clock", "shop", func(a *axis) {
			a.at(hour)
			late(a, holdUp, "1", hour).forget()
			a.at(hour + 30*second).expect("opened answer-late")
			a.close(userError, true).expectKinds("answer-late", "closed answer-late: incident closed")
		}},
		{"old alarms that come in a heap are no storm", "home", func(a *axis) {
			a.at(hour)
			for i := range 8 {
				late(a, intrusion, strconv.Itoa(i), hour)
			}
			a.expectStorm()
		}},
	})
}

func TestZones(t *testing.T) {
	t.Parallel()
	const runaway = "runaway-zone"
	// negatives alarms so often that are each verified negative, apart by a time.
	negatives := func(a *axis, n int, apart int64) *axis {
		for range n {
			a.alarm(intrusion, "1").restore(intrusion, "1").verify(negative).close(userError, false)
			a.at(a.now - axisStart + apart)
		}
		return a
	}
	twoZones := &vigiev1.SiteDeclared{SiteClass: "shop", Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}}, Zones: []*vigiev1.ZoneDeclared{{Zone: "1", Area: "1"}, {Zone: "2", Area: "1"}}}
	cases(t, []axisCase{
		{"trade 5: 3 in 1 h, each verified negative, propose an inhibition of at most 72 h and a maintenance", "shop", func(a *axis) {
			a.declared(twoZones).forget()
			negatives(a, 2, 20*minute).expectKinds(runaway)
			negatives(a, 1, 0).expectKinds(runaway, "opened runaway-zone")
			if d := a.detection(runaway); a.facts(runaway) != "propose-inhibition maintenance-request" || d.GetUntilMs() != a.now+72*hour || d.GetZone() != "1" {
				a.t.Fatalf("the detection is %v", d)
			}
		}},
		{"trade 5: 3 in more than 1 h are not enough", "shop", func(a *axis) {
			negatives(a, 4, 30*minute+1).expectKinds(runaway)
		}},
		{"trade 5: 5 in 24 h are", "shop", func(a *axis) {
			negatives(a, 4, 5*hour).expectKinds(runaway)
			negatives(a, 1, 0).expectKinds(runaway, "opened runaway-zone")
		}},
		{"trade 5: alarms that nobody verified do not count", "shop", func(a *axis) {
			for i := range int64(6) {
				a.at(i*minute).alarm(intrusion, "1").close(userError, true)
			}
			a.expectKinds(runaway)
		}},
		{"trade 5: one negative verification counts the alarms before it once", "shop", func(a *axis) {
			a.alarm(intrusion, "1").verify(negative).verify(negative).verify(negative).expectKinds(runaway)
		}},
		{"trade 5: never the last detection of an area", "shop", func(a *axis) {
			a.declared(twoZones).inhibit("2", false).forget()
			negatives(a, 3, minute).forget()
			if got := a.facts(runaway); got != "last-of-area maintenance-request" {
				a.t.Fatalf("proposed: %q", got)
			}
		}},
		{"trade 5: it ends when the zone is inhibited", "shop", func(a *axis) {
			negatives(a, 3, minute).forget()
			a.inhibit("1", false).expectKinds(runaway, "closed runaway-zone: inhibited")
		}},
		{"trade 5: or after a day without another", "shop", func(a *axis) {
			negatives(a, 3, minute).forget()
			a.at(2*minute + day - 1).expectKinds(runaway)
			a.at(2*minute+day).expectKinds(runaway, "closed runaway-zone: rate fell")
		}},
		{"trade 1: a hold-up device never runs away", "shop", func(a *axis) {
			for range 4 {
				a.alarm(holdUp, "1").verify(negative)
			}
			a.expectKinds(runaway)
		}},
	})
}

func TestChatteringZone(t *testing.T) {
	t.Parallel()
	const chatter = "chattering-zone"
	cases(t, []axisCase{
		{"token bucket: five at once, the sixth chatters", "shop", func(a *axis) {
			for range 5 {
				a.alarm(intrusion, "1").restore(intrusion, "1")
			}
			a.expectKinds(chatter)
			a.alarm(intrusion, "1").expectKinds(chatter, "opened chattering-zone")
		}},
		{"token bucket: one every 2 min goes on for ever", "shop", func(a *axis) {
			for i := range int64(60) {
				a.at(i*2*minute).alarm(intrusion, "1").restore(intrusion, "1")
			}
			a.expectKinds(chatter)
		}},
		{"token bucket: one every 100 s, too slow for a window, is seen in the end", "shop", func(a *axis) {
			for i := range int64(40) {
				a.at(i*100*second).alarm(intrusion, "1").restore(intrusion, "1")
			}
			a.expectKinds(chatter, "opened chattering-zone", "updated chattering-zone", "updated chattering-zone", "updated chattering-zone")
		}},
		{"token bucket: it ends when the bucket is full again", "shop", func(a *axis) {
			for range 6 {
				a.alarm(intrusion, "1").restore(intrusion, "1")
			}
			a.forget()
			a.at(10*minute - 1).expectKinds(chatter)
			a.at(10*minute).expectKinds(chatter, "closed chattering-zone: rate fell")
			if n := len(a.fold.sites.find(7).cold.watchedZones); n != 0 {
				a.t.Fatalf("%d quiet zones are remembered", n)
			}
		}},
		{"two zones have two buckets", "shop", func(a *axis) {
			for range 5 {
				a.alarm(intrusion, "1").alarm(intrusion, "2")
			}
			a.expectKinds(chatter)
		}},
	})
}

func TestNotConfigured(t *testing.T) {
	t.Parallel()
	data := func(format, code string) *vigiev1.Event {
		return &vigiev1.Event{Body: &vigiev1.Event_DataReceived{DataReceived: &vigiev1.DataReceived{Token: "X", Format: format, Code: code}}}
	}
	clock := func(format, code string, missed int64) func(a *axis) {
		return func(a *axis) {
			a.panel(data(format, code)).expect("incident not-configured open")
			if inc := a.lastIncident(); inc.GetMissedAtMs()-inc.GetOpenedAtMs() != missed {
				a.t.Fatalf("answered within %s", span(inc.GetMissedAtMs()-inc.GetOpenedAtMs()))
			}
		}
	}
	cases(t, []axisCase{
		{"trade 5: an unknown Contact ID alarm within 180 s", "shop", clock("CID", "1199", 180*second)},
		{"trade 5: an unknown SIA alarm within 180 s", "shop", clock("SIA", "ZA", 180*second)},
		{"trade 5: an unknown Contact ID event of another class: a task of the day", "shop", clock("CID", "1699", day)},
		{"trade 5: an unknown SIA event: a task of the day", "shop", clock("SIA", "ZQ", day)},
		{"trade 5: what cannot be read is like an alarm", "shop", clock("", "", 180*second)},
		{"trade 5: a task of the day becomes urgent with the first alarm-like code", "shop", func(a *axis) {
			a.panel(data("SIA", "ZQ")).panel(data("SIA", "ZA"))
			if inc := a.lastIncident(); inc.GetMissedAtMs()-a.now != 180*second {
				a.t.Fatalf("answered within %s", span(inc.GetMissedAtMs()-a.now))
			}
		}},
		{"trade 5: an undeclared zone: its alarm as any, and a task of the day", "shop", func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{Zones: []*vigiev1.ZoneDeclared{{Zone: "1"}}, Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}}}).forget()
			a.alarm(intrusion, "1").expect("incident intrusion open")
			a.alarm(intrusion, "9").expect("incident intrusion open, 2 alarms, 1 re-alerts", "incident not-configured open")
		}},
		{"trade 5: folded for 24 h", "shop", func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{Zones: []*vigiev1.ZoneDeclared{{Zone: "1"}}, Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 32 * day}}})
			a.alarm(flood, "8").restore(flood, "8").close(userError, true).forget()
			if a.at(day-1).alarm(flood, "9"); a.lastIncident().GetClassGroup() != "technical-critical" {
				a.t.Fatalf("within 24 h it is a task again: %v", a.lastIncident())
			}
			if a.at(day).alarm(flood, "9"); a.lastIncident().GetClassGroup() != "not-configured" {
				a.t.Fatalf("after 24 h it is no task: %v", a.lastIncident())
			}
		}},
		{"trade 5: an unknown account that sends no alarm is a task of the day", "shop", func(a *axis) {
			a.site = ids.UndeclaredSite(0, "1234")
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Periodic: true}}})
			a.expect("opened unknown-account", "incident not-configured open")
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Periodic: true}}}).expectIncidents()
		}},
	})
}
