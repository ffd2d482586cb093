package alarm

import (
	"fmt"
	"testing"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// newFleetOf is a log with so many sites, from 7 on, of one carrier, that poll
// together each hour.
func newFleetOf(t testingT, n int, change func(site uint64, d *vigiev1.SiteDeclared)) *axis {
	a := newAxis(t)
	for i := range n {
		a.site = uint64(7 + i)
		d := &vigiev1.SiteDeclared{
			Label: "Dépôt", SiteClass: "shop", TimeZone: "Europe/Paris", Carrier: "orange", Region: "paca",
			Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: hour, ReceiverGroup: testGroup}},
		}
		if change != nil {
			change(a.site, d)
		}
		a.person(&vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: d}})
		for _, p := range d.GetPaths() {
			a.poll(p.GetPath(), 0)
		}
	}
	a.site = 7
	a.forget()
	return a
}

// verdict is said to partition 0, which is given its incident.
func (a *axis) verdict(kind, group string, open bool) *axis {
	v := &vigiev1.FleetVerdict{
		GroupKind: kind, Group: group, Open: open, OpenedTickMs: a.now, Detection: make([]byte, 16), GroupNumber: ids.GroupSite(kind, group),
	}
	copy(v.Detection, kind+group)
	if !open {
		v.ClosedTickMs = a.now
	}
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Broadcast{Broadcast: &vigiev1.Broadcast{Version: 1, Body: &vigiev1.Broadcast_FleetVerdict{FleetVerdict: v}}}})
	return a
}

// incidentsOf counts the incidents put out for a site.
func (a *axis) incidentsOf(site uint64) (n int) {
	opened := map[string]bool{}
	for _, o := range a.outs {
		if inc, ok := o.value.(*vigiev1.Incident); ok && inc.GetSite() == site {
			opened[inc.GetId()] = true
		}
	}
	return len(opened)
}

const lostAfter = 2 * hour // an hour of interval and one of grace

func TestHeldLoss(t *testing.T) {
	t.Parallel()
	orange := ids.GroupSite("carrier", "orange")
	for name, c := range map[string]struct {
		play  func(a *axis)
		want  int
		group int
	}{
		"trade 6: without a verdict the incident opens when the hold-back ends": {func(a *axis) { a.at(lostAfter + minute) }, 1, 0},
		"trade 6: until then it waits":                                          {func(a *axis) { a.at(lostAfter + 59*second) }, 0, 0},
		"a site heard meanwhile has none":                                       {func(a *axis) { a.at(lostAfter+30*second).poll(1, 0).at(lostAfter + hour) }, 0, 0},
		"trade 6: a verdict takes it under one incident of the group":           {func(a *axis) { a.at(lostAfter+30*second).verdict("carrier", "orange", true).at(lostAfter + hour) }, 0, 1},
		"a verdict said twice is one": {func(a *axis) {
			a.at(lostAfter+30*second).verdict("carrier", "orange", true).verdict("carrier", "orange", true).at(lostAfter + hour)
		}, 0, 1},
		"a verdict of another carrier takes nothing":                            {func(a *axis) { a.at(lostAfter+30*second).verdict("carrier", "sfr", true).at(lostAfter + hour) }, 1, 0},
		"a verdict that came before the loss takes it":                          {func(a *axis) { a.at(hour).verdict("region", "paca", true).at(lostAfter + hour) }, 0, 0},
		"trade 6: given back one interval and 5 min after the end":              {func(a *axis) { massEnded(a).at(lostAfter + 10*minute + hour + 5*minute) }, 1, 1},
		"not a second before":                                                   {func(a *axis) { massEnded(a).at(lostAfter + 10*minute + hour + 5*minute - second) }, 0, 1},
		"a site heard after the end has none":                                   {func(a *axis) { massEnded(a).poll(1, 0).at(lostAfter + 90*minute) }, 0, 1},
		"trade 6: intrusion in the 30 min before: never taken, and never waits": {func(a *axis) { a.at(40*minute).alarm(intrusion, "1").at(40*minute + lostAfter) }, 2, 0},
		"trade 6: jamming in the 30 min before: never taken": {func(a *axis) {
			a.at(40*minute).alarm(vigiev1.EventClass_EVENT_CLASS_JAMMING, "").at(40*minute + lostAfter)
		}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newFleetOf(t, 3, nil)
			c.play(a)
			if got, group := a.incidentsOf(7), a.incidentsOf(orange); got != c.want || group != c.group {
				t.Errorf("%d incidents of the site and %d of the group, want %d and %d", got, group, c.want, c.group)
			}
		})
	}
}

// massEnded is a mass that ended 10 min after the losses.
func massEnded(a *axis) *axis {
	return a.at(lostAfter+30*second).verdict("carrier", "orange", true).at(lostAfter+10*minute).verdict("carrier", "orange", false)
}

func TestNeverTakenUnderAMass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(site uint64, d *vigiev1.SiteDeclared)
		want   int
	}{
		"trade 6: a site of high risk": {func(_ uint64, d *vigiev1.SiteDeclared) { d.Risk = "high" }, 1},
		"trade 6: a loss on a path outside the failing group": {func(_ uint64, d *vigiev1.SiteDeclared) {
			d.Paths = append(d.Paths, &vigiev1.PathDeclared{Path: 2, IntervalMs: hour, ReceiverGroup: testGroup, Carrier: "sfr"})
		}, 1},
		"two paths inside of it are taken": {func(_ uint64, d *vigiev1.SiteDeclared) {
			d.Paths = append(d.Paths, &vigiev1.PathDeclared{Path: 2, IntervalMs: hour, ReceiverGroup: testGroup})
		}, 0},
		"any other is": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newFleetOf(t, 3, c.change)
			a.at(lostAfter+30*second).verdict("carrier", "orange", true).at(lostAfter + 2*minute)
			if got := a.incidentsOf(7); got != c.want {
				t.Errorf("%d incidents, want %d", got, c.want)
			}
		})
	}
}

func TestAPathThatWasNotDeclaredIsTheCarriersOfTheSite(t *testing.T) {
	t.Parallel()
	a := newFleetOf(t, 1, func(_ uint64, d *vigiev1.SiteDeclared) { d.Paths = nil }).poll(1, 0)
	a.at(10*second).beat("r", testGroup)
	for _, g := range ticksOf(a)[len(ticksOf(a))-1].GetGroups() {
		if g.GetKind() == "carrier" && g.GetGroup() == "orange" && g.GetSites() == 1 {
			return
		}
	}
	t.Errorf("the carrier has no site: %v", ticksOf(a))
}

// Two people set the clocks back by an hour: the partition tells on, and says so once,
// with all levels.
func TestTicksGoBackWithTheClocks(t *testing.T) {
	t.Parallel()
	a := newFleetOf(t, 5, nil)
	a.at(2*hour).beat("r", testGroup)
	a.w -= hour
	for range 3 {
		a.w += TickMS
		a.beat("r", testGroup)
	}
	all := ticksOf(a)
	first := all[len(all)-3]
	if first.GetSinceMs() != axisStart+2*hour || first.GetTickMs() != axisStart+hour+TickMS || !first.GetWhole() || len(first.GetGroups()) == 0 {
		t.Errorf("the first tick after it is %v", first)
	}
	if last := all[len(all)-1]; last.GetSinceMs() != axisStart+hour+2*TickMS || last.GetTickMs() != axisStart+hour+3*TickMS || last.GetWhole() {
		t.Errorf("the third is %v", last)
	}
}

// Alone in its partition a site may be one of many: it waits, and is taken, as it would
// be on a log of one partition.
func TestASiteAloneInItsPartitionIsTaken(t *testing.T) {
	t.Parallel()
	a := newFleetOf(t, 1, nil).at(lostAfter + minute - second)
	if got := a.incidentsOf(7); got != 0 {
		t.Errorf("%d incidents before the hold-back has ended", got)
	}
	a.verdict("carrier", "orange", true).at(lostAfter + hour)
	if got := a.incidentsOf(7); got != 0 {
		t.Errorf("%d incidents under the mass of its carrier", got)
	}
	alone := newFleetOf(t, 1, nil).at(lostAfter + minute)
	if got := alone.incidentsOf(7); got != 1 {
		t.Errorf("%d incidents without a verdict, want one", got)
	}
}

// The answer clock counts from the loss, not from the end of the hold-back.
func TestAHeldIncidentIsAnsweredFromItsLoss(t *testing.T) {
	t.Parallel()
	a := newFleetOf(t, 2, nil).at(lostAfter + minute)
	for _, o := range a.outs {
		if inc, ok := o.value.(*vigiev1.Incident); ok && inc.GetOpenedAtMs() != axisStart+lostAfter {
			t.Errorf("opened at %d, want %d", inc.GetOpenedAtMs()-axisStart, lostAfter)
		}
	}
}

func TestLocalMass(t *testing.T) {
	t.Parallel()
	opened := func(a *axis) (local, incidents int) {
		for _, o := range a.outs {
			if d, ok := o.value.(*vigiev1.Detection); ok && d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS && d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_OPENED {
				local++
			}
		}
		for site := uint64(7); site < 40; site++ {
			incidents += a.incidentsOf(site)
		}
		return local, incidents
	}
	for name, c := range map[string]struct {
		sites, local, incidents int
	}{
		"without a verdict 20 own losses are one incident": {20, 1, 1},
		"19 are 19": {19, 0, 19},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newFleetOf(t, c.sites, nil).at(lostAfter + 2*minute)
			if local, incidents := opened(a); local != c.local || incidents != c.incidents {
				t.Errorf("%d local masses and %d incidents, want %d and %d", local, incidents, c.local, c.incidents)
			}
		})
	}
}

// A verdict takes the place of a local mass: its detection closes, its sites stay
// under the fleet's.
func TestAVerdictTakesThePlaceOfALocalMass(t *testing.T) {
	t.Parallel()
	a := newFleetOf(t, 25, nil).at(lostAfter+2*minute).verdict("carrier", "orange", true).verdict("carrier", "orange", true)
	var reason string
	for _, o := range a.outs {
		if d, ok := o.value.(*vigiev1.Detection); ok && d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS && d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
			reason += d.GetCloseReason()
		}
		if inc, ok := o.value.(*vigiev1.Incident); ok && inc.GetSite() >= ids.FirstUndeclared && inc.GetAlarms() != 1 {
			t.Errorf("the verdict said twice is %d alarms", inc.GetAlarms())
		}
	}
	if reason != "merged" {
		t.Errorf("the local mass closed as %q, want merged, once", reason)
	}
	a.at(5 * hour)
	incidents := 0
	for site := uint64(7); site < 32; site++ {
		incidents += a.incidentsOf(site)
	}
	if incidents != 1 {
		t.Errorf("%d incidents of sites while the fleet's mass stands, want that of the local one", incidents)
	}
}

// last is what the ticks said last of a group, with its losses summed.
func (a *axis) lastOf(kind, group string) *vigiev1.FleetGroup {
	g := &vigiev1.FleetGroup{}
	for _, tick := range ticksOf(a) {
		for _, told := range tick.GetGroups() {
			if told.GetKind() == kind && told.GetGroup() == group {
				g.Sites, g.Lost, g.Losses = told.GetSites(), told.GetLost(), g.GetLosses()+told.GetLosses()
			}
		}
	}
	return g
}

// A site with two paths in a group counts once in it: lost with the first of them.
func TestASiteCountsOnceInAGroup(t *testing.T) {
	t.Parallel()
	a := newFleetOf(t, 1, func(_ uint64, d *vigiev1.SiteDeclared) {
		d.Paths[0].IntervalMs = 3 * hour
		d.Paths = append(d.Paths, &vigiev1.PathDeclared{Path: 2, IntervalMs: hour, ReceiverGroup: testGroup})
	})
	a.at(lostAfter+10*second).beat("r", testGroup)
	carrier, region := a.lastOf("carrier", "orange"), a.lastOf("region", "paca")
	if carrier.Sites != 1 || carrier.Lost != 1 || region.Sites != 1 || region.Lost != 0 {
		t.Errorf("one path lost: of the carrier %d of %d, of the region %d of %d", carrier.Lost, carrier.Sites, region.Lost, region.Sites)
	}
	a.at(4*hour+10*second).beat("r", testGroup)
	carrier, region = a.lastOf("carrier", "orange"), a.lastOf("region", "paca")
	if carrier.Lost != 1 || carrier.Losses != 1 || region.Lost != 1 || region.Losses != 1 {
		t.Errorf("both lost: of the carrier %d in %d losses, of the region %d in %d", carrier.Lost, carrier.Losses, region.Lost, region.Losses)
	}
}

// Queues and hands: what waits, what is late, who holds how much.
func TestTicksTellQueuesAndPeople(t *testing.T) {
	t.Parallel()
	a := newSite(t, "shop")
	at := func(ms int64) *vigiev1.FleetTick {
		a.at(ms).beat("r", testGroup)
		all := ticksOf(a)
		return all[len(all)-1]
	}
	intrusions := func(tick *vigiev1.FleetTick) *vigiev1.FleetQueue {
		for _, q := range tick.GetQueues() {
			if q.GetClassGroup() == AnswersIntrusion {
				return q
			}
		}
		t.Fatalf("nothing of intrusions: %v", tick)
		return nil
	}
	a.alarm(intrusion, "1")
	if q := intrusions(at(10 * second)); q.GetWaiting() != 1 || q.GetLate() != 0 || q.GetOpened() != 1 {
		t.Errorf("opened: %v", q)
	}
	if q := intrusions(at(100 * second)); q.GetWaiting() != 1 || q.GetLate() != 1 || q.GetOpened() != 0 {
		t.Errorf("past 90 s: %v", q)
	}
	a.claim()
	if o := at(110 * second).GetOperators(); len(o) != 1 || o[0].GetUser() != "alice" || o[0].GetHeld() != 1 || o[0].GetClaimed() != 1 {
		t.Errorf("claimed: %v", o)
	}
}

// What the engine tells of receiver groups is told at every tick while it is so.
func TestTicksTellWhoDoesNotListen(t *testing.T) {
	t.Parallel()
	a := newSite(t, "shop")
	tells := func(at int64, want int) *vigiev1.FleetTick {
		t.Helper()
		a.at(at).beat("r", testGroup)
		all := ticksOf(a)
		last := all[len(all)-1]
		if len(last.GetListening()) != want {
			t.Fatalf("at %d s it tells of %v", at/second, last.GetListening())
		}
		return last
	}
	a.listening = []Listening{{Group: "a", Receivers: 2}, {Group: "b", Receivers: 2, Lost: []string{"r9"}}, {Group: "c", SilentSinceMS: 7, BackMS: 8}, {Group: "d", BlindSinceMS: 9}}
	for at := int64(10); at <= 20; at += 5 {
		l := tells(at*second, 3).GetListening()
		if l[0].GetLost()[0] != "r9" || l[0].GetReceivers() != 2 || l[1].GetSilentSinceMs() != 7 || l[1].GetBackMs() != 8 || l[2].GetBlindSinceMs() != 9 {
			t.Errorf("%v", l)
		}
	}
	a.listening = a.listening[:1]
	tells(25*second, 0)
}

func ticksOf(a *axis) (all []*vigiev1.FleetTick) {
	for _, o := range a.outs {
		if o.topic == topics.Fleet {
			all = append(all, o.value.(*vigiev1.LogRecord).GetFleetTick())
		}
	}
	return all
}

// One record a tick; what it says of each group is what happened.
func TestTicks(t *testing.T) {
	t.Parallel()
	a := newFleetOf(t, 5, nil)
	for s := int64(0); s <= 20; s++ {
		a.at(s*second).beat("r", testGroup)
	}
	all := ticksOf(a)
	if len(all) != 5 { // The first beat's, and one each 5 s.
		t.Fatalf("%d ticks in 20 s", len(all))
	}
	beat := func(at int64) { a.at(at).beat("r", testGroup) }
	beat(lostAfter + minute)
	a.at(lostAfter+2*minute).poll(1, 0)
	beat(lostAfter + 2*minute)
	beat(lostAfter + 3*minute)
	got := map[string]string{}
	for _, tick := range ticksOf(a) {
		for _, g := range tick.GetGroups() {
			key := g.GetKind() + "/" + g.GetGroup()
			var losses, restorals uint32
			var sites, lost uint64
			fmt.Sscan(got[key], &sites, &lost, &losses, &restorals)
			got[key] = fmt.Sprint(g.GetSites(), g.GetLost(), losses+g.GetLosses(), restorals+g.GetRestorals())
		}
	}
	for _, key := range []string{"all/", "carrier/orange", "receiver/g", "region/paca"} {
		if got[key] != "5 4 5 1" {
			t.Errorf("%s: sites, lost, losses, restorals are %s", key, got[key])
		}
	}
}
