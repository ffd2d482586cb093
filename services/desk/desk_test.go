package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	site     = uint64(4711)
	incident = "4711-0K3VJ2R9YQX4T"
)

// log stands for the appender: it keeps what it takes and confirms at once,
// unless told to be busy, to fail, or to hold confirmations back.
type log struct {
	mu     sync.Mutex
	events []*vigiev1.Event
	busy   int   // appends to refuse
	fail   error // what done says
	hold   bool
	held   []func(error)
	// onEvent plays the fold, outside the lock.
	onEvent func(*vigiev1.Event)
}

func (l *log) Append(site uint64, build func(ids.ID, int64) *vigiev1.LogRecord, done func(error)) error {
	l.mu.Lock()
	if l.busy > 0 {
		l.busy--
		l.mu.Unlock()
		return errors.New("no room")
	}
	e := build(ids.ID{0xff}, 1_700_000_000_000).GetEvent()
	if e.Site != site {
		panic("the event is of another site than it was appended under")
	}
	l.events = append(l.events, e)
	fail, hold, onEvent := l.fail, l.hold, l.onEvent
	if hold {
		l.held = append(l.held, done)
	}
	l.mu.Unlock()
	if hold {
		return nil
	}
	done(fail)
	if fail == nil && onEvent != nil {
		onEvent(e)
	}
	return nil
}

func (l *log) taken() []*vigiev1.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

// seal stands for the vault: what it seals is recognisable.
type seal struct{}

func (seal) Seal(key string, plain, aad []byte) (*vigiev1.Sealed, error) {
	return &vigiev1.Sealed{KeyId: key, Nonce: aad, Ciphertext: slices.Concat([]byte("sealed:"), plain)}, nil
}

type office struct {
	t      *testing.T
	log    *log
	kafka  eventlog.Config
	out    *kgo.Client
	server *httptest.Server
	user   string
	role   string
	stop   func()
}

type asUser struct{}

func (asUser) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, role := r.Header.Get("X-Test-User"), r.Header.Get("X-Test-Role")
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), auth.User{Name: u, Role: role})))
	})
}

func newOffice(t *testing.T) *office {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "vigie.outcomes", "vigie.directory"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	o := &office{t: t, log: &log{}, kafka: eventlog.Config{Brokers: cluster.ListenAddrs()}, user: "anne", role: auth.RoleOperator}
	o.out, err = kgo.NewClient(kgo.SeedBrokers(o.kafka.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.out.Close)
	o.start()
	return o
}

// start opens a desk on the same log; a second call is a restart.
func (o *office) start() {
	o.t.Helper()
	if o.stop != nil {
		o.stop()
	}
	quiet := slog.New(slog.DiscardHandler)
	d, err := New(Config{}, Deps{Log: quiet, Metrics: prometheus.NewRegistry(), Kafka: o.kafka, Appender: o.log, Vault: seal{}, Now: time.Now})
	if err != nil {
		o.t.Fatal(err)
	}
	s, err := httpserver.New(httpserver.Config{Addr: "127.0.0.1:0", Version: "test"}, httpserver.Deps{Log: quiet, Metrics: prometheus.NewRegistry(), Gate: asUser{}})
	if err != nil {
		o.t.Fatal(err)
	}
	Register(s.API(), d)
	o.server = httptest.NewServer(s.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-d.Ready()
	server := o.server
	o.stop = sync.OnceFunc(func() {
		server.Close()
		cancel()
		if err := <-ended; err != nil {
			o.t.Errorf("Run: %v", err)
		}
	})
	o.t.Cleanup(o.stop)
}

// decides makes the log's fold answer each event so.
func (o *office) decides(outcome *vigiev1.EventOutcome) {
	o.log.mu.Lock()
	defer o.log.mu.Unlock()
	o.log.onEvent = func(e *vigiev1.Event) { o.decide(e.Id, outcome) }
}

func (o *office) decide(event []byte, outcome *vigiev1.EventOutcome) {
	x := proto.Clone(outcome).(*vigiev1.EventOutcome)
	x.EventId, x.Site = event, site
	raw, err := proto.Marshal(x)
	if err == nil {
		r := &kgo.Record{Topic: "vigie.outcomes", Partition: 1, Key: topics.SiteKey(site), Value: raw}
		err = o.out.ProduceSync(context.Background(), r).FirstErr()
	}
	if err != nil {
		o.t.Errorf("write an outcome: %v", err)
	}
}

type reply struct {
	status int
	header http.Header
	out    ActionOutcome
	sites  SitesDeclared
	many   SitesActed
	prob   problem.Problem
}

func (o *office) send(method, path string, body any, headers ...string) reply {
	o.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		o.t.Fatal(err)
	}
	if s, ok := body.(string); ok {
		raw = []byte(s)
	}
	r, err := http.NewRequest(method, o.server.URL+path, bytes.NewReader(raw))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Test-User", o.user)
	r.Header.Set("X-Test-Role", o.role)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := o.server.Client().Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	got := reply{status: res.StatusCode, header: res.Header}
	var buf bytes.Buffer
	_, _ = buf.ReadFrom(res.Body)
	target := any(&got.out)
	switch {
	case res.Header.Get("Content-Type") == "application/problem+json":
		target = &got.prob
	case strings.HasPrefix(path, "/api/v1/site-acts"):
		target = &got.many
	case strings.HasPrefix(path, "/api/v1/sites") && !strings.HasSuffix(path, "/acts") && !strings.HasSuffix(path, "/figures"):
		target = &got.sites
	}
	if err := json.Unmarshal(buf.Bytes(), target); err != nil {
		o.t.Fatalf("answer %d %q: %v", res.StatusCode, buf.String(), err)
	}
	return got
}

func (o *office) act(key string, a OperatorAction, headers ...string) reply {
	o.t.Helper()
	return o.send(http.MethodPost, "/api/v1/operator-actions", a, append([]string{"Idempotency-Key", key}, headers...)...)
}

var accepted = &vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED, AtMs: 42}

type incidentCase struct {
	act  OperatorAction
	want func(*vigiev1.Event) bool
}

func TestEachActBecomesItsEvent(t *testing.T) {
	o := newOffice(t)
	o.decides(accepted)
	cases := []incidentCase{
		{OperatorAction{Act: "claim"}, func(e *vigiev1.Event) bool { return e.GetIncidentClaimed().GetIncident() == incident }},
		{OperatorAction{Act: "release"}, func(e *vigiev1.Event) bool { return e.GetIncidentReleased().GetIncident() == incident }},
		{OperatorAction{Act: "verify", Means: "video", Result: "negative", Note: "rien"}, func(e *vigiev1.Event) bool {
			v := e.GetVerificationMade()
			return v.GetMeans() == vigiev1.VerificationMeans_VERIFICATION_MEANS_VIDEO && v.GetResult() == vigiev1.VerificationResult_VERIFICATION_RESULT_NEGATIVE && string(v.GetNote().GetCiphertext()) == "sealed:rien"
		}},
		{OperatorAction{Act: "close", Outcome: "user-error", Reason: "badge"}, func(e *vigiev1.Event) bool {
			c := e.GetIncidentClosed()
			return c.GetOutcome() == vigiev1.IncidentOutcome_INCIDENT_OUTCOME_USER_ERROR && c.GetReasonGiven() && c.GetReason().GetKeyId() == "site/4711"
		}},
		{OperatorAction{Act: "close", Outcome: "fire"}, func(e *vigiev1.Event) bool {
			return !e.GetIncidentClosed().GetReasonGiven() && e.GetIncidentClosed().GetReason() == nil
		}},
		{OperatorAction{Act: "note", Note: "vu"}, func(e *vigiev1.Event) bool {
			return string(e.GetNoteWritten().GetText().GetCiphertext()) == "sealed:vu"
		}},
	}
	for _, c := range handlingCases() {
		cases = append(cases, c)
	}
	for n, c := range cases {
		c.act.Incident = incident
		key := fmt.Sprint("key-", n)
		got := o.act(key, c.act)
		if got.status != 201 || got.out.Status != "accepted" || got.out.AtMS != 42 {
			t.Fatalf("%s: %+v", c.act.Act, got)
		}
		events := o.log.taken()
		e := events[len(events)-1]
		u := e.GetSource().GetUser()
		if !c.want(e) || e.Site != site || e.Correlation != incident || u.GetUser() != "anne" || u.GetIdempotencyKey() != key || e.ReceivedAtMs == 0 {
			t.Errorf("%s became %v", c.act.Act, e)
		}
		if want := ids.Act("anne", key, c.act.Act); ids.ID(e.Id) != want {
			t.Errorf("%s: id %x, want that of user, key and act", c.act.Act, e.Id)
		}
		if again := o.send(http.MethodGet, got.header.Get("Location"), nil); again.out != got.out {
			t.Errorf("%s: Location gives %+v, want %+v", c.act.Act, again.out, got.out)
		}
	}
}

func TestWhatIsNotAnActIsRefusedWithTheField(t *testing.T) {
	o := newOffice(t)
	cases := []struct {
		name, where string
		body        any
		status      int
		kind        string
	}{
		{"no such act", "body.act", OperatorAction{Act: "destroy", Incident: incident}, 422, "invalid"},
		{"no incident", "body.incident", OperatorAction{Act: "claim"}, 422, "invalid"},
		{"not an incident id", "body.incident", OperatorAction{Act: "claim", Incident: "x-1"}, 422, "invalid"},
		{"verify without means", "body.means", OperatorAction{Act: "verify", Incident: incident, Result: "positive"}, 422, "invalid"},
		{"verify without result", "body.result", OperatorAction{Act: "verify", Incident: incident, Means: "video"}, 422, "invalid"},
		{"close without outcome", "body.outcome", OperatorAction{Act: "close", Incident: incident}, 422, "invalid"},
		{"an outcome that does not exist", "body.outcome", OperatorAction{Act: "close", Incident: incident, Outcome: "aliens"}, 422, "invalid"},
		{"a claim with an outcome", "body.outcome", OperatorAction{Act: "claim", Incident: incident, Outcome: "fire"}, 422, "invalid"},
		{"a note without text", "body.note", OperatorAction{Act: "note", Incident: incident}, 422, "invalid"},
		{"a note too long", "body.note", OperatorAction{Act: "note", Incident: incident, Note: strings.Repeat("a", 2001)}, 422, "invalid"},
		{"a hand-over to nobody", "body.to_user", OperatorAction{Act: "hand-over", Incident: incident}, 422, "invalid"},
		{"a park without wake-up", "body.wake_up_at_ms", OperatorAction{Act: "park", Incident: incident}, 422, "invalid"},
		{"a call to a person's name", "body.contact", OperatorAction{Act: "contact", Incident: incident, Contact: "Mme Martin", CallResult: "reached"}, 422, "invalid"},
		{"a passcode of nobody", "body.passcode", OperatorAction{Act: "contact", Incident: incident, Contact: "c1", CallResult: "no-answer", Passcode: "ok"}, 422, "invalid"},
		{"a guard of no firm", "body.firm", OperatorAction{Act: "guard", Incident: incident, GuardStep: "requested"}, 422, "invalid"},
		{"a decision of no choice", "body.choice", OperatorAction{Act: "customer-decision", Incident: incident, Contact: "c1", AuthenticatedHow: "passcode"}, 422, "invalid"},
		{"a decision of nobody authenticated", "body.authenticated_how", OperatorAction{Act: "customer-decision", Incident: incident, Contact: "c1", Choice: "wait"}, 422, "invalid"},
		{"a ground that does not exist", "body.ground", OperatorAction{Act: "police", Incident: incident, Ground: "hunch"}, 422, "invalid"},
		{"no JSON", "", "{", 400, "bad-request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := o.send(http.MethodPost, "/api/v1/operator-actions", c.body, "Idempotency-Key", "k")
			if got.status != c.status || got.prob.Type != "/problems/"+c.kind {
				t.Fatalf("answer %d %+v", got.status, got.prob)
			}
			if c.where != "" && (len(got.prob.Errors) == 0 || got.prob.Errors[0].Location != c.where) {
				t.Errorf("errors %+v, want one at %s", got.prob.Errors, c.where)
			}
		})
	}
	if n := len(o.log.taken()); n != 0 {
		t.Errorf("%d events of refused acts are in the log", n)
	}
}

func TestAKeyIsRequired(t *testing.T) {
	o := newOffice(t)
	for _, key := range []string{"", "with space", strings.Repeat("k", 129)} {
		got := o.act(key, OperatorAction{Act: "claim", Incident: incident}, "Accept-Language", "fr")
		if got.status != 400 || got.prob.Type != "/problems/idempotency-key-missing" || got.prob.Title != "En-tête Idempotency-Key absent" {
			t.Errorf("key %q: %d %+v", key, got.status, got.prob)
		}
	}
}

func TestTheSameKeyAndBodyIsTheSameAct(t *testing.T) {
	o := newOffice(t)
	o.decides(accepted)
	a := OperatorAction{Act: "claim", Incident: incident}
	first, second := o.act("k", a), o.act("k", a)
	if first.status != 201 || second.status != 201 || first.out != second.out {
		t.Errorf("answers %+v and %+v", first.out, second.out)
	}
	if n := len(o.log.taken()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	other := o.act("k", OperatorAction{Act: "release", Incident: incident})
	if other.status != 422 || other.prob.Type != "/problems/idempotency-key-reused" {
		t.Errorf("another body under the key: %d %+v", other.status, other.prob)
	}
	o.user = "bruno"
	if got := o.act("k", OperatorAction{Act: "release", Incident: incident}); got.status != 201 {
		t.Errorf("another person's same key: %d %+v", got.status, got.prob)
	}
}

func TestManyAtOnceAreOneAct(t *testing.T) {
	o := newOffice(t)
	o.decides(accepted)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got := o.act("k", OperatorAction{Act: "claim", Incident: incident}); got.status != 201 {
				t.Errorf("answer %d %+v", got.status, got.prob)
			}
		})
	}
	wg.Wait()
	if n := len(o.log.taken()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func TestTheLoserOfTwoClaimsIsTold(t *testing.T) {
	o := newOffice(t)
	o.decides(&vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, Reason: "already-claimed", Holder: "bruno"})
	got := o.act("k", OperatorAction{Act: "claim", Incident: incident}, "Accept-Language", "fr")
	if got.status != 409 || got.prob.Type != "/problems/already-claimed" || got.prob.Holder != "bruno" || got.prob.Title != "Cet incident est déjà pris en compte" {
		t.Errorf("answer %d %+v", got.status, got.prob)
	}
}

func TestRefusalsByReason(t *testing.T) {
	for reason, want := range map[string]int{"no-such-incident": 404, "verification-or-reason-required": 422, "already-closed": 409} {
		t.Run(reason, func(t *testing.T) {
			o := newOffice(t)
			o.decides(&vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, Reason: reason})
			got := o.act("k", OperatorAction{Act: "close", Incident: incident, Outcome: "fire"})
			if got.status != want || got.prob.Detail != reason {
				t.Errorf("answer %d %+v, want %d", got.status, got.prob, want)
			}
		})
	}
}

func TestALongWaitIsTheLongestNotNone(t *testing.T) {
	for _, wait := range []string{"30", "31", "10000000000", "9223372036854775807"} {
		if got, err := waitOf("wait="+wait, 0); got != maxWait || err != nil {
			t.Errorf("wait=%s: %s, %v", wait, got, err)
		}
	}
}

func TestWithoutAnOutcomeInTimeTheAnswerIsPendingThenThere(t *testing.T) {
	o := newOffice(t)
	got := o.act("k", OperatorAction{Act: "claim", Incident: incident}, "Prefer", "wait=0")
	if got.status != 202 || got.out.Status != "pending" || got.header.Get("Location") == "" {
		t.Fatalf("answer %d %+v", got.status, got.out)
	}
	id, _ := ids.Parse(got.out.ID)
	o.decide(id[:], accepted)
	// The same request joins the act and waits for its outcome.
	if again := o.act("k", OperatorAction{Act: "claim", Incident: incident}, "Prefer", "wait=20"); again.status != 201 {
		t.Errorf("answer %d %+v", again.status, again.prob)
	}
	if late := o.send(http.MethodGet, got.header.Get("Location"), nil); late.out.Status != "accepted" {
		t.Errorf("Location gives %+v", late.out)
	}
}

func TestAnOutcomeOfBeforeARestartIsStillThere(t *testing.T) {
	o := newOffice(t)
	o.decides(accepted)
	first := o.act("k", OperatorAction{Act: "claim", Incident: incident})
	o.start()
	for deadline := time.Now().Add(20 * time.Second); ; {
		got := o.send(http.MethodGet, first.header.Get("Location"), nil)
		if got.out.Status == "accepted" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Location gives %d %+v", got.status, got.prob)
		}
	}
	again := o.act("k", OperatorAction{Act: "claim", Incident: incident})
	if again.status != 201 || again.out.ID != first.out.ID {
		t.Errorf("after a restart: %d %+v %+v", again.status, again.out, again.prob)
	}
	if n := len(o.log.taken()); n != 1 {
		t.Errorf("%d events, want 1: the outcome was known", n)
	}
}

func TestABusyLogSaysWhenToComeBack(t *testing.T) {
	o := newOffice(t)
	o.log.busy = 1
	o.decides(accepted)
	got := o.act("k", OperatorAction{Act: "claim", Incident: incident})
	if got.status != 503 || got.prob.Type != "/problems/busy" || got.header.Get("Retry-After") != "1" {
		t.Fatalf("answer %d %+v", got.status, got.prob)
	}
	if again := o.act("k", OperatorAction{Act: "claim", Incident: incident}); again.status != 201 {
		t.Errorf("the repeat: %d %+v", again.status, again.prob)
	}
}

func TestAnActThatTheLogDidNotTakeMayBeRepeated(t *testing.T) {
	o := newOffice(t)
	o.log.fail = errors.New("broker away")
	got := o.act("k", OperatorAction{Act: "claim", Incident: incident})
	if got.status != 503 || got.prob.Type != "/problems/not-durable" {
		t.Fatalf("answer %d %+v", got.status, got.prob)
	}
	o.log.mu.Lock()
	o.log.fail = nil
	o.log.mu.Unlock()
	o.decides(accepted)
	if again := o.act("k", OperatorAction{Act: "claim", Incident: incident}); again.status != 201 {
		t.Errorf("the repeat: %d %+v", again.status, again.prob)
	}
	events := o.log.taken()
	if len(events) != 2 || !bytes.Equal(events[0].Id, events[1].Id) {
		t.Error("the repeat is not the same act")
	}
}

func TestUnknownActs(t *testing.T) {
	o := newOffice(t)
	if got := o.send(http.MethodGet, "/api/v1/operator-actions/"+ids.ID{}.String(), nil); got.status != 404 || got.prob.Type != "/problems/no-such-act" {
		t.Errorf("answer %d %+v", got.status, got.prob)
	}
	if got := o.send(http.MethodGet, "/api/v1/operator-actions/zz", nil); got.status != 422 {
		t.Errorf("answer %d %+v", got.status, got.prob)
	}
}

func TestTheEnumsOfTheAPIAreThoseOfTheContract(t *testing.T) {
	schema := newOffice(t).openapi()
	stages := httpserver.EnumNames(vigiev1.ConnectionStage_Stage(0).Descriptor())
	for of, want := range map[string][]string{
		"OperatorAction.means":            httpserver.EnumNames(vigiev1.VerificationMeans(0).Descriptor()),
		"OperatorAction.result":           httpserver.EnumNames(vigiev1.VerificationResult(0).Descriptor()),
		"OperatorAction.outcome":          httpserver.EnumNames(vigiev1.IncidentOutcome(0).Descriptor()),
		"OperatorAction.call_result":      httpserver.EnumNames(vigiev1.ContactCalled_Result(0).Descriptor()),
		"OperatorAction.passcode":         httpserver.EnumNames(vigiev1.ContactCalled_Passcode(0).Descriptor()),
		"OperatorAction.guard_step":       httpserver.EnumNames(vigiev1.GuardStep_Step(0).Descriptor()),
		"OperatorAction.ground":           httpserver.EnumNames(vigiev1.PoliceOrFireCalled_Ground(0).Descriptor()),
		"OperatorAction.installer_result": httpserver.EnumNames(vigiev1.InstallerContacted_Result(0).Descriptor()),
		"OperatorAction.choice":           httpserver.EnumNames(vigiev1.CustomerDecision_Choice(0).Descriptor()),
		"OperatorAction.act":              sorted(slices.Collect(maps.Keys(incidentForms))),
		"SiteAction.act":                  sorted(slices.Collect(maps.Keys(siteForms))),
		"SiteAction.stage":                stages,
		"SiteDeclaration.stage":           stages,
		"ConsigneStep.kind":               httpserver.EnumNames(vigiev1.ConsigneStep_Kind(0).Descriptor()),
		"CallAction.step":                 httpserver.EnumNames(vigiev1.CallStep_Step(0).Descriptor()),
	} {
		schemaName, field, _ := strings.Cut(of, ".")
		got := schema[schemaName].Properties[field].Enum
		if strings.HasSuffix(of, ".act") {
			got = sorted(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", of, got, want)
		}
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

type schemas map[string]struct {
	Properties map[string]struct{ Enum []string }
}

func (o *office) openapi() schemas {
	res, err := o.server.Client().Get(o.server.URL + "/api/v1/openapi.json")
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct{ Components struct{ Schemas schemas } }
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		o.t.Fatal(err)
	}
	return doc.Components.Schemas
}
