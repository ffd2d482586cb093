package httpin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver"
	"github.com/open-vigie/vigie/services/receiver/receivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a receiver with the door, behind the server and the gate of the product.
type world struct {
	*receivertest.World
	t     *testing.T
	door  *Door
	token string
	url   string
}

func newWorld(t *testing.T, change func(*receiver.Config)) *world {
	t.Helper()
	w := &world{World: receivertest.New(t, change), t: t}
	w.serve()
	return w
}

func (w *world) serve() {
	w.t.Helper()
	gate, err := auth.Open(auth.Config{Dir: w.t.TempDir()}, auth.Deps{Log: w.Log, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.token, err = gate.IssueToken("north"); err != nil {
		w.t.Fatal(err)
	}
	server, err := httpserver.New(httpserver.Config{Addr: "127.0.0.1:0", Version: "test"}, httpserver.Deps{Log: w.Log, Metrics: w.Metrics, Gate: gate})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.door, err = New(Deps{Log: w.Log, Metrics: w.Metrics, Receiver: w.Receiver}); err != nil {
		w.t.Fatal(err)
	}
	gate.Mount(server.Mux())
	Register(server.API(), w.door)
	listening := httptest.NewServer(server.Handler())
	w.t.Cleanup(listening.Close)
	w.url = listening.URL
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
	Outcomes
	Detail string
	Errors []struct{ Location, Message string }
}

func (w *world) post(kind, body string, headers ...string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+Path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	got := reply{status: res.StatusCode, header: res.Header, body: string(raw)}
	if err := json.Unmarshal(raw, &got); err != nil {
		w.t.Fatalf("%d %q: %v", got.status, raw, err)
	}
	return got
}

func event(id, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/gateways/north","type":"vigie.v1.PanelEvent","time":"2026-11-23T13:45:12.5Z","data":%s}`, id, data)
}

const burglary = `{"account":"1234","sia":"BA","area":"1","zone":"012","text":"Salon"}`

func TestEventToLog(t *testing.T) {
	w := newWorld(t, nil)
	got := w.post(typeEvent, event("1", burglary))
	if got.status != http.StatusCreated || got.Taken != 1 || got.Events[0].Site != receivertest.BoundSite || got.Events[0].ID != "1" || got.Events[0].Receipt == "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	events, _ := w.Events()
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	s := e.GetAlarmRaised().GetSignal()
	if s.GetClass() != vigiev1.EventClass_EVENT_CLASS_INTRUSION || s.GetZone() != "012" || s.GetArea() != "1" || s.GetFormat() != "SIA" {
		t.Errorf("the alarm: %v", e)
	}
	src := e.GetSource().GetPanel()
	if src.GetTransport() != vigiev1.Transport_TRANSPORT_HTTP || src.GetGateway() != "north" || src.GetToken() != "CLOUDEVENT" || src.GetPath() != 1 || src.GetAddressClass() != vigiev1.AddressClass_ADDRESS_CLASS_LOOPBACK {
		t.Errorf("its source: %v", src)
	}
	if at := time.UnixMilli(e.GetOccurredAtMs()).UTC().Format(time.RFC3339Nano); at != "2026-11-23T13:45:12.5Z" {
		t.Errorf("occurred at %s", at)
	}
	if raw := w.Raw(e); raw != event("1", burglary) {
		t.Errorf("its bytes: %s", raw)
	}
	text, err := w.Vault.Unseal(s.GetText(), vault.AAD(vault.FieldText, e.GetFingerprint()))
	if err != nil || string(text) != "Salon" {
		t.Errorf("its text: %q, %v", text, err)
	}
}

// Each way to say something becomes the event that it means.
func TestWhatDataMeans(t *testing.T) {
	w := newWorld(t, nil)
	cases := []struct {
		data string
		is   func(*vigiev1.Event) bool
	}{
		{`{"account":"1234","contact_id":"1130","zone":"3"}`, func(e *vigiev1.Event) bool {
			s := e.GetAlarmRaised().GetSignal()
			return s.GetCode() == "1130" && s.GetZone() == "3" && s.GetClass() == vigiev1.EventClass_EVENT_CLASS_INTRUSION
		}},
		{`{"account":"1234","contact_id":"130","restored":true}`, func(e *vigiev1.Event) bool { return e.GetAlarmRestored().GetSignal().GetCode() == "3130" }},
		{`{"account":"1234","class":"fire"}`, func(e *vigiev1.Event) bool {
			s := e.GetAlarmRaised().GetSignal()
			return s.GetFormat() == "VIGIE" && s.GetCode() == "fire/alarm" && s.GetClass() == vigiev1.EventClass_EVENT_CLASS_FIRE
		}},
		{`{"account":"1234","class":"fire","restored":true}`, func(e *vigiev1.Event) bool { return e.GetAlarmRestored() != nil }},
		{`{"account":"1234","class":"mains"}`, func(e *vigiev1.Event) bool { return e.GetFaultRaised() != nil }},
		{`{"account":"1234","class":"mains","restored":true}`, func(e *vigiev1.Event) bool { return e.GetFaultRestored() != nil }},
		{`{"account":"1234","class":"tamper"}`, func(e *vigiev1.Event) bool { return e.GetTamper() != nil }},
		{`{"account":"1234","kind":"arm","user":"3"}`, func(e *vigiev1.Event) bool { return e.GetArmed().GetSignal().GetUser() == "3" }},
		{`{"account":"1234","kind":"disarm"}`, func(e *vigiev1.Event) bool { return e.GetDisarmed() != nil }},
		{`{"account":"1234","class":"test"}`, func(e *vigiev1.Event) bool { return e.GetTestReceived() != nil }},
		{`{"account":"1234","kind":"bypass","zone":"2"}`, func(e *vigiev1.Event) bool { return e.GetZoneInhibited() != nil }},
		{`{"account":"1234","class":"intrusion","kind":"cancel"}`, func(e *vigiev1.Event) bool { return e.GetAlarmCancelled() != nil }},
		{`{"account":"1234","class":"information"}`, func(e *vigiev1.Event) bool { return e.GetDataReceived().GetToken() == "CLOUDEVENT" }},
		{`{"account":"1234","sia":"ZZ"}`, func(e *vigiev1.Event) bool { return e.GetDataReceived().GetCode() == "ZZ" }},
		{`{"account":"1234","sia":"BA","path":2}`, func(e *vigiev1.Event) bool { return e.GetSource().GetPanel().GetPath() == 2 }},
		{`{"account":"12ab","line":31,"sia":"BA"}`, func(e *vigiev1.Event) bool {
			return e.GetSite() == ids.UndeclaredSite(31, "12AB") && e.GetSource().GetPanel().GetAccountAsSent() == "12ab"
		}},
		{`{"account":"1234","sia":"BA","occurred_at":"2026-11-01T00:00:00+01:00"}`, func(e *vigiev1.Event) bool {
			return time.UnixMilli(e.GetOccurredAtMs()).UTC().Format(time.RFC3339) == "2026-10-31T23:00:00Z"
		}},
	}
	for _, c := range cases {
		got := w.post(typeEvent, event(c.data, c.data))
		if got.status != http.StatusCreated {
			t.Errorf("%s: %d %s", c.data, got.status, got.body)
		}
	}
	events, _ := w.Events()
	for _, c := range cases {
		raw, found := event(c.data, c.data), false
		for _, e := range events {
			if w.Raw(e) == raw {
				found = true
				if !c.is(e) {
					t.Errorf("%s became %v", c.data, e)
				}
			}
		}
		if !found {
			t.Errorf("%s is not in the log", c.data)
		}
	}
}

// The three modes of the binding say the same event: one record where they meet,
// one fingerprint everywhere.
func TestModesAreOneIdentity(t *testing.T) {
	w := newWorld(t, nil)
	structured := w.post(typeEvent, event("1", burglary))
	batch := w.post(typeBatch+"; charset=utf-8", "["+event("1", `{"zone":"012","text":"Salon","sia":"BA", "area":"1","account":"1234"}`)+"]")
	binary := w.post(typeJSON, burglary, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/gateways/n%6Frth", "ce-type", EventType, "ce-time", "2026-11-23T13:45:12.5Z")
	packed := w.post(typeEvent, strings.Replace(event("1", `"x"`), `"data":"x"`, `"data_base64":"`+base64.StdEncoding.EncodeToString([]byte(burglary))+`"`, 1))
	for _, r := range []reply{structured, batch, binary, packed} {
		if r.status != http.StatusCreated || r.body != structured.body {
			t.Errorf("%d %s, want what the structured event got: %s", r.status, r.body, structured.body)
		}
	}
	events, _ := w.Events()
	for _, e := range events {
		if !bytes.Equal(e.GetFingerprint(), events[0].GetFingerprint()) || e.GetOccurredAtMs() != events[0].GetOccurredAtMs() {
			t.Errorf("%v differs from %v", e, events[0])
		}
	}
	other := w.post(typeEvent, event("2", burglary))
	reused := w.post(typeEvent, event("1", `{"account":"1234","sia":"FA"}`))
	for _, r := range []reply{other, reused} {
		if r.status != http.StatusCreated || r.Events[0].Receipt == structured.Events[0].Receipt {
			t.Errorf("another event is taken for the first: %s", r.body)
		}
	}
}

func TestSameEventUnderWayIsOneRecord(t *testing.T) {
	w := newWorld(t, nil)
	release := w.Hold()
	answers := make(chan reply, 2)
	for range 2 {
		go func() { answers <- w.post(typeBatch, "["+event("1", burglary)+","+event("1", burglary)+"]") }()
	}
	w.Await("four deliveries of one event", func() bool { return strings.Count(w.counted("vigie_receiver_joined_total"), "3") == 1 })
	select {
	case r := <-answers:
		t.Fatalf("answered before Kafka was: %s", r.body)
	default:
	}
	release()
	for range 2 {
		if r := <-answers; r.status != http.StatusCreated || r.Taken != 2 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if events, _ := w.Events(); len(events) != 1 {
		t.Errorf("%d records of one event", len(events))
	}
}

// counted is the value of a counter without labels.
func (w *world) counted(name string) string {
	w.t.Helper()
	families, err := w.Metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return fmt.Sprint(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	return ""
}

func TestPollsGoThroughBeats(t *testing.T) {
	w := newWorld(t, nil)
	got := w.post(typeBatch, "["+event("1", `{"account":"1234","poll":true}`)+","+event("2", `{"account":"1234","poll":true,"path":2}`)+"]")
	if got.status != http.StatusCreated || got.Taken != 2 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if events, polls := w.Events(); polls[receivertest.BoundSite] != 2 || len(events) != 0 {
		t.Errorf("%d events, polls %v", len(events), polls)
	}
}

// What cannot become an event is refused with its reason, one by one, and kept; the
// others of its batch are taken.
func TestRefusalsHaveReasonsAndAreKept(t *testing.T) {
	w := newWorld(t, func(c *receiver.Config) {
		known, err := receiver.ParseLines([]string{"A"})
		if err != nil {
			t.Fatal(err)
		}
		c.KnownOnly = known
	})
	cases := []struct{ item, reason, detail string }{
		{`7`, "invalid", "no JSON object"},
		{event("x", `{"sia":"BA"}`), "invalid", "account"},
		{event("x", `{"account":"12 34","sia":"BA"}`), "invalid", "data.account"},
		{event("x", `{"account":"1234","sia":"BA","text":"`+strings.Repeat("Mme Untel ", 101)+`"}`), "invalid", "data.text"},
		{event("x", `{"account":"1234"}`), "invalid", "exactly one of"},
		{event("x", `{"account":"1234","sia":"BA","class":"fire"}`), "invalid", "contradict"},
		{event("x", `{"account":"1234","poll":true,"sia":"BA"}`), "invalid", "contradict"},
		{event("x", `{"account":"1234","kind":"alarm"}`), "invalid", "needs a class"},
		{event("x", `{"account":"1234","kind":"arm","restored":true}`), "invalid", "no meaning"},
		{event("x", `{"account":"1234","class":"ghost"}`), "invalid", "data.class"},
		{strings.Replace(event("x", burglary), `"1.0"`, `"0.3"`, 1), "invalid", "specversion"},
		{strings.Replace(event("x", burglary), "PanelEvent", "Other", 1), "invalid", "type"},
		{strings.Replace(event("", burglary), `"time":"2026`, `"time":"x`, 1), "invalid", "id: "},
		{event("x", `{"account":"1234","sia":"BA","zone":"`+strings.Repeat("9", maxEventBytes)+`"}`), "invalid", "at most"},
		{event("x", `{"account":"9999","line":10,"sia":"BA"}`), "unknown-account", "nobody declared"},
	}
	body := []string{event("good", burglary)}
	for _, c := range cases {
		body = append(body, c.item)
	}
	got := w.post(typeBatch, "["+strings.Join(body, ",")+"]")
	if got.status != http.StatusAccepted || got.Taken != 1 || got.Refused != len(cases) || got.Events[0].Status != taken {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for i, c := range cases {
		if o := got.Events[i+1]; o.Status != refused || o.Reason != c.reason || !strings.Contains(o.Detail, c.detail) {
			t.Errorf("%.120s: %+v, want %s: %s", c.item, o, c.reason, c.detail)
		}
	}
	if strings.Contains(got.body, "Untel") || strings.Contains(w.Logged.String(), "Untel") {
		t.Error("what was refused is shown, or stands in the program's log")
	}
	// Ten of a source are kept a minute, all are counted.
	pieces, raw := w.Rejected(10)
	for i, j := range pieces {
		if j.GetReason() != cases[i].reason || !strings.HasPrefix(cases[i].item, raw[i][:min(len(raw[i]), 64)]) || j.GetRemote() != "loopback http" {
			t.Errorf("set aside: %v %.80s, want %.80s", j, raw[i], cases[i].item)
		}
	}
	if events, _ := w.Events(); len(events) != 1 {
		t.Errorf("%d events of one good one", len(events))
	}
	alone := w.post(typeEvent, event("x", `{"account":"1234"}`))
	if alone.status != http.StatusUnprocessableEntity || !strings.Contains(alone.body, "/problems/events-refused") || alone.Errors[0].Location != "events[0]" {
		t.Errorf("a single one: %d %s", alone.status, alone.body)
	}
}

func TestMembersWithoutMeaningAreToldNotRefused(t *testing.T) {
	w := newWorld(t, nil)
	got := w.post(typeEvent, event("1", `{"account":"1234","sia":"BA","zne":"12","camera":{"id":4}}`))
	if got.status != http.StatusCreated || fmt.Sprint(got.Events[0].Ignored) != "[camera zne]" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestRequestsThatAreNoEvents(t *testing.T) {
	w := newWorld(t, nil)
	many := "[" + strings.Repeat("{},", maxEvents) + "{}]"
	for _, c := range []struct {
		name, kind, body string
		headers          []string
		status           int
	}{
		{"other media type", "text/plain", "x", nil, http.StatusUnsupportedMediaType},
		{"JSON without attributes", typeJSON, burglary, nil, http.StatusUnsupportedMediaType},
		{"a batch that is none", typeBatch, "{}", nil, http.StatusBadRequest},
		{"too many", typeBatch, many, nil, http.StatusRequestEntityTooLarge},
		{"too large", typeBatch, strings.Repeat(" ", maxBytes+1), nil, http.StatusRequestEntityTooLarge},
		{"no token", typeEvent, event("1", burglary), []string{"Authorization", ""}, http.StatusUnauthorized},
		{"wrong token", typeEvent, event("1", burglary), []string{"Authorization", "Bearer x"}, http.StatusUnauthorized},
	} {
		got := w.post(c.kind, c.body, c.headers...)
		if got.status != c.status || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.body, c.status)
		}
	}
	if events, _ := w.Events(); len(events) != 0 {
		t.Errorf("%d events of none", len(events))
	}
}

func TestKafkaAwayIsTryAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.door.within = 300 * time.Millisecond
	away := w.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	for _, data := range []string{burglary, `{"account":"1234","poll":true}`} {
		got := w.post(typeEvent, event("1", data))
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "/problems/events-not-durable") {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	}
	away.Remove()
	w.door.within = receivertest.Patience
	got := w.post(typeEvent, event("1", burglary))
	if got.status != http.StatusCreated {
		t.Errorf("after Kafka came back: %d %s", got.status, got.body)
	}
	events, _ := w.Events()
	for _, e := range events {
		if !bytes.Equal(e.GetFingerprint(), events[0].GetFingerprint()) {
			t.Errorf("the repeat is another event: %v", e)
		}
	}
}

func TestReceiverThatIsNotOpenIsTryAgain(t *testing.T) {
	w := &world{World: receivertest.Unstarted(t, nil), t: t}
	w.serve()
	try := func(when string) {
		t.Helper()
		if got := w.post(typeEvent, event("1", burglary)); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", when, got.status, got.body)
		}
	}
	try("before the accounts are known")
	w.Start()
	if got := w.post(typeEvent, event("1", burglary)); got.status != http.StatusCreated {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.StopReceiver()
	try("after the stop")
}

// A flood of requests is told to come back, before its bodies are read.
func TestRequestsAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	for range maxRequests {
		w.door.room <- struct{}{}
	}
	if got := w.post(typeEvent, event("1", burglary)); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// People have sessions, and no events of panels.
func TestPeopleAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	_, api := httpAPI(t, w.door)
	r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(event("1", burglary)))
	r.Header.Set("Content-Type", typeEvent)
	r = r.WithContext(auth.With(r.Context(), auth.User{Name: "anne", Role: auth.RoleOperator}))
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	if answer.Code != http.StatusForbidden || !strings.Contains(answer.Body.String(), "/problems/forbidden") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func httpAPI(t *testing.T, d *Door) (string, http.Handler) {
	t.Helper()
	mux := http.NewServeMux()
	Register(httpserver.NewAPI(mux, "test"), d)
	return Path, mux
}

// The description of the API says what may be posted.
func TestDescriptionHasTheSchemas(t *testing.T) {
	w := newWorld(t, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var doc struct {
		Paths map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct{ Schema map[string]any }
				}
				Responses map[string]any
			}
		}
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	post := doc.Paths[Path].Post
	for _, kind := range []string{typeEvent, typeBatch, typeJSON} {
		if post.RequestBody.Content[kind].Schema == nil {
			t.Errorf("no schema of %s", kind)
		}
	}
	for _, status := range []string{"201", "202", "400", "403", "413", "415", "422", "503"} {
		if post.Responses[status] == nil {
			t.Errorf("no answer %s", status)
		}
	}
	data := doc.Components.Schemas["PanelEvent"]
	if fmt.Sprint(data.Required) != "[account]" || data.Properties["contact_id"] == nil || data.Properties["poll"] == nil {
		t.Errorf("the data: %+v", data)
	}
}
