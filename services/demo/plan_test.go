package demo

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// startMS is Monday 2026-11-23 00:00 UTC.
const startMS = 1_795_392_000_000

// stories are the kinds of detections that a demonstration must show.
var stories = []vigiev1.DetectionKind{
	vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE, vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST,
	vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM,
	vigiev1.DetectionKind_DETECTION_KIND_CLOSED_AROUND_THE_CLOCK, vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT,
}

// lasting are those that end only in another way than by the story.
var lasting = []vigiev1.DetectionKind{
	vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT, vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE,
	vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED,
}

func TestSameSeedGivesTheSamePlan(t *testing.T) {
	t.Parallel()
	a, b := newPlan(7, 60, 1, startMS), newPlan(7, 60, 1, startMS)
	for r := range 3 {
		if !reflect.DeepEqual(a.round(r), b.round(r)) {
			t.Fatalf("round %d differs between two plans of one seed", r)
		}
	}
	if reflect.DeepEqual(a.round(0), newPlan(8, 60, 1, startMS).round(0)) {
		t.Fatal("two seeds give one plan")
	}
	if reflect.DeepEqual(a.story(0, 0).order, a.story(1, 0).order) {
		t.Fatal("two rounds are played by the same sites")
	}
}

func TestRoundsFollowOneAnotherInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		for r := range 2 {
			list := p.round(r)
			if !slices.IsSortedFunc(list, func(a, b Action) int { return cmp.Compare(a.At, b.At) }) {
				t.Fatalf("round %d is out of order", r)
			}
			from := p.scaled(round) * time.Duration(r)
			if list[0].At < from || list[len(list)-1].At >= from+p.scaled(round) {
				t.Fatalf("round %d runs from %s to %s", r, list[0].At, list[len(list)-1].At)
			}
		}
	})
}

func TestEachStoryOpensWithin60SecondsAndOthersAreQuiet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		c := newCentre(t, p)
		c.play(0, p.scaled(60*time.Second))
		for _, kind := range stories {
			if len(c.opened[kind]) == 0 {
				t.Fatalf("no %s opened within 60 s (%d sites, start %d)", kind, p.fleet, p.startMS)
			}
		}
		c.checkCast(0)
	})
}

func TestStoriesCloseAndComeBack(t *testing.T) {
	t.Parallel()
	p := newPlan(1, 60, 1, startMS)
	c := newCentre(t, p)
	for r := range 3 {
		from := p.scaled(round) * time.Duration(r)
		c.play(r, from+p.scaled(round))
		for id, d := range c.open {
			if !slices.Contains(lasting, d.GetKind()) {
				t.Errorf("%s of %s is still open at the end of round %d: %x", d.GetKind(), ids.Site(d.GetSite()), r, id)
			}
		}
		c.checkCast(r)
		if c.paused != (r+1)*latePaths {
			t.Errorf("by the end of round %d %d paths were late without being lost", r, c.paused)
		}
	}
	for _, kind := range append(stories, lasting...) {
		if len(c.opened[kind]) < 2 {
			t.Errorf("%s opened %d times in three rounds", kind, len(c.opened[kind]))
		}
	}
}

func drawPlan(t *rapid.T) *plan {
	return newPlan(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(minSites, 60).Draw(t, "sites"),
		rapid.SampledFrom([]float64{0.5, 1, 3}).Draw(t, "speed"), startMS+rapid.Int64Range(0, 10_000_000).Draw(t, "start"))
}

// centre plays a plan against the fold of the product: the log's time stands
// still but for beats, each a quarter of a second (less at speed), as a
// receiver's do.
type centre struct {
	t      fataler
	p      *plan
	fold   *alarm.Fold
	now    int64
	n      uint64
	timers []alarm.Timer
	open   map[string]*vigiev1.Detection
	opened map[vigiev1.DetectionKind][]uint64
	fresh  []*vigiev1.Detection
	// paused counts the paths that were late and never lost.
	paused int
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func newCentre(t fataler, p *plan) *centre {
	c := &centre{t: t, p: p, fold: alarm.NewFold(), now: p.startMS, open: map[string]*vigiev1.Detection{}, opened: map[vigiev1.DetectionKind][]uint64{}}
	c.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: alarm.DemoPolicy(p.speed)}})
	c.beat(nil)
	for _, s := range p.sites[:p.fleet] {
		d := p.declared(s)
		body := &vigiev1.SiteDeclared{Label: d.Label, SiteClass: d.Class, TimeZone: d.TimeZone}
		for _, path := range d.Paths {
			body.Paths = append(body.Paths, &vigiev1.PathDeclared{Path: path.Path, ReceiverGroup: "default"})
		}
		c.person(s.Number, &vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: body}})
		c.person(s.Number, &vigiev1.Event{Body: &vigiev1.Event_ScheduleSet{ScheduleSet: &vigiev1.ScheduleSet{
			CycleMs: d.Schedule.CycleMS, CycleOpenMs: d.Schedule.CycleOpenMS, CycleEpochMs: d.Schedule.CycleEpochMS,
		}}})
	}
	return c
}

// play plays what of a round lies before an instant.
func (c *centre) play(r int, to time.Duration) {
	var polls []Action
	every := c.p.scaled(250 * time.Millisecond)
	next := time.Duration(c.now-c.p.startMS)*time.Millisecond + every
	for _, a := range c.p.round(r) {
		for a.At >= next && next <= to {
			c.tick(next, polls)
			polls, next = nil, next+every
		}
		if a.At >= to {
			break
		}
		if a.Do == Poll {
			polls = append(polls, a)
			continue
		}
		c.now = c.p.startMS + a.At.Milliseconds()
		c.say(a)
	}
	c.tick(to, polls)
}

// tick is a beat; then what is due fires.
func (c *centre) tick(at time.Duration, polls []Action) {
	c.now = c.p.startMS + at.Milliseconds()
	c.beat(polls)
	for {
		i := slices.IndexFunc(c.timers, func(t alarm.Timer) bool { return c.due(t) })
		if i < 0 {
			return
		}
		t := c.timers[i]
		c.timers = slices.Delete(c.timers, i, i+1)
		c.fold.Fire(c, t)
	}
}

func (c *centre) due(t alarm.Timer) bool {
	if t.Absence {
		return t.Deadline <= c.S(t.Group)
	}
	return t.Deadline <= c.now
}

func (c *centre) beat(polls []Action) {
	b := &vigiev1.Beat{Writer: "r", Group: "default", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, TMs: c.now, BaseMs: c.p.startMS}
	last := c.p.startMS
	for _, a := range polls {
		at := c.p.startMS + a.At.Milliseconds()
		b.Site, b.Path = append(b.Site, c.number(a.Site)), append(b.Path, a.Path)
		b.ReceivedDeltaMs = append(b.ReceivedDeltaMs, at-last)
		last = at
	}
	c.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
}

// number is the site as the receiver finds it.
func (c *centre) number(i int) uint64 {
	if s := c.p.sites[i]; s.Number == 0 {
		return ids.UndeclaredSite(0, s.Account)
	}
	return c.p.sites[i].Number
}

// say reads the message as the receiver does, and folds its event.
func (c *centre) say(a Action) {
	m := c.p.sites[a.Site].message(a)
	signal := &vigiev1.Signal{Format: m.Token}
	var meaning dc09.Meaning
	var known bool
	if m.Token == dc09.TokenSIA {
		_, events, err := dc09.ParseSIA(m.Data)
		if err != nil || len(events) != 1 {
			c.t.Fatalf("%q is no SIA event: %v", m.Data, err)
		}
		meaning, known = dc09.SIAMeaning(events[0].Code)
		signal.Zone = events[0].Address
	} else {
		_, e, err := dc09.ParseCID(m.Data)
		if err != nil {
			c.t.Fatalf("%q is no Contact ID event: %v", m.Data, err)
		}
		meaning, known = dc09.CIDMeaning(e)
		signal.Zone = e.Zone
	}
	if !known {
		c.t.Fatalf("%q has no meaning", m.Data)
	}
	signal.Class = meaning.Class
	c.n++
	print := ids.Fingerprint(c.number(a.Site), uint32(c.n%9999)+1, m.Token, m.Data, nil)
	ev := &vigiev1.Event{Fingerprint: print[:], Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{
		Receiver: "r", Account: m.Account, Path: 1, Token: m.Token,
	}}}}
	setBody(ev, signal, meaning)
	c.event(c.number(a.Site), ev)
}

func setBody(ev *vigiev1.Event, s *vigiev1.Signal, m dc09.Meaning) {
	switch {
	case m.Kind == dc09.KindDisarm:
		ev.Body = &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: &vigiev1.Signal{}}}
	case m.Kind == dc09.KindArm:
		ev.Body = &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Signal: &vigiev1.Signal{}, Mode: vigiev1.AreaMode_AREA_MODE_ARMED_FULL}}
	case m.Kind == dc09.KindTamper:
		ev.Body = &vigiev1.Event_Tamper{Tamper: &vigiev1.Tamper{Signal: s, Restored: m.Restore}}
	case m.Kind == dc09.KindTestPeriodic:
		ev.Body = &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Signal: s, Periodic: true}}
	case m.Kind == dc09.KindFault && m.Restore:
		ev.Body = &vigiev1.Event_FaultRestored{FaultRestored: &vigiev1.FaultRestored{Signal: s}}
	case m.Kind == dc09.KindFault:
		ev.Body = &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: s}}
	case m.Restore:
		ev.Body = &vigiev1.Event_AlarmRestored{AlarmRestored: &vigiev1.AlarmRestored{Signal: s}}
	default:
		ev.Body = &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: s}}
	}
}

func (c *centre) person(site uint64, ev *vigiev1.Event) {
	ev.Source = &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: "demo"}}}
	c.event(site, ev)
}

func (c *centre) event(site uint64, ev *vigiev1.Event) {
	c.n++
	var boot [16]byte
	binary.BigEndian.PutUint64(boot[:], 1)
	id := ids.Event(boot[:], 0, c.n)
	ev.Id, ev.Site, ev.ReceivedAtMs = id[:], site, c.now
	c.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}})
}

func (c *centre) apply(rec *vigiev1.LogRecord) {
	c.n++
	c.fold.Apply(c, 0, int64(c.n), rec)
}

// What the fold sees: one clock, that never stood still.

func (c *centre) W() int64                     { return c.now }
func (c *centre) S(string) int64               { return c.now - startMS + 1 }
func (c *centre) Arm(t alarm.Timer)            { c.timers = append(c.timers, t) }
func (c *centre) Listening() []alarm.Listening { return nil }

func (c *centre) SAt(_ string, at int64) int64 { return min(at, c.now) - startMS + 1 }

func (c *centre) Emit(_ string, _ []byte, value proto.Message, _ bool) {
	d, ok := value.(*vigiev1.Detection)
	if !ok {
		return
	}
	d = proto.Clone(d).(*vigiev1.Detection)
	switch d.GetStatus() {
	case vigiev1.DetectionStatus_DETECTION_STATUS_OPENED:
		c.open[string(d.GetId())] = d
		c.opened[d.GetKind()] = append(c.opened[d.GetKind()], d.GetSite())
		c.fresh = append(c.fresh, d)
	case vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED:
		delete(c.open, string(d.GetId()))
		if d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE && d.GetCloseReason() == "restored" {
			c.paused++
		}
	}
}

// checkCast checks that only those who play in a round were detected in it.
func (c *centre) checkCast(r int) {
	c.t.Helper()
	s := c.p.story(r, c.p.scaled(round)*time.Duration(r))
	var wrong []string
	for _, d := range c.fresh {
		declared := d.GetSite() < ids.FirstUndeclared
		if declared && !s.taken[int(d.GetSite()-firstSite)] && slices.Contains(stories, d.GetKind()) {
			wrong = append(wrong, fmt.Sprintf("%s of %s at %d", d.GetKind(), ids.Site(d.GetSite()), d.GetOpenedAtMs()-c.p.startMS))
		}
	}
	c.fresh = nil
	if len(wrong) > 0 {
		c.t.Fatalf("sites outside the story were detected:\n%s", strings.Join(wrong, "\n"))
	}
}
