package foldtest

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Bounds of a history.
const (
	longest = 80
	start   = int64(1_795_392_000_000) // Monday 2026-11-23 00:00 UTC
)

// life is a history being drawn: a little of all that stands in a log.
type life struct {
	t         *rapid.T
	records   []*kgo.Record
	now       int64
	sequence  map[string]uint64
	incidents []string
	n, policy uint64
}

// History draws the records of a partition: beats of two receivers and a desk,
// events of panels and people on four sites, policies, adjusted clocks, bytes
// that nobody can read, and time that passes in steps of nothing to days.
func History(t *rapid.T) []*kgo.Record {
	l := &life{t: t, now: start, sequence: map[string]uint64{}}
	gaps := rapid.SampledFrom([]int64{0, 1, 200, 900, 2_600, 20_000, 400_000, 4_000_000, 90_000_000})
	for range rapid.IntRange(1, longest).Draw(t, "records") {
		l.now += gaps.Draw(t, "gap")
		l.step(rapid.IntRange(0, 20).Draw(t, "what"))
	}
	return l.records
}

func (l *life) pick(name string, from ...string) string {
	return rapid.SampledFrom(from).Draw(l.t, name)
}

func (l *life) append(value []byte) {
	offset := int64(len(l.records))
	l.records = append(l.records, &kgo.Record{
		Topic: topics.Events, Partition: partition, Offset: offset, Timestamp: time.UnixMilli(l.now), Value: value,
	})
}

func (l *life) put(r *vigiev1.LogRecord) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		l.t.Fatal(err)
	}
	l.append(value)
}

func (l *life) step(what int) {
	switch what {
	case 0, 1, 2, 3, 4, 5:
		l.beat()
	case 6:
		l.put(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_ReceiverLife{ReceiverLife: &vigiev1.ReceiverLife{
			Receiver: l.pick("receiver", "r1", "r2"), Group: l.pick("group", "g", "h"), Change: vigiev1.ReceiverLife_CHANGE_STARTED,
		}}})
	case 7:
		l.put(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: l.nextPolicy()}})
	case 8:
		if rapid.IntRange(0, 3).Draw(l.t, "adjust") == 0 {
			l.put(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Broadcast{Broadcast: &vigiev1.Broadcast{
				Version: l.n, Body: &vigiev1.Broadcast_ClockAdjusted{ClockAdjusted: &vigiev1.ClockAdjusted{NewWatermarkMs: l.now}},
			}}})
			return
		}
		l.append([]byte{0xff, 0xff})
	case 9, 10, 11, 12, 13, 14:
		l.panel()
	default:
		l.person()
	}
}

// beat is one of two receivers of two groups, or of a desk; now and then under
// a new boot, or the last.
func (l *life) beat() {
	name := l.pick("writer", "r1", "r1", "r1", "r2", "desk")
	b := &vigiev1.Beat{
		Writer: name, Boot: []byte(l.pick("boot", "1", "1", "1", "2")), TMs: l.now, BaseMs: l.now - 300,
		Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: map[string]string{"r1": "g", "r2": "h"}[name],
		Last: rapid.IntRange(0, 19).Draw(l.t, "last") == 0,
	}
	l.sequence[name]++
	b.Sequence = l.sequence[name]
	if name == "desk" {
		b.Kind = vigiev1.WriterKind_WRITER_KIND_DESK
	} else {
		for range rapid.IntRange(0, 3).Draw(l.t, "polls") {
			b.Site = append(b.Site, l.site())
			b.Path = append(b.Path, rapid.Uint32Range(0, 3).Draw(l.t, "path"))
			b.ReceivedDeltaMs = append(b.ReceivedDeltaMs, rapid.Int64Range(0, 90).Draw(l.t, "delta"))
		}
	}
	l.put(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
}

func (l *life) site() uint64 {
	return rapid.SampledFrom([]uint64{7, 8, 9, ids.UndeclaredSite(0, "1234")}).Draw(l.t, "site")
}

func (l *life) nextPolicy() *vigiev1.Policy {
	l.policy++
	return &vigiev1.Policy{Version: l.policy, Classes: []*vigiev1.ClassPolicy{
		{Supervision: &vigiev1.SupervisionPolicy{DefaultIntervalMs: rapid.Int64Range(1_000, 90_000_000).Draw(l.t, "interval"), GraceMs: 2_000}},
		{SiteClass: "shop", Storm: &vigiev1.StormPolicy{Alarms: rapid.Uint32Range(2, 6).Draw(l.t, "storm")}},
	}}
}

func (l *life) event(ev *vigiev1.Event) {
	l.n++
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id, l.n*0x9e3779b97f4a7c15) // spread, as ids are
	ev.Id = id
	ev.ReceivedAtMs = l.now - rapid.Int64Range(0, 500).Draw(l.t, "late")
	l.put(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}})
}

// panel is what a panel says; some of it twice.
func (l *life) panel() {
	sig := &vigiev1.Signal{
		Format: "SIA", Area: l.pick("area", "", "1", "2"), Zone: l.pick("zone", "1", "2", "3", "4", "5", "6"), User: "3",
		Class: rapid.SampledFrom([]vigiev1.EventClass{
			vigiev1.EventClass_EVENT_CLASS_INTRUSION, vigiev1.EventClass_EVENT_CLASS_FIRE, vigiev1.EventClass_EVENT_CLASS_TAMPER,
			vigiev1.EventClass_EVENT_CLASS_TECHNICAL_COMFORT, vigiev1.EventClass_EVENT_CLASS_INTRUSION_CONFIRMED,
		}).Draw(l.t, "class"),
	}
	site := l.site()
	ev := &vigiev1.Event{
		Site: site, OccurredAtMs: l.now, Fingerprint: fmt.Appendf(nil, "%016d", rapid.Uint64Range(l.n/3, l.n+1).Draw(l.t, "print")),
		Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{
			Receiver: l.pick("receiver", "r1", "r2"), Account: fmt.Sprint(site % 10_000), Sequence: rapid.Uint32Range(0, 40).Draw(l.t, "sequence"),
			Path: rapid.Uint32Range(0, 2).Draw(l.t, "path"),
		}}},
	}
	switch rapid.IntRange(0, 7).Draw(l.t, "says") {
	case 0:
		ev.Body = &vigiev1.Event_AlarmRestored{AlarmRestored: &vigiev1.AlarmRestored{Signal: sig}}
	case 1:
		ev.Body = &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Mode: vigiev1.AreaMode_AREA_MODE_ARMED_FULL, Signal: sig}}
	case 2:
		ev.Body = &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: sig}}
	case 3:
		ev.Body = &vigiev1.Event_ZoneInhibited{ZoneInhibited: &vigiev1.ZoneInhibited{Signal: sig}}
	default:
		ev.Body = &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: sig}}
	}
	l.event(ev)
	l.incidents = append(l.incidents, ids.Incident(site, ev.Id))
}

// person is what people do: with sites, or with one of the incidents that may
// have been opened.
func (l *life) person() {
	ev := &vigiev1.Event{Site: l.site(), Source: &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: l.pick("user", "alice", "bob")}}}}
	if len(l.incidents) > 0 && rapid.IntRange(0, 2).Draw(l.t, "on an incident") > 0 {
		recent := l.incidents[max(0, len(l.incidents)-6):]
		l.onIncident(ev, rapid.SampledFrom(recent).Draw(l.t, "incident"))
		return
	}
	switch rapid.IntRange(0, 4).Draw(l.t, "does") {
	case 0:
		ev.Body = &vigiev1.Event_SiteDeclared{SiteDeclared: &vigiev1.SiteDeclared{
			Label: "Dépôt", SiteClass: l.pick("class", "home", "shop"), TimeZone: "Europe/Paris", Areas: []string{"1", "2"},
			Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 90_000, ReceiverGroup: l.pick("group", "", "g")}, {Path: 2, IntervalMs: 600_000}},
		}}
	case 1:
		s := &vigiev1.ScheduleSet{}
		for day := range uint32(7) {
			s.Hours = append(s.Hours, &vigiev1.OpeningHours{Weekday: day + 1, OpenMinute: 480, CloseMinute: 1080})
		}
		ev.Body = &vigiev1.Event_ScheduleSet{ScheduleSet: s}
	case 2:
		ev.Body = &vigiev1.Event_ClosureDeclared{ClosureDeclared: &vigiev1.ClosureDeclared{Closure: "c", DeclaredBy: "owner", AuthenticatedHow: "passcode", FromMs: l.now + 3_600_000, ToMs: l.now + 86_400_000}}
	case 3:
		ev.Body = &vigiev1.Event_ClosureLifted{ClosureLifted: &vigiev1.ClosureLifted{Closure: "c", LiftedBy: "owner", AuthenticatedHow: "passcode"}}
	default:
		ev.Site = ids.UndeclaredSite(0, "1234")
		ev.Body = &vigiev1.Event_AccountBound{AccountBound: &vigiev1.AccountBound{Account: "1234", ToSite: rapid.Uint64Range(7, 8).Draw(l.t, "to"), Unbind: rapid.Bool().Draw(l.t, "unbind")}}
	}
	l.event(ev)
}

func (l *life) onIncident(ev *vigiev1.Event, incident string) {
	ev.Site, _ = ids.IncidentSite(incident) // It was made here.
	switch rapid.IntRange(0, 4).Draw(l.t, "act") {
	case 0:
		ev.Body = &vigiev1.Event_VerificationMade{VerificationMade: &vigiev1.VerificationMade{
			Incident: incident, Means: vigiev1.VerificationMeans_VERIFICATION_MEANS_VIDEO, Result: vigiev1.VerificationResult_VERIFICATION_RESULT_NEGATIVE,
		}}
	case 1:
		ev.Body = &vigiev1.Event_IncidentClosed{IncidentClosed: &vigiev1.IncidentClosed{
			Incident: incident, Outcome: vigiev1.IncidentOutcome_INCIDENT_OUTCOME_USER_ERROR, ReasonGiven: true,
		}}
	case 2:
		ev.Body = &vigiev1.Event_IncidentParked{IncidentParked: &vigiev1.IncidentParked{Incident: incident, WakeUpAtMs: l.now + 600_000}}
	default:
		ev.Body = &vigiev1.Event_IncidentClaimed{IncidentClaimed: &vigiev1.IncidentClaimed{Incident: incident}}
	}
	l.event(ev)
}
