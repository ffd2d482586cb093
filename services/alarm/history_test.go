package alarm

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm/hours"
)

// step is one thing that happens in a random history.
type step struct {
	gap  int64
	site uint64
	do   func(a *axis)
	// twice: the panel sends it once more.
	twice bool
}

var historySites = []uint64{7, 8, ids.UndeclaredSite(0, "1234")}

// history draws a random history over a few sites.
func history(t *rapid.T, longest int) []step {
	var out []step
	gaps := rapid.SampledFrom([]int64{0, 1, second, 20 * second, minute, 6 * minute, hour, 9 * hour, 25 * hour})
	classes := rapid.SampledFrom([]vigiev1.EventClass{intrusion, confirmed, holdUp, tamper, flood, vigiev1.EventClass_EVENT_CLASS_TECHNICAL_COMFORT})
	for range rapid.IntRange(1, longest).Draw(t, "steps") {
		s := step{gap: gaps.Draw(t, "gap"), site: rapid.SampledFrom(historySites).Draw(t, "site"), twice: rapid.IntRange(0, 4).Draw(t, "twice") == 0}
		class, zone := classes.Draw(t, "class"), strconv.Itoa(rapid.IntRange(1, 8).Draw(t, "zone"))
		area := strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "area"))
		user := rapid.SampledFrom([]string{"alice", "bob"}).Draw(t, "user")
		s.do = drawnAct(rapid.IntRange(0, 34).Draw(t, "what"), class, zone, area, user)
		out = append(out, s)
	}
	return out
}

func drawnAct(what int, class vigiev1.EventClass, zone, area, user string) func(a *axis) {
	on := func(do func(a *axis)) func(a *axis) {
		return func(a *axis) {
			a.area = area
			a.by(user)
			do(a)
		}
	}
	switch what {
	case 0, 1, 2, 3:
		return on(func(a *axis) { a.alarm(class, zone) })
	case 4:
		return on(func(a *axis) { a.restore(class, zone) })
	case 5:
		return on(func(a *axis) { a.arm(full) })
	case 6:
		return on(func(a *axis) { a.disarm() })
	case 7:
		return on(func(a *axis) { a.claim() })
	case 8:
		return on(func(a *axis) { a.verify(negative) })
	case 9:
		return on(func(a *axis) { a.call() })
	case 10:
		return on(func(a *axis) { a.close(userError, true) })
	case 11:
		return on(func(a *axis) { a.park(a.now + 10*minute) })
	case 12:
		return on(func(a *axis) { a.person(closureBody("c", a.now+hour, a.now+day)) })
	case 13:
		return on(func(a *axis) { a.person(liftBody("c")) })
	case 14:
		return on(func(a *axis) { a.schedule(weekdays(480, 1080)) })
	case 15:
		return on(func(a *axis) { a.declare("home", 10*minute, hour) })
	case 16:
		return on(func(a *axis) { a.release() })
	case 17, 18:
		return on(func(a *axis) { a.poll(uint32(len(zone)), 0) })
	}
	return on(func(a *axis) { drawnRule(a, what, zone, area, class) })
}

// drawnRule are the acts and faults of closures, consignes, tests and supervision.
func drawnRule(a *axis, what int, zone, area string, class vigiev1.EventClass) {
	switch what {
	case 19:
		a.consigne("k"+zone, func(k *vigiev1.ConsigneSet) { k.Permanent = area == "1"; k.Priority = uint32(len(area)) })
	case 20:
		a.withdraw("k" + zone)
	case 21:
		a.visit("v"+zone, a.now, a.now+2*hour, "3")
	case 22:
		a.test(a.now+hour, []string{zone}, class)
	case 23:
		a.testOff()
	case 24:
		a.mains(true)
	case 25:
		a.mains(false)
	case 26:
		a.passcode(vigiev1.ContactCalled_PASSCODE_OK)
	case 27:
		a.contacts(1, uint32(len(area)))
	case 28:
		a.inhibit(zone, false)
	case 29:
		a.inhibit(zone, true)
	case 30:
		a.reopening("r", a.now, a.now+day)
	case 31:
		a.stage([]vigiev1.ConnectionStage_Stage{installed, tested, inService}[(zone[0]+area[0])%3])
	case 32:
		a.own(drawnFigures[(zone[0]+area[0])%3])
	case 33:
		a.in("chain")
	default:
		a.police(vigiev1.PoliceOrFireCalled_GROUND_UNSPECIFIED)
	}
}

// drawnFigures are those that a site may be given: none, and two that open what
// others would not.
var drawnFigures = []*vigiev1.ClassPolicy{
	nil,
	{Storm: &vigiev1.StormPolicy{Alarms: 2}, Schedule: &vigiev1.SchedulePolicy{LateToCloseMs: minute}},
	{Supervision: &vigiev1.SupervisionPolicy{GraceMs: second}, Handling: &vigiev1.HandlingPolicy{IdleIntrusionMs: 20 * second}},
}

// play runs a history; only tells which sites' steps are applied.
func play(t testingT, steps []step, only func(uint64) bool, duplicates bool) *axis {
	return playUnder(t, steps, only, duplicates, minute)
}

func playUnder(t testingT, steps []step, only func(uint64) bool, duplicates bool, holdBack int64) *axis {
	a := newAxis(t)
	a.newestOpened = true
	quick := DefaultPolicy() // What lasts a week by default ends within a day.
	quick.Classes[0].Tests.FrequentWindowMs = day
	quick.Classes[0].Fleet.HoldBackMs = holdBack
	quick.Groups = []*vigiev1.GroupPolicy{groupRow("chain", stormOf(3))}
	a.policy(Stamped(quick, 2, 0))
	sequences, counters := map[uint64]uint32{}, map[uint64]uint64{}
	now := int64(0)
	for _, s := range steps {
		now += s.gap
		a.at(now)
		if !only(s.site) {
			continue
		}
		a.site, a.sequence, a.n = s.site, sequences[s.site], counters[s.site]
		a.last = nil
		s.do(a)
		sequences[s.site], counters[s.site] = a.sequence, a.n
		if duplicates && s.twice && a.last.GetSource().GetPanel() != nil {
			a.again()
		}
	}
	return a
}

func all(uint64) bool { return true }

// outputs of one site, encoded.
func (a *axis) outputsOf(site uint64) []string {
	var out []string
	for _, o := range a.outs {
		if siteOf(o) == site {
			out = append(out, o.topic+" "+o.key+" "+string(o.bytes))
		}
	}
	return out
}

func siteOf(o emitted) uint64 {
	if v, ok := o.value.(interface{ GetSite() uint64 }); ok {
		return v.GetSite()
	}
	return 0
}

func same(a, b []string) error {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Errorf("output %d differs: %q and %q", i, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		return fmt.Errorf("%d outputs and %d", len(a), len(b))
	}
	return nil
}

func TestAHistoryGivesTheSameBytesTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := history(t, 60)
		a, b := play(t, steps, all, true), play(t, steps, all, true)
		if len(a.outs) != len(b.outs) {
			t.Fatalf("%d outputs, then %d", len(a.outs), len(b.outs))
		}
		for i := range a.outs {
			if a.outs[i].topic != b.outs[i].topic || a.outs[i].key != b.outs[i].key || !bytes.Equal(a.outs[i].bytes, b.outs[i].bytes) {
				t.Fatalf("output %d differs", i)
			}
		}
	})
}

// Only a verdict over many is for them together: nobody waits for one here.
func TestSitesDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := history(t, 60)
		together := playUnder(t, steps, all, true, -1)
		for _, site := range historySites {
			alone := playUnder(t, steps, func(s uint64) bool { return s == site }, true, -1)
			if err := same(together.outputsOf(site), alone.outputsOf(site)); err != nil {
				t.Fatalf("%s alone and among others: %v", ids.Site(site), err)
			}
		}
	})
}

func TestOutputsOfAPrefixAreAPrefix(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := history(t, 60)
		cut := rapid.IntRange(0, len(steps)).Draw(t, "cut")
		whole, part := play(t, steps, all, true), play(t, steps[:cut], all, true)
		if len(part.outs) > len(whole.outs) {
			t.Fatalf("the prefix put out %d, the whole %d", len(part.outs), len(whole.outs))
		}
		for i := range part.outs {
			if !bytes.Equal(part.outs[i].bytes, whole.outs[i].bytes) {
				t.Fatalf("output %d differs", i)
			}
		}
	})
}

// What a panel sends twice changes no detection, and no incident's count.
func TestRetransmissionsHaveNoEffect(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := history(t, 60)
		once, twice := play(t, steps, all, false), play(t, steps, all, true)
		if err := same(effects(once), effects(twice)); err != nil {
			t.Fatal(err)
		}
	})
}

// effects are the detections, without their evidence, and what the incidents
// came to: a retransmission adds evidence to a never-suppressed one.
func effects(a *axis) []string {
	var out []string
	final := map[string]*vigiev1.Incident{}
	var order []string
	for _, o := range a.outs {
		switch v := o.value.(type) {
		case *vigiev1.Detection:
			out = append(out, fmt.Sprint(ids.Show(v.GetId()), v.GetKind(), v.GetStatus(), v.GetAtMs(), v.GetEvidenceCount()))
		case *vigiev1.Incident:
			if final[v.GetId()] == nil {
				order = append(order, v.GetId())
			}
			final[v.GetId()] = v
		}
	}
	for _, id := range order {
		v := proto.Clone(final[id]).(*vigiev1.Incident)
		v.Version, v.Evidence = 0, nil
		out = append(out, v.String())
	}
	return out
}

func TestEverythingOpenedCanClose(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := play(t, history(t, 60), all, true)
		a.windUp()
		if got := a.fold.Counts().OpenDetections; got != 0 {
			t.Fatalf("%d detections stay open: %v", got, a.openLines())
		}
		for _, site := range historySites {
			s := a.fold.sites.find(site)
			if s == nil || s.cold == nil {
				continue
			}
			if c := s.cold; len(c.incidents)+len(c.open)+len(c.zones) != 0 || c.storm.open || c.commLost {
				t.Fatalf("%s keeps %d incidents, %d detections, %d zones", ids.Site(site), len(c.incidents), len(c.open), len(c.zones))
			}
		}
		if a.fold.Counts().Degraded != 0 {
			t.Fatal(a.fold.Failure())
		}
	})
}

// openLines names the detections still open.
func (a *axis) openLines() []string {
	var out []string
	a.fold.sites.each(func(s *site) {
		if s.cold != nil {
			for _, d := range s.cold.open {
				out = append(out, fmt.Sprintf("%s %s path %d since %s", ids.Site(s.number), kindName(d.kind), d.path, span(a.now-d.openedAt)))
			}
		}
	})
	return out
}

// windUp ends everything by the means that people and panels have.
func (a *axis) windUp() {
	a.n, a.sequence = a.n+1_000_000, a.sequence+3000 // Ids and sequences that no site has used.
	now := a.now - axisStart
	for _, site := range historySites {
		a.at(now)
		a.site = site
		s := a.fold.sites.find(site)
		if s == nil {
			continue
		}
		a.windUpSite(s)
	}
	// A storm ends 20 min after, an unknown account after a day of silence; the
	// panels go on polling, the last of them after the end.
	for i := range int64(26 * 12) {
		a.at(now + i*5*minute)
		for _, site := range historySites {
			a.site = site
			if s := a.fold.sites.find(site); s != nil {
				var numbers []uint32
				s.eachPath(func(p *path) { numbers = append(numbers, p.number) })
				for _, p := range numbers {
					a.poll(p, 0)
				}
			}
		}
	}
}

func (a *axis) windUpSite(s *site) {
	if s.cold == nil {
		return
	}
	a.disarm().mains(false)
	a.test(a.now+hour, nil).testOff().stage(vigiev1.ConnectionStage_STAGE_SUSPENDED)
	for len(s.cold.zones) > 0 {
		z := s.cold.zones[0]
		a.panel(restoreBody(z.class, z.point.area, z.point.zone))
	}
	for len(s.cold.inhibited) > 0 {
		p := s.cold.inhibited[0]
		a.area = p.area
		a.inhibit(p.zone, true)
	}
	for len(s.cold.consignes) > 0 {
		a.withdraw(s.cold.consignes[0].id)
	}
	a.schedule(&vigiev1.ScheduleSet{None: true})
	if s.cold.closure.id == "" {
		a.person(closureBody("end", a.now, 0))
	}
	a.person(liftBody(s.cold.closure.id))
	for len(s.cold.incidents) > 0 {
		inc := s.cold.incidents[0]
		a.by(inc.holder)
		a.person(&vigiev1.Event{Body: &vigiev1.Event_IncidentClosed{IncidentClosed: &vigiev1.IncidentClosed{Incident: inc.id, Outcome: userError, ReasonGiven: true}}})
	}
	a.area = ""
	a.arm(full)
}

// Whatever happened before, a class that is never suppressed is heard within the
// record that brings it: an incident opens or alerts again. Only a test that names
// class and zone keeps it visible without a clock; none does here.
func TestNeverSuppressedIsAlwaysHeard(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := play(t, history(t, 40), all, true)
		a.site, a.area = 7, ""
		a.n, a.sequence = a.n+1_000_000, a.sequence+3000
		class := rapid.SampledFrom([]vigiev1.EventClass{holdUp, fire, tamper, vigiev1.EventClass_EVENT_CLASS_JAMMING, vigiev1.EventClass_EVENT_CLASS_LONE_WORKER}).Draw(t, "heard")
		before := map[string]uint32{}
		for _, o := range a.outs {
			if inc, is := o.value.(*vigiev1.Incident); is {
				before[inc.GetId()] = inc.GetReAlerts()
			}
		}
		a.forget()
		a.alarm(class, "untested")
		for _, o := range a.outs[a.seen:] {
			inc, is := o.value.(*vigiev1.Incident)
			if !is || inc.GetClassGroup() != groupOf(class).String() || inc.GetOnTest() {
				continue
			}
			if n, open := before[inc.GetId()]; !o.urgent || open && inc.GetReAlerts() <= n {
				t.Fatalf("it does not alert: %v", inc)
			}
			return
		}
		t.Fatal("nobody hears it")
	})
}

func TestStateIsBounded(t *testing.T) {
	t.Parallel()
	a := newAxis(t)
	for i := range int64(700) {
		a.at(i)
		n := strconv.FormatInt(i, 10)
		a.area = n
		a.alarm(intrusion, n).restore(fire, n).claim()
		a.panel(&vigiev1.Event{Body: &vigiev1.Event_ZoneInhibited{ZoneInhibited: &vigiev1.ZoneInhibited{Signal: sig(intrusion, n, n)}}})
		a.arm(full).poll(uint32(i), 0)
		a.schedule(&vigiev1.ScheduleSet{FromMs: a.now + i, ToMs: a.now + i + day})
		a.person(&vigiev1.Event{Body: &vigiev1.Event_HolidaySet{HolidaySet: &vigiev1.HolidaySet{Day: fmt.Sprintf("%04d-01-01", 3000+i)}}})
		a.consigne(n, func(*vigiev1.ConsigneSet) {}).visit(n, a.now, a.now+hour, "3").test(a.now+hour, []string{n}).mains(i%2 == 0)
		a.outs, a.seen = a.outs[:0], 0
	}
	c := a.fold.sites.find(7).cold
	for name, l := range map[string][2]int{
		"areas": {len(c.areas), maxAreas}, "zones": {len(c.zones), maxOpenZones}, "inhibited": {len(c.inhibited), maxInhibited},
		"early restores": {len(c.restores), maxEarlyRestores}, "remembered": {len(c.remembered), maxRemembered},
		"acts": {len(c.acts), maxActs}, "paths": {len(c.paths) + 1, maxPaths}, "incidents": {len(c.incidents), 15},
		"temporary schedules": {len(c.schedule.Temporary), hours.MaxTemporary}, "holidays": {len(c.schedule.Holidays), hours.MaxHolidays},
		"timers": {len(c.timers), 64}, "detections": {len(c.open), 4*maxPaths + 2*maxZonesWatched + 24},
		"visits": {len(c.visits), maxVisits}, "consignes": {len(c.consignes), maxConsignes}, "tests": {len(c.tests), maxTests},
		"watched zones": {len(c.watchedZones), maxZonesWatched}, "absences": {len(c.absences), 3}, "flaps": {len(c.flaps), maxPaths},
	} {
		if l[0] > l[1] {
			t.Errorf("%d %s are kept, more than %d", l[0], name, l[1])
		}
	}
}

// A failure of the fold on one site leaves its state as before the record, marks
// it, and keeps opening incidents (design decision 55).
func TestAFailureDegradesOneSiteOnly(t *testing.T) {
	t.Parallel()
	a := newSite(t, "shop")
	a.alarm(intrusion, "1").forget()
	c := a.fold.sites.find(7).cold
	before := len(c.remembered)
	c.storm.open = true // A storm without its detection: counting into it fails.
	a.alarm(intrusion, "2")
	c = a.fold.sites.find(7).cold
	if len(c.remembered) != before || !c.degraded {
		t.Fatalf("%d messages remembered, want %d; degraded %v", len(c.remembered), before, c.degraded)
	}
	if a.fold.Counts().Degraded != 1 || a.fold.Failure() == "" {
		t.Fatalf("the failure is not counted: %q", a.fold.Failure())
	}
	a.expect("incident intrusion open, 2 alarms")
	if !a.state().GetDegraded() {
		t.Fatal("the state does not say so")
	}
	a.site = 8
	a.alarm(intrusion, "1").expect("incident intrusion open")
}

func TestAPolicyVersionWithTwoContentsStops(t *testing.T) {
	t.Parallel()
	a := newAxis(t)
	a.policy(Stamped(DefaultPolicy(), 3, 0))
	a.policy(Stamped(DefaultPolicy(), 3, 99))
	a.policy(Stamped(DemoPolicy(1), 2, 0))
	if got := a.fold.Counts().PolicyVersion; got != 3 {
		t.Fatalf("policy %d is in force", got)
	}
	defer func() {
		if recover() == nil {
			t.Fatal("the second content was taken")
		}
	}()
	a.policy(Stamped(DemoPolicy(1), 3, 0))
}
