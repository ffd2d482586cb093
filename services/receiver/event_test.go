package receiver

import (
	"log/slog"
	"net/netip"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// bootOnly is an appender of which nothing is asked but who starts it.
type bootOnly struct{ *appender.Appender }

func (bootOnly) Boot() []byte { return []byte("0123456789abcdef") }

func drafting(t *testing.T) *Receiver {
	t.Helper()
	keys, err := vault.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	return &Receiver{cfg: Config{ID: "r1"}, vault: keys, appender: bootOnly{}, log: slog.New(slog.DiscardHandler)}
}

// bodyOf is what the schema has for a kind of code.
func bodyOf(e *vigiev1.Event, s *vigiev1.Signal, m dc09.Meaning) {
	switch m.Kind {
	case dc09.KindAlarm:
		e.Body = &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: s}}
		if m.Restore {
			e.Body = &vigiev1.Event_AlarmRestored{AlarmRestored: &vigiev1.AlarmRestored{Signal: s}}
		}
	case dc09.KindFault:
		e.Body = &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: s}}
		if m.Restore {
			e.Body = &vigiev1.Event_FaultRestored{FaultRestored: &vigiev1.FaultRestored{Signal: s}}
		}
	case dc09.KindCancel:
		e.Body = &vigiev1.Event_AlarmCancelled{AlarmCancelled: &vigiev1.AlarmCancelled{Signal: s}}
	case dc09.KindTamper:
		e.Body = &vigiev1.Event_Tamper{Tamper: &vigiev1.Tamper{Signal: s, Restored: m.Restore}}
	case dc09.KindBypass:
		e.Body = &vigiev1.Event_ZoneInhibited{ZoneInhibited: &vigiev1.ZoneInhibited{Signal: s, Restored: m.Restore}}
	case dc09.KindArm:
		e.Body = &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Signal: s, Mode: vigiev1.AreaMode_AREA_MODE_ARMED_FULL}}
	case dc09.KindArmPart:
		e.Body = &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Signal: s, Mode: vigiev1.AreaMode_AREA_MODE_ARMED_PART}}
	case dc09.KindArmForced:
		e.Body = &vigiev1.Event_Armed{Armed: &vigiev1.Armed{Signal: s, Mode: vigiev1.AreaMode_AREA_MODE_ARMED_INHIBITED, Forced: true}}
	case dc09.KindDisarm, dc09.KindDisarmAfterAlarm:
		e.Body = &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: s, AfterAlarm: m.Kind == dc09.KindDisarmAfterAlarm}}
	case dc09.KindTest, dc09.KindTestPeriodic:
		e.Body = &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Signal: s, Periodic: m.Kind == dc09.KindTestPeriodic}}
	}
}

// TestEventsWrittenByHandAreTheSchemas: for every kind of code the event that is
// encoded by hand is, byte for byte, what the schema's own encoder writes.
func TestEventsWrittenByHandAreTheSchemas(t *testing.T) {
	r := drafting(t)
	source := &vigiev1.PanelSource{
		Receiver: "r1", Boot: []byte("0123456789abcdef"), ReceiverNumber: 3, Line: 0xABCDEF, Account: "12AB", AccountAsSent: "12ab", Path: 2,
		Transport: vigiev1.Transport_TRANSPORT_TLS, AddressClass: vigiev1.AddressClass_ADDRESS_CLASS_PUBLIC, Sequence: 9999,
		Token: "SIA-DCS", SentAtMs: 1_700_000_000_000, Encrypted: true, Gateway: "g\xffw",
	}
	want := proto.CloneOf(source)
	want.Gateway = "g\uFFFDw" // what is no text is made readable
	w := whereabouts{site: 1<<53 - 1, version: 300}
	f := &dc09.Frame{Token: "SIA-DCS", Data: []byte("#12AB|NBA01"), Extended: []byte("[X1]")}
	fp := ids.ID{1, 2, 3}
	for kind := dc09.KindInformation; kind <= dc09.KindTestPeriodic; kind++ {
		for _, restore := range []bool{false, true} {
			d := newDraft()
			r.panelSource(d, source)
			rep := &report{format: "SIA", code: "BA", area: "1", zone: "012", user: "7", text: []byte("hall"), known: true,
				meaning: dc09.Meaning{Kind: kind, Restore: restore, Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION}}
			if err := r.add(d, f, rep, []byte("raw"), w, fp, -7); err != nil {
				t.Fatal(err)
			}
			var got vigiev1.Event
			if err := proto.Unmarshal(d.encoded[:d.ends[0]], &got); err != nil {
				t.Fatalf("%v: %v", kind, err)
			}
			e := &vigiev1.Event{Site: w.site, DirectoryVersion: w.version, OccurredAtMs: -7, Fingerprint: fp[:], Raw: got.GetRaw(),
				Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: want}}}
			if kind == dc09.KindInformation {
				data := got.GetDataReceived()
				e.Body = &vigiev1.Event_DataReceived{DataReceived: &vigiev1.DataReceived{Token: f.Token, Data: data.GetData(), ExtendedData: data.GetExtendedData(), Format: "SIA", Code: "BA", Area: "1", Zone: "012"}}
			} else {
				bodyOf(e, &vigiev1.Signal{Format: "SIA", Code: "BA", Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, Area: "1", Zone: "012", User: "7", Text: signalOf(&got).GetText()}, rep.meaning)
			}
			encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if string(encoded) != string(d.encoded) || len(got.GetRaw().GetCiphertext()) == 0 {
				t.Errorf("%v, restore %v: got %v, want %v", kind, restore, &got, e)
			}
			d.free()
		}
	}
}

// TestSuspicionWrittenByHandIsTheSchemas: as above, of suspicions.
func TestSuspicionWrittenByHandIsTheSchemas(t *testing.T) {
	r := drafting(t)
	d := newDraft()
	defer d.free()
	f := &dc09.Frame{Token: "NULL", Account: "12ab", Line: 1}
	r.source(d, f, origin{remote: netip.MustParseAddrPort("192.0.2.1:9"), transport: vigiev1.Transport_TRANSPORT_UDP})
	suspicion(d, whereabouts{site: 7, version: 1}, ids.ID{9}, nil, vigiev1.Suspicion_SUSPICION_OLD_KEY, 1000)
	var got vigiev1.Event
	if err := proto.Unmarshal(d.encoded, &got); err != nil {
		t.Fatal(err)
	}
	fp := ids.ID{9}
	want := &vigiev1.Event{Site: 7, DirectoryVersion: 1, Fingerprint: fp[:], Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{
		Receiver: "r1", Boot: r.appender.Boot(), Line: 1, Account: "12AB", AccountAsSent: "12ab", Path: 1, Token: "NULL",
		Transport: vigiev1.Transport_TRANSPORT_UDP, AddressClass: vigiev1.AddressClass_ADDRESS_CLASS_PUBLIC,
	}}}, Body: &vigiev1.Event_TransmissionSuspect{TransmissionSuspect: &vigiev1.TransmissionSuspect{Suspicion: vigiev1.Suspicion_SUSPICION_OLD_KEY, Repeated: 1000}}}
	if !proto.Equal(&got, want) {
		t.Errorf("got %v, want %v", &got, want)
	}
}
