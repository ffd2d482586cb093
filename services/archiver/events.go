package archiver

import (
	"sync"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
)

// eventRows are rows of the table events.
type eventRows struct {
	subjects
	kind, origin, class, format, code, area, zone, userCode, mode []string
	restored                                                      []bool
	occurred                                                      []int64
	line                                                          []uint32
	account                                                       []string
	path                                                          []uint8
	receiver, transport                                           []string
	sequence                                                      []uint16
	token                                                         []string
	fingerprint                                                   []uuid.UUID
	correlation, incident, operator, role, means, result, outcome []string
}

// spareEvents are rows whose block is archived: 34 columns that need not grow again.
var spareEvents = sync.Pool{New: func() any { return &eventRows{} }}

func newEventRows() *eventRows { return spareEvents.Get().(*eventRows) }

func (r *eventRows) free() {
	*r = eventRows{
		subjects: r.subjects.emptied(),
		kind:     r.kind[:0], origin: r.origin[:0], class: r.class[:0], format: r.format[:0], code: r.code[:0],
		area: r.area[:0], zone: r.zone[:0], userCode: r.userCode[:0], mode: r.mode[:0], restored: r.restored[:0],
		occurred: r.occurred[:0], line: r.line[:0], account: r.account[:0], path: r.path[:0],
		receiver: r.receiver[:0], transport: r.transport[:0], sequence: r.sequence[:0], token: r.token[:0],
		fingerprint: r.fingerprint[:0], correlation: r.correlation[:0], incident: r.incident[:0],
		operator: r.operator[:0], role: r.role[:0], means: r.means[:0], result: r.result[:0], outcome: r.outcome[:0],
	}
	spareEvents.Put(r)
}

func (*eventRows) name() string { return "events" }

// facts are what differs between the kinds of events.
type facts struct {
	kind, mode, incident, means, result, outcome string
	restored                                     bool
	signal                                       *vigiev1.Signal
}

// add appends an event; kind names its body.
func (r *eventRows) add(p place, e *vigiev1.Event, timestampMS int64) {
	received := e.GetReceivedAtMs()
	if received == 0 {
		received = timestampMS
	}
	r.subjects.add(p, e.GetId(), e.GetSite(), received)
	f := factsOf(e)
	r.kind = append(r.kind, f.kind)
	r.occurred = append(r.occurred, ms(e.GetOccurredAtMs()))
	r.class = append(r.class, enum(f.signal.GetClass()))
	r.format = append(r.format, f.signal.GetFormat())
	r.code = append(r.code, f.signal.GetCode())
	r.area = append(r.area, f.signal.GetArea())
	r.zone = append(r.zone, f.signal.GetZone())
	r.userCode = append(r.userCode, f.signal.GetUser())
	r.mode = append(r.mode, f.mode)
	r.restored = append(r.restored, f.restored)
	r.fingerprint = append(r.fingerprint, id(e.GetFingerprint()))
	r.correlation = append(r.correlation, e.GetCorrelation())
	r.incident = append(r.incident, f.incident)
	r.means = append(r.means, f.means)
	r.result = append(r.result, f.result)
	r.outcome = append(r.outcome, f.outcome)
	r.addSource(e.GetSource())
}

func (r *eventRows) addSource(s *vigiev1.Source) {
	panel, user := s.GetPanel(), s.GetUser()
	origin := ""
	switch s.GetOrigin().(type) {
	case *vigiev1.Source_Panel:
		origin = "panel"
	case *vigiev1.Source_User:
		origin = "user"
	case *vigiev1.Source_System:
		origin = "system"
	}
	r.origin = append(r.origin, origin)
	r.line = append(r.line, panel.GetLine())
	r.account = append(r.account, panel.GetAccount())
	r.path = append(r.path, u8(panel.GetPath()))
	r.receiver = append(r.receiver, panel.GetReceiver())
	r.transport = append(r.transport, enum(panel.GetTransport()))
	r.sequence = append(r.sequence, u16(panel.GetSequence()))
	r.token = append(r.token, panel.GetToken())
	r.operator = append(r.operator, user.GetUser())
	r.role = append(r.role, user.GetRole())
}

// addSystem appends a record of the partition that is no event: receiver life,
// a policy, a broadcast.
func (r *eventRows) addSystem(p place, kind string, eventID []byte, atMS int64, receiver string) {
	r.add(p, &vigiev1.Event{Id: eventID, ReceivedAtMs: atMS, OccurredAtMs: atMS, Source: &vigiev1.Source{
		Origin: &vigiev1.Source_System{System: &vigiev1.SystemSource{}},
	}}, atMS)
	last := len(r.kind) - 1
	r.kind[last], r.receiver[last] = kind, receiver
}

// factsOf reads the body: what panels say, most of every log, without reflection.
func factsOf(e *vigiev1.Event) facts {
	switch b := e.GetBody().(type) {
	case *vigiev1.Event_AlarmRaised:
		return facts{kind: "alarm_raised", signal: b.AlarmRaised.GetSignal()}
	case *vigiev1.Event_AlarmRestored:
		return facts{kind: "alarm_restored", signal: b.AlarmRestored.GetSignal()}
	case *vigiev1.Event_AlarmCancelled:
		return facts{kind: "alarm_cancelled", signal: b.AlarmCancelled.GetSignal()}
	case *vigiev1.Event_Armed:
		return facts{kind: "armed", signal: b.Armed.GetSignal(), mode: enum(b.Armed.GetMode())}
	case *vigiev1.Event_Disarmed:
		return facts{kind: "disarmed", signal: b.Disarmed.GetSignal()}
	case *vigiev1.Event_FaultRaised:
		return facts{kind: "fault_raised", signal: b.FaultRaised.GetSignal()}
	case *vigiev1.Event_FaultRestored:
		return facts{kind: "fault_restored", signal: b.FaultRestored.GetSignal()}
	case *vigiev1.Event_Tamper:
		return facts{kind: "tamper", signal: b.Tamper.GetSignal(), restored: b.Tamper.GetRestored()}
	default:
		return factsOfAny(e)
	}
}

// factsOfAny reads any body. Kinds without facts of their own have their name only.
func factsOfAny(e *vigiev1.Event) facts {
	m := e.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if field == nil {
		return facts{kind: "unknown"}
	}
	body := m.Get(field).Message().Interface()
	f := facts{kind: string(field.Name())}
	if s, ok := body.(interface{ GetSignal() *vigiev1.Signal }); ok {
		f.signal = s.GetSignal()
	}
	if i, ok := body.(interface{ GetIncident() string }); ok {
		f.incident = i.GetIncident()
	}
	if x, ok := body.(interface{ GetRestored() bool }); ok {
		f.restored = x.GetRestored()
	}
	switch b := body.(type) {
	case *vigiev1.Armed:
		f.mode = enum(b.GetMode())
	case *vigiev1.DataReceived:
		f.signal = &vigiev1.Signal{Format: b.GetFormat(), Code: b.GetCode(), Area: b.GetArea(), Zone: b.GetZone(), Class: vigiev1.EventClass_EVENT_CLASS_NOT_CONFIGURED}
	case *vigiev1.TransmissionSuspect:
		f.signal = &vigiev1.Signal{Class: vigiev1.EventClass_EVENT_CLASS_SUBSTITUTION}
		f.result = enum(b.GetSuspicion())
	case *vigiev1.VerificationMade:
		f.means, f.result = enum(b.GetMeans()), enum(b.GetResult())
	case *vigiev1.IncidentClosed:
		f.outcome = enum(b.GetOutcome())
	case *vigiev1.ContactCalled:
		f.result = enum(b.GetResult())
	case *vigiev1.GuardStep:
		f.result = enum(b.GetStep())
	case *vigiev1.PoliceOrFireCalled:
		f.result = enum(b.GetGround())
	case *vigiev1.InstallerContacted:
		f.result = enum(b.GetResult())
	case *vigiev1.CustomerDecision:
		f.result = enum(b.GetChoice())
	case *vigiev1.CallStep:
		f.result = enum(b.GetStep())
	case *vigiev1.ConnectionStage:
		f.result = enum(b.GetStage())
	}
	return f
}

func (r *eventRows) columns() []warehouse.Column {
	return append(r.subjects.columns(),
		word("kind", r.kind), at("occurred_at", r.occurred), word("origin", r.origin), word("class", r.class),
		word("format", r.format), word("code", r.code), word("area", r.area), word("zone", r.zone),
		text("user_code", r.userCode), word("mode", r.mode), truth("restored", r.restored),
		warehouse.Column{Name: "line", Type: "UInt32", Values: r.line}, text("account", r.account),
		warehouse.Column{Name: "path", Type: "UInt8", Values: r.path}, word("receiver", r.receiver),
		word("transport", r.transport), warehouse.Column{Name: "sequence", Type: "UInt16", Values: r.sequence},
		word("token", r.token), warehouse.Column{Name: "fingerprint", Type: "UUID", Values: r.fingerprint},
		text("correlation", r.correlation), text("incident", r.incident), word("operator", r.operator),
		word("role", r.role), word("means", r.means), word("result", r.result), word("outcome", r.outcome))
}
