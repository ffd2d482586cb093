package alarm

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Tests are written on a time axis: at(…) moves the log's time, firing what is
// due on the way; an event follows; expect(…) names, in order, every detection,
// incident and outcome put out since the last expect. Site states are asked for
// by state().

// axisStart is Monday 2026-11-23 00:00 UTC, 01:00 in Paris.
const axisStart int64 = 1_795_392_000_000

type testingT interface {
	Helper()
	Fatalf(string, ...any)
}

type axis struct {
	t    testingT
	fold *Fold
	site uint64
	user string
	// class of the site; area of the next signals.
	area string

	now      int64
	w        int64
	clocks   map[string]*testClock
	timers   []Timer
	outs     []emitted
	seen     int
	n        uint64
	sequence uint32
	last     *vigiev1.Event
	occurred int64
	// newestOpened lets acts be about the incident that was opened last, instead of the
	// one that was put out last: what is heard twice is put out again.
	newestOpened bool
	// listening is what the engine would tell of receiver groups.
	listening []Listening
	// faults are where records fail before they are applied; nil for none.
	faults *rand.Rand
	// shown is the last state of each site that was put out; nil after a tombstone.
	shown map[string]*vigiev1.SiteState
}

// testClock is S of one group: segments of W in which it ran or stood.
type testClock struct {
	s       int64
	stopped bool
	marks   []mark
}

type mark struct{ w, s int64 }

type emitted struct {
	topic  string
	key    string
	value  proto.Message
	bytes  []byte
	urgent bool
}

const testGroup = "g"

// newAxis is an empty log whose receiver "r" of group "g" has beaten once.
func newAxis(t testingT) *axis {
	a := &axis{t: t, fold: NewFold(), site: 7, user: "alice", now: axisStart, w: axisStart, clocks: map[string]*testClock{}}
	a.clock(testGroup)
	a.beat("r", testGroup)
	return a
}

// newSite is a log with site 7 declared in a class, one path of 1 h, Paris time.
func newSite(t testingT, class string) *axis {
	a := newAxis(t)
	a.declare(class, hour)
	a.forget()
	return a
}

func (a *axis) declare(class string, intervals ...int64) {
	d := &vigiev1.SiteDeclared{Label: "Dépôt", SiteClass: class, TimeZone: "Europe/Paris"}
	for i, ms := range intervals {
		d.Paths = append(d.Paths, &vigiev1.PathDeclared{Path: uint32(i + 1), IntervalMs: ms, ReceiverGroup: testGroup})
	}
	a.person(&vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: d}})
}

// Env.

func (a *axis) W() int64 { return a.w }

func (a *axis) clock(group string) *testClock {
	c := a.clocks[group]
	if c == nil {
		c = &testClock{marks: []mark{{a.w, 0}}}
		a.clocks[group] = c
	}
	return c
}

func (a *axis) S(group string) int64 {
	if group == "" {
		return 0
	}
	return a.clock(group).s
}

func (a *axis) Listening() []Listening { return a.listening }

func (a *axis) SAt(group string, received int64) int64 {
	if group == "" {
		return 0
	}
	c := a.clock(group)
	if received >= a.w {
		return c.s
	}
	for i := len(c.marks) - 1; i >= 0; i-- {
		m := c.marks[i]
		if m.w > received {
			continue
		}
		end := mark{a.w, c.s}
		if i+1 < len(c.marks) {
			end = c.marks[i+1]
		}
		return min(m.s+received-m.w, end.s)
	}
	return 0
}

func (a *axis) Emit(topic string, key []byte, value proto.Message, urgent bool) {
	e := emitted{topic: topic, key: string(key), value: value, urgent: urgent}
	if value != nil {
		e.bytes = encode(value)
		e.value = proto.Clone(value)
	}
	a.outs = append(a.outs, e)
	if topic == topics.SiteStates {
		a.closureIsDated(e)
	}
}

// closureIsDated: of every state that is put out the closure's last change is the time
// of the record that first had it, or of the first one, also after a tombstone.
func (a *axis) closureIsDated(e emitted) {
	a.t.Helper()
	s, _ := e.value.(*vigiev1.SiteState)
	before := a.shown[e.key]
	if s != nil && s.GetClosureChangedAtMs() != 0 {
		want := s.GetChangedAtMs()
		if before.GetClosureChangedAtMs() != 0 && before.GetClosure() == s.GetClosure() {
			want = before.GetClosureChangedAtMs()
		}
		if s.GetClosureChangedAtMs() != want {
			a.t.Fatalf("the state of %s at %d says that its closure is %s since %d instead of %d", e.key, s.GetChangedAtMs()-axisStart, s.GetClosure(), s.GetClosureChangedAtMs()-axisStart, want-axisStart)
		}
	} else if s != nil && s.GetClosure() != vigiev1.ClosureStatus_CLOSURE_STATUS_NONE {
		a.t.Fatalf("the state of %s does not say since when it is %s", e.key, s.GetClosure())
	}
	if a.shown == nil {
		a.shown = map[string]*vigiev1.SiteState{}
	}
	a.shown[e.key] = s
}

func (a *axis) Arm(t Timer) { a.timers = append(a.timers, t) }

// Time.

// at moves the log's time to ms after the start, firing what falls due.
func (a *axis) at(ms int64) *axis {
	a.t.Helper()
	to := axisStart + ms
	if to < a.now {
		a.t.Fatalf("the axis goes back from %d to %d", a.now-axisStart, ms)
	}
	for {
		at, due := a.nextDue(to)
		if due < 0 {
			break
		}
		a.moveTo(at)
		t := a.timers[due]
		a.timers = slices.Delete(a.timers, due, due+1)
		a.firedBack(t)
		a.fold.Fire(a, t)
	}
	a.moveTo(to)
	return a
}

func (a *axis) moveTo(to int64) {
	to = max(to, a.w)
	names := make([]string, 0, len(a.clocks))
	for name := range a.clocks {
		names = append(names, name)
	}
	for _, name := range names {
		c := a.clocks[name]
		if !c.stopped {
			c.s += to - a.w
		}
	}
	a.w, a.now = to, to
}

// nextDue is the next timer that fires by then: (instant, civil first, order).
func (a *axis) nextDue(to int64) (int64, int) {
	best, bestAt := -1, int64(0)
	for i, t := range a.timers {
		at := t.Deadline
		if t.Absence {
			c := a.clocks[t.Group]
			if c == nil || c.stopped && c.s < t.Deadline {
				continue
			}
			at = a.w + max(0, t.Deadline-c.s)
		}
		at = max(at, a.w)
		if at > to {
			continue
		}
		if best < 0 || at < bestAt || at == bestAt && timerBefore(t, a.timers[best]) {
			best, bestAt = i, at
		}
	}
	return bestAt, best
}

func timerBefore(a, b Timer) bool {
	if a.Absence != b.Absence {
		return !a.Absence
	}
	if a.Deadline != b.Deadline {
		return a.Deadline < b.Deadline
	}
	if a.Site != b.Site {
		return a.Site < b.Site
	}
	if a.Kind != b.Kind {
		return a.Kind < b.Kind
	}
	return a.What < b.What
}

// stop and run are our own outage: W goes on, S stands.
func (a *axis) stop(group string) {
	c := a.clock(group)
	c.stopped = true
	c.marks = append(c.marks, mark{a.w, c.s})
}

func (a *axis) run(group string) {
	c := a.clock(group)
	c.stopped = false
	c.marks = append(c.marks, mark{a.w, c.s})
}

// Records.

func (a *axis) apply(rec *vigiev1.LogRecord) {
	a.n++
	a.takenBack(rec.GetEvent())
	a.fold.Apply(a, 0, int64(a.n), rec)
}

func (a *axis) policy(p *vigiev1.Policy) {
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: p}})
}

func (a *axis) beat(receiver, group string, sites ...uint64) {
	a.clock(group)
	b := &vigiev1.Beat{Writer: receiver, Group: group, Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, TMs: a.now, BaseMs: a.now, Site: sites}
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
}

// poll is a heartbeat of the site on a path, taken by the receiver "r" at a time
// before now by lag ms.
func (a *axis) poll(onPath uint32, lag int64) *axis {
	b := &vigiev1.Beat{Writer: "r", Group: testGroup, Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, TMs: a.now, BaseMs: a.now - lag, Site: []uint64{a.site}, Path: []uint32{onPath}, ReceivedDeltaMs: []int64{0}}
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
	return a
}

func (a *axis) eventID() []byte {
	a.n++
	var boot [16]byte
	binary.BigEndian.PutUint64(boot[:], a.site)
	id := ids.Event(boot[:], 0, a.n)
	return id[:]
}

// panel sends an event of the panel with the next sequence.
func (a *axis) panel(ev *vigiev1.Event) *axis {
	a.sequence = a.sequence%9999 + 1
	return a.panelAt(ev, a.sequence, 1)
}

func (a *axis) panelAt(ev *vigiev1.Event, sequence, onPath uint32) *axis {
	ev = proto.Clone(ev).(*vigiev1.Event)
	ev.Source = &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{
		Receiver: "r", Account: "1234", Path: onPath, Sequence: sequence, Token: "SIA-DCS",
	}}}
	body := proto.Clone(ev).(*vigiev1.Event)
	body.Source, body.Id, body.Fingerprint = nil, nil, nil
	body.ReceivedAtMs, body.OccurredAtMs = 0, 0
	print := ids.Fingerprint(a.site, sequence, "SIA-DCS", encode(body), nil)
	ev.Fingerprint = print[:]
	ev.OccurredAtMs = a.occurred
	a.last = ev
	return a.again()
}

// again sends the last event of the panel once more, on another path.
func (a *axis) again() *axis {
	ev := proto.Clone(a.last).(*vigiev1.Event)
	ev.Id, ev.Site, ev.ReceivedAtMs = a.eventID(), a.site, a.now
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}})
	return a
}

func sig(class vigiev1.EventClass, area, zone string) *vigiev1.Signal {
	return &vigiev1.Signal{Format: "SIA", Code: "BA", Class: class, Area: area, Zone: zone}
}

func (a *axis) alarm(class vigiev1.EventClass, zone string) *axis {
	return a.panel(alarmBody(class, a.area, zone))
}

func alarmBody(class vigiev1.EventClass, area, zone string) *vigiev1.Event {
	return &vigiev1.Event{Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: sig(class, area, zone)}}}
}

func (a *axis) restore(class vigiev1.EventClass, zone string) *axis {
	return a.panel(restoreBody(class, a.area, zone))
}

func restoreBody(class vigiev1.EventClass, area, zone string) *vigiev1.Event {
	return &vigiev1.Event{Body: &vigiev1.Event_AlarmRestored{AlarmRestored: &vigiev1.AlarmRestored{Signal: sig(class, area, zone)}}}
}

func (a *axis) arm(mode vigiev1.AreaMode) *axis {
	return a.panel(&vigiev1.Event{Body: &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Mode: mode, Signal: &vigiev1.Signal{Area: a.area, User: "3"}}}})
}

func (a *axis) disarm() *axis {
	return a.panel(&vigiev1.Event{Body: &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: &vigiev1.Signal{Area: a.area, User: "3"}}}})
}

// person appends an act of the axis's user.
func (a *axis) person(ev *vigiev1.Event) *axis {
	ev = proto.Clone(ev).(*vigiev1.Event)
	if ev.Id == nil {
		ev.Id = a.eventID()
	}
	if ev.Site == 0 {
		ev.Site = a.site
	}
	ev.ReceivedAtMs = a.now
	ev.Source = &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: a.user}}}
	a.last = ev
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}})
	return a
}

// repeat appends the last act again, same id.
func (a *axis) repeat() *axis {
	ev := proto.Clone(a.last).(*vigiev1.Event)
	ev.ReceivedAtMs = a.now
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}})
	return a
}

func (a *axis) by(user string) *axis {
	a.user = user
	return a
}

func (a *axis) claim() *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_IncidentClaimed{IncidentClaimed: &vigiev1.IncidentClaimed{Incident: a.incident()}}})
}

func (a *axis) release() *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_IncidentReleased{IncidentReleased: &vigiev1.IncidentReleased{Incident: a.incident()}}})
}

func (a *axis) verify(result vigiev1.VerificationResult) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_VerificationMade{VerificationMade: &vigiev1.VerificationMade{
		Incident: a.incident(), Means: vigiev1.VerificationMeans_VERIFICATION_MEANS_VIDEO, Result: result,
	}}})
}

func (a *axis) call() *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ContactCalled{ContactCalled: &vigiev1.ContactCalled{Incident: a.incident(), Contact: "1", Result: vigiev1.ContactCalled_RESULT_REACHED}}})
}

func (a *axis) close(outcome vigiev1.IncidentOutcome, reason bool) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_IncidentClosed{IncidentClosed: &vigiev1.IncidentClosed{Incident: a.incident(), Outcome: outcome, ReasonGiven: reason}}})
}

func (a *axis) park(until int64) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_IncidentParked{IncidentParked: &vigiev1.IncidentParked{Incident: a.incident(), WakeUpAtMs: until}}})
}

func (a *axis) schedule(s *vigiev1.ScheduleSet) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ScheduleSet{ScheduleSet: s}})
}

// weekdays is open from minute to minute, Monday to Friday, local time.
func weekdays(open, closing uint32) *vigiev1.ScheduleSet {
	s := &vigiev1.ScheduleSet{}
	for d := uint32(1); d <= 5; d++ {
		s.Hours = append(s.Hours, &vigiev1.OpeningHours{Weekday: d, OpenMinute: open, CloseMinute: closing})
	}
	return s
}

// incident is the id of the newest incident put out for the site.
func (a *axis) incident() string {
	if a.newestOpened {
		return a.opened()
	}
	for i := len(a.outs) - 1; i >= 0; i-- {
		if inc, ok := a.outs[i].value.(*vigiev1.Incident); ok && inc.GetSite() == a.site {
			return inc.GetId()
		}
	}
	return "7-0000000000000"
}

// opened is the id of the incident of the site that was put out first after all others.
func (a *axis) opened() string {
	newest, seen := "7-0000000000000", map[string]bool{}
	for _, o := range a.outs {
		if inc, ok := o.value.(*vigiev1.Incident); ok && inc.GetSite() == a.site && !seen[inc.GetId()] {
			seen[inc.GetId()], newest = true, inc.GetId()
		}
	}
	return newest
}

// lastIncident is the newest state put out of the newest incident.
func (a *axis) lastIncident() *vigiev1.Incident {
	a.t.Helper()
	for i := len(a.outs) - 1; i >= 0; i-- {
		if inc, ok := a.outs[i].value.(*vigiev1.Incident); ok {
			return inc
		}
	}
	a.t.Fatalf("no incident was put out")
	return nil
}

// state is the newest public state of the site.
func (a *axis) state() *vigiev1.SiteState {
	a.t.Helper()
	for i := len(a.outs) - 1; i >= 0; i-- {
		if s, ok := a.outs[i].value.(*vigiev1.SiteState); ok && s.GetSite() == a.site {
			return s
		}
	}
	a.t.Fatalf("no state of %s was put out", ids.Site(a.site))
	return nil
}

func (a *axis) forget() { a.seen = len(a.outs) }

// expect compares what was put out since the last time, in order.
func (a *axis) expect(want ...string) *axis {
	a.t.Helper()
	var got []string
	for _, o := range a.outs[a.seen:] {
		if line := line(o); line != "" {
			got = append(got, line)
		}
	}
	a.forget()
	if !slices.Equal(got, want) {
		a.t.Fatalf("at %s put out\n\t%s\nwant\n\t%s", span(a.now-axisStart), strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return a
}

// line shows an output in short; "" for a site state.
func line(o emitted) string {
	switch v := o.value.(type) {
	case *vigiev1.Detection:
		return detectionLine(v)
	case *vigiev1.Incident:
		return incidentLine(v)
	case *vigiev1.EventOutcome:
		s := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(v.GetStatus().String(), "OUTCOME_STATUS_")), "_", " ")
		if v.GetReason() != "" {
			s += ": " + v.GetReason()
		}
		if v.GetHolder() != "" {
			s += " (" + v.GetHolder() + ")"
		}
		return s
	case *vigiev1.DirectoryRecord:
		return fmt.Sprintf("directory v%d", v.GetVersion())
	case *vigiev1.AccountBinding:
		return fmt.Sprintf("account %s is %s", o.key, ids.Site(v.GetSite()))
	case nil:
		if o.topic == topics.SiteStates {
			return "no site any more"
		}
		return "account " + o.key + " is nobody's"
	}
	return ""
}

func detectionLine(v *vigiev1.Detection) string {
	s := strings.ToLower(strings.TrimPrefix(v.GetStatus().String(), "DETECTION_STATUS_")) + " " + kindName(v.GetKind())
	if v.GetPath() != 0 {
		s += fmt.Sprintf(" %d", v.GetPath())
	}
	if v.GetCloseReason() != "" {
		s += ": " + v.GetCloseReason()
	}
	return s
}

func incidentLine(v *vigiev1.Incident) string {
	s := fmt.Sprintf("incident %s %s", v.GetClassGroup(), strings.ToLower(strings.TrimPrefix(v.GetStatus().String(), "INCIDENT_STATUS_")))
	if v.GetAlarms() != 1 {
		s += fmt.Sprintf(", %d alarms", v.GetAlarms())
	}
	if v.GetReAlerts() != 0 {
		s += fmt.Sprintf(", %d re-alerts", v.GetReAlerts())
	}
	if v.GetRestoredAtMs() != 0 {
		s += ", restored"
	}
	if v.GetStorm() {
		s += ", storm"
	}
	if v.GetLateArrival() {
		s += ", late arrival"
	}
	if v.GetOnTest() {
		s += ", on test"
	}
	return s
}

// cases runs named cases on an axis of their own.
func cases(t *testing.T, list []axisCase) {
	t.Helper()
	for _, c := range list {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			c.run(newSite(t, c.class))
		})
	}
}

// axisCase is one rule on site 7 of a class.
type axisCase struct {
	rule, class string
	run         func(a *axis)
}

const (
	intrusion = vigiev1.EventClass_EVENT_CLASS_INTRUSION
	confirmed = vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED
	holdUp    = vigiev1.EventClass_EVENT_CLASS_HOLD_UP
	fire      = vigiev1.EventClass_EVENT_CLASS_FIRE
	flood     = vigiev1.EventClass_EVENT_CLASS_TECHNICAL_CRITICAL
	tamper    = vigiev1.EventClass_EVENT_CLASS_TAMPER
	full      = vigiev1.AreaMode_AREA_MODE_ARMED_FULL
	part      = vigiev1.AreaMode_AREA_MODE_ARMED_PART
	negative  = vigiev1.VerificationResult_VERIFICATION_RESULT_NEGATIVE
	positive  = vigiev1.VerificationResult_VERIFICATION_RESULT_POSITIVE
	userError = vigiev1.IncidentOutcome_INCIDENT_OUTCOME_USER_ERROR
)
