package console

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// heard is a console over a log that a receiver wrote, with a real vault.
type heard struct {
	*bench
	vault   *vault.Vault
	console *Console
	said    *said
	now     time.Time
	next    byte
}

// said is what the console logged.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newHeard(t *testing.T) *heard {
	t.Helper()
	keys, err := vault.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	h := &heard{bench: newBench(t), vault: keys, said: &said{}, now: time.Now().Truncate(time.Second)}
	h.console, err = New(Config{}, Deps{
		Log: slog.New(slog.NewTextHandler(h.said, nil)), Metrics: prometheus.NewRegistry(), Kafka: h.kafka,
		Now: func() time.Time { return h.now }, Explain: explainTest, Vault: keys, Frames: panel.Interpreter{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ago is how long before now something came.
func (h *heard) ago(d time.Duration) int64 { return h.now.Add(-d).UnixMilli() }

// append puts a record at its time into the partition of a site.
func (h *heard) append(topic string, partition int32, key string, atMS int64, m proto.Message) {
	h.t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		h.t.Fatal(err)
	}
	r := &kgo.Record{Topic: h.kafka.Topic(topic), Partition: partition, Value: b, Timestamp: time.UnixMilli(atMS)}
	if key != "" {
		r.Key = []byte(key)
	}
	if _, err := h.out.ProduceSync(context.Background(), r).First(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *heard) seal(site uint64, field string, of []byte, plain string) *vigiev1.Sealed {
	h.t.Helper()
	key := vault.SiteKey(site)
	if site == 0 {
		key = vault.ReceiverKey("north")
	}
	s, err := h.vault.Seal(key, []byte(plain), vault.AAD(field, of))
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// frame is what a panel sent.
func frame(t *testing.T, sequence uint32, line uint32, account, data string) string {
	t.Helper()
	b, err := dc09.Append(nil, dc09.Frame{Token: dc09.TokenSIA, Sequence: sequence, Line: line, Account: account, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alarm appends an alarm of a site and returns its event's id.
func (h *heard) alarm(site uint64, line uint32, account, raw string, sequence uint32, at int64, zones ...string) (event []byte) {
	h.t.Helper()
	for i, zone := range zones {
		h.next++
		id, fp := bytes.Repeat([]byte{h.next}, 16), []byte(fmt.Sprintf("%d/%d/%d", sequence, i, len(raw)))
		h.append(topics.Events, topics.PartitionOf(site, partitions), strconv.FormatUint(site, 10), at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
			Id: id, Site: site, ReceivedAtMs: at, Fingerprint: fp, Raw: h.seal(site, vault.FieldRaw, fp, raw),
			Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{
				Receiver: "north", Boot: []byte("boot"), Line: line, Account: strings.ToUpper(account), AccountAsSent: account, Path: 1, Sequence: sequence,
				Token: "SIA-DCS", Transport: vigiev1.Transport_TRANSPORT_UDP, AddressClass: vigiev1.AddressClass_ADDRESS_CLASS_PRIVATE,
			}}},
			Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{
				Format: "SIA", Code: "BA", Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, Zone: zone, Text: h.seal(site, vault.FieldText, fp, "Mrs Smith's door"),
			}}},
		}}})
		event = id
	}
	return event
}

func (h *heard) polls(site uint64, path uint32, at ...int64) {
	h.t.Helper()
	b := &vigiev1.Beat{BaseMs: at[0]}
	last := at[0]
	for _, ms := range at {
		b.Site, b.Path, b.ReceivedDeltaMs = append(b.Site, site+1, site), append(b.Path, 9, path), append(b.ReceivedDeltaMs, ms-last, 0)
		last = ms
	}
	h.append(topics.Events, topics.PartitionOf(site, partitions), "", last, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
}

func (h *heard) rejected(raw, reason string, at int64) {
	h.t.Helper()
	h.append(topics.Rejected, 1, "north", at, &vigiev1.Rejected{AtMs: at, Stage: "receiver", Source: "north", Reason: reason, Detail: "quotes " + raw,
		Raw: h.seal(0, vault.FieldRaw, nil, raw), RawLength: uint64(len(raw)), Remote: "public tcp"})
}

// as lets every request through as a user of a role.
type as string

func (role as) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), auth.User{Name: "somebody", Role: string(role)})))
	})
}

func (h *heard) ask(role as, path string) (Sent, int) {
	h.t.Helper()
	return get[Sent](h.t.(*testing.T), serve(h.t, h.console, role), path)
}

const site = 4711

// TestWhatAnAccountSent: raw and decoded, what became of it, what was rejected, how
// regularly it polled; and nothing of anybody else.
func TestWhatAnAccountSent(t *testing.T) {
	h := newHeard(t)
	h.append(topics.Accounts, 0, ids.AccountKey(2, "12AB"), h.ago(time.Hour), &vigiev1.AccountBinding{Line: 2, Account: "12AB", Site: site})
	h.polls(site, 2, h.ago(90*time.Minute), h.ago(50*time.Minute), h.ago(40*time.Minute))
	two := frame(t, 7, 2, "12ab", "#12ab|Nri1BA01/BA02")
	old := frame(t, 6, 2, "12ab", "#12ab|Nri1BA03")
	h.alarm(site, 2, "12ab", old, 6, h.ago(20*time.Minute), "03")
	again := h.alarm(site, 2, "12ab", old, 6, h.ago(20*time.Minute-time.Second), "03")
	h.append(topics.Outcomes, topics.PartitionOf(site, partitions), strconv.Itoa(site), h.ago(19*time.Minute), &vigiev1.EventOutcome{EventId: again, Site: site, Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_HEARD_AGAIN})
	h.rejected(strings.Replace(two, "BA01", "BA09", 1), "bad-crc", h.ago(10*time.Minute))
	h.rejected(strings.Replace(frame(t, 1, 3, "12ab", "#12ab|NBA1"), "BA1", "BA2", 1), "bad-crc", h.ago(9*time.Minute)) // another line's
	h.alarm(site, 3, "ffff", frame(t, 1, 3, "ffff", "#ffff|NBA1"), 1, h.ago(8*time.Minute), "1")                        // another account of the site
	h.alarm(site+2, 0, "9999", frame(t, 1, 0, "9999", "#9999|NBA1"), 1, h.ago(7*time.Minute), "1")                      // of another site
	h.polls(site, 2, h.ago(30*time.Second))
	h.alarm(site, 2, "12ab", two, 7, h.ago(5*time.Second), "01", "02")
	h.run(h.console)
	<-h.console.accounts.ready

	got, status := h.ask(as(auth.RoleOperator), "/api/v1/accounts/12Ab/transmissions?line=2")
	if status != 200 || got.Site != site || !got.Bound || !got.RawShown || len(got.Transmissions) != 4 {
		t.Fatalf("%d: %+v\n%s", status, got, h.said)
	}
	first, refused, repeat := got.Transmissions[0], got.Transmissions[1], got.Transmissions[2]
	if len(first.Events) != 2 || !strings.Contains(first.Raw, "#12ab|Nri1BA01/BA02") || first.Transport != "udp" || first.AddressClass != "private" || first.Path != 1 || first.Sequence != 7 {
		t.Errorf("the frame of two events: %+v", first)
	}
	if e := first.Events[1]; e.Kind != "alarm-raised" || e.Class != "intrusion" || e.Zone != "02" || e.Text != "Mrs Smith's door" || e.Meaning.FR != "alarme, intrusion (Burglary Alarm)" || e.Outcome != "" {
		t.Errorf("its second event: %+v", e)
	}
	if !strings.Contains(first.Explanation.FR, "événement  SIA BA : alarme, intrusion") || !strings.Contains(first.Explanation.EN, "event     SIA BA") {
		t.Errorf("explained as %+v", first.Explanation)
	}
	if refused.Rejected == nil || refused.Rejected.Reason != "bad-crc" || refused.Transport != "tcp" || !strings.Contains(refused.Explanation.EN, "should be") {
		t.Errorf("the rejected one: %+v", refused)
	}
	if repeat.Events[0].Outcome != "heard-again" || got.Transmissions[3].Events[0].Outcome != "" {
		t.Errorf("the repeat: %+v", repeat)
	}
	if len(got.Polls) != 1 || got.Polls[0].Path != 2 || got.Polls[0].Count != 3 || got.Polls[0].FirstMS != h.ago(50*time.Minute) || got.Polls[0].LastMS != h.ago(30*time.Second) || got.Polls[0].ShortestMS != 600_000 {
		t.Errorf("polls: %+v", got.Polls)
	}

	// A machine gets all but what names people, and both looks leave a trace.
	machine, _ := h.ask(as(auth.RoleMachine), "/api/v1/accounts/12ab/transmissions?line=2")
	for _, x := range machine.Transmissions {
		if x.Raw != "" || x.Explanation != nil || x.RawMissing != "not-shown" || len(x.Events) > 0 && x.Events[0].Text != "" || x.Rejected != nil && x.Rejected.Detail != "" {
			t.Errorf("shown to a machine: %+v", x)
		}
	}
	if len(machine.Transmissions) != 4 || machine.RawShown || machine.Transmissions[0].Events[0].Zone != "01" {
		t.Errorf("%+v", machine)
	}
	for _, want := range []string{"user=somebody role=operator site=4711 raw=true", "user=somebody role=machine site=4711 raw=false"} {
		if !strings.Contains(h.said.String(), want) {
			t.Errorf("no trace %q in %s", want, h.said)
		}
	}
	if strings.Contains(strings.ToLower(h.said.String()), "12ab") || strings.Contains(h.said.String(), "Smith") {
		t.Errorf("what was looked at stands in the log: %s", h.said)
	}
}

// TestHowFarBackIsLooked: the limit, the next page, the bounds of the time, and what
// nobody knows.
func TestHowFarBackIsLooked(t *testing.T) {
	const of = "/api/v1/accounts/1234/transmissions"
	h := newHeard(t)
	own := ids.UndeclaredSite(0, "1234")
	for i := range 10 {
		h.alarm(own, 0, "1234", frame(t, uint32(i+1), 0, "1234", "#1234|NBA1"), uint32(i+1), h.ago(time.Duration(100-10*i)*time.Minute), "1")
	}
	h.append(topics.Accounts, 0, ids.AccountKey(31, "77"), h.ago(time.Hour), &vigiev1.AccountBinding{Line: 31, Account: "77", Site: site})
	if _, status := h.ask(as(auth.RoleOperator), of); status != 503 {
		t.Errorf("before the accounts were read: %d", status)
	}
	h.run(h.console)
	<-h.console.accounts.ready
	sequences := func(s Sent) (out []uint32) {
		for _, x := range s.Transmissions {
			out = append(out, x.Sequence)
		}
		return out
	}
	got, _ := h.ask(as(auth.RoleOperator), of)
	if s := fmt.Sprint(sequences(got)); s != "[10 9 8 7 6 5]" || got.More || got.FromMS != h.ago(time.Hour) || got.Bound {
		t.Errorf("an hour: %s, %+v", s, got)
	}
	got, _ = h.ask(as(auth.RoleOperator), of+"?since=3h&limit=3")
	if s := fmt.Sprint(sequences(got)); s != "[10 9 8]" || !got.More || got.FromMS != h.ago(30*time.Minute) {
		t.Errorf("three of three hours: %s, %+v", s, got)
	}
	got, _ = h.ask(as(auth.RoleOperator), of+"?since=3h&limit=3&until="+strconv.FormatInt(got.FromMS, 10))
	if s := fmt.Sprint(sequences(got)); s != "[7 6 5]" || !got.More {
		t.Errorf("the next three: %s, %+v", s, got)
	}
	got, _ = h.ask(as(auth.RoleOperator), of+"?since="+h.now.Add(-95*time.Minute).UTC().Format(time.RFC3339)+"&until=75m")
	if s := fmt.Sprint(sequences(got)); s != "[3 2]" {
		t.Errorf("between two times: %s", s)
	}
	for path, want := range map[string]int{of + "?since=yesterday": 422, of + "?since=200h": 422, of + "?since=1h&until=2h": 422,
		"/api/v1/accounts/5678/transmissions": 404, "/api/v1/accounts/77/transmissions": 404, "/api/v1/accounts/77/transmissions?line=31": 200, "/api/v1/sites/99/transmissions": 404} {
		if _, status := h.ask(as(auth.RoleOperator), path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	if said := h.console.unknownAccount(0, "77"); !strings.Contains(said, "bound on line 31") {
		t.Error(said)
	}
}
