package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is how long a test waits for what must come.
const within = 20 * time.Second

func get[T any](t *testing.T, s *httptest.Server, path string) (T, int) {
	t.Helper()
	var v T
	res, err := s.Client().Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s answered %d %q: %v", path, res.StatusCode, raw, err)
	}
	return v, res.StatusCode
}

func state(n, version uint64) *vigiev1.SiteState {
	return &vigiev1.SiteState{Site: n, Version: version, Label: fmt.Sprint("site ", n), ChangedAtMs: int64(1000 * version)}
}

func detection(n uint64, byte0 byte, status vigiev1.DetectionStatus) *vigiev1.Detection {
	id := make([]byte, 16)
	id[0] = byte0
	return &vigiev1.Detection{Id: id, Site: n, Kind: vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST, Status: status, AtMs: 5, OpenedAtMs: 5}
}

func incidentOf(n uint64, letter string, priority uint32, openedMS int64) *vigiev1.Incident {
	return &vigiev1.Incident{Id: fmt.Sprintf("%d-%s", n, strings.Repeat(letter, 13)), Site: n, Version: 1, Priority: priority, OpenedAtMs: openedMS, Status: vigiev1.IncidentStatus_INCIDENT_STATUS_OPEN, ClassGroup: "life"}
}

// reader reads a live stream event by event.
type reader struct {
	t      *testing.T
	events chan event
	lastID string
	cancel context.CancelFunc
}

type event struct{ name, data, id string }

func follow(t *testing.T, s *httptest.Server, lastID string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("the stream answered %d %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
	r := &reader{t: t, events: make(chan event, 10_000), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer res.Body.Close()
		defer close(r.events)
		var e event
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "id":
				e.id = value
			case "":
				if e.name != "" {
					r.events <- e
				}
				e = event{}
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// next returns the next event of a name, and notes ids on the way.
func (r *reader) next(names ...string) event {
	r.t.Helper()
	deadline := time.After(within)
	for {
		select {
		case e, ok := <-r.events:
			if !ok {
				r.t.Fatalf("the stream ended before any of %v", names)
			}
			if e.id != "" {
				r.lastID = e.id
			}
			for _, n := range names {
				if e.name == n {
					return e
				}
			}
		case <-deadline:
			r.t.Fatalf("none of %v within %s", names, within)
		}
	}
}

func TestSitesAreThoseOfTheTopics(t *testing.T) {
	b := newBench(t)
	for n := range uint64(25) {
		b.state(state(n+1, 1))
	}
	lost := state(7, 2)
	lost.CommunicationLost = true
	b.state(lost)
	b.put(topics.SiteStates, topics.PartitionOf(9, partitions), "9", nil) // gone
	b.put(topics.Directory, topics.PartitionOf(3, partitions), "3", &vigiev1.DirectoryRecord{Site: 3, Stage: vigiev1.ConnectionStage_STAGE_IN_SERVICE, Declared: &vigiev1.SiteDeclared{Label: "Bijouterie, Metz", SiteClass: "shop", Region: "Grand Est"}})
	b.put(topics.Directory, topics.PartitionOf(99, partitions), "99", &vigiev1.DirectoryRecord{Site: 99, Declared: &vigiev1.SiteDeclared{Label: "never heard"}})
	b.put(topics.SiteStates, 0, "junk", state(1, 1)) // set aside
	binding := state(ids.UndeclaredSite(0, "1234"), 1)
	binding.Undeclared = true
	b.state(binding) // orders the bindings of an account: no site
	s := serve(t, b.start(Config{}), open{})

	first, _ := get[SitePage](t, s, "/api/v1/sites?limit=10")
	if len(first.Sites) != 10 || first.Total != 25 || first.Next != 11 || first.Sites[0].Site != 1 {
		t.Fatalf("first page: %d of %d, next %d", len(first.Sites), first.Total, first.Next)
	}
	seen := map[uint64]bool{}
	for after := uint64(0); ; {
		p, _ := get[SitePage](t, s, fmt.Sprintf("/api/v1/sites?limit=10&after=%d", after))
		for _, x := range p.Sites {
			if seen[x.Site] || x.Site <= after {
				t.Fatalf("site %d twice or out of order", x.Site)
			}
			seen[x.Site] = true
		}
		if after = p.Next; after == 0 {
			break
		}
	}
	if len(seen) != 25 || seen[9] || !seen[99] {
		t.Errorf("pages hold %d sites", len(seen))
	}
	if p, _ := get[SitePage](t, s, "/api/v1/sites?q=metz"); len(p.Sites) != 1 || p.Sites[0].Class != "shop" || p.Sites[0].Stage != "in-service" || p.Sites[0].Version != 1 {
		t.Errorf("search: %+v", p.Sites)
	}
	if p, _ := get[SitePage](t, s, "/api/v1/sites?abnormal=true"); len(p.Sites) != 1 || p.Sites[0].Site != 7 || p.Sites[0].Version != 2 {
		t.Errorf("abnormal: %+v", p.Sites)
	}
	if _, status := get[map[string]any](t, s, "/api/v1/sites/9"); status != 404 {
		t.Errorf("a site that is gone answers %d", status)
	}
}

func TestOpenWorkInItsOrderAndClosedWorkBounded(t *testing.T) {
	b := newBench(t)
	b.incident(incidentOf(1, "A", 2, 10))
	b.incident(incidentOf(1, "B", 1, 30))
	b.incident(incidentOf(2, "C", 1, 20))
	closed := incidentOf(2, "D", 1, 5)
	closed.Status = vigiev1.IncidentStatus_INCIDENT_STATUS_CLOSED
	b.incident(closed)
	b.put(topics.Incidents, topics.PartitionOf(1, partitions), "1-EEEEEEEEEEEEE", incidentOf(1, "E", 1, 1))
	b.put(topics.Incidents, topics.PartitionOf(1, partitions), "1-EEEEEEEEEEEEE", nil)
	b.detection(detection(1, 1, vigiev1.DetectionStatus_DETECTION_STATUS_OPENED))
	b.detection(detection(1, 2, vigiev1.DetectionStatus_DETECTION_STATUS_OPENED))
	b.detection(detection(1, 1, vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED))
	c := b.start(Config{})
	s := serve(t, c, open{})

	p, _ := get[IncidentPage](t, s, "/api/v1/incidents")
	var order string
	for _, i := range p.Incidents {
		order += i.ID[2:3]
	}
	if order != "CBA" || p.Open != 3 {
		t.Errorf("queue %s, %d open", order, p.Open)
	}
	if p, _ := get[IncidentPage](t, s, "/api/v1/incidents?open=all&limit=5000"); len(p.Incidents) != 4 {
		t.Errorf("%d incidents in all", len(p.Incidents))
	}
	if i, status := get[Incident](t, s, "/api/v1/incidents/"+closed.Id); status != 200 || i.Status != "closed" {
		t.Errorf("a closed one: %d %+v", status, i)
	}
	d, _ := get[DetectionPage](t, s, "/api/v1/detections?open=all")
	if len(d.Detections) != 2 || d.Open != 1 || d.Detections[0].Status != "opened" || d.Detections[1].Status != "closed" {
		t.Errorf("detections: %+v", d)
	}
	if d.Detections[0].Explanation.FR != "fr: path-lost on 1" || d.Detections[0].ID != ids.Show(detection(1, 2, 1).Id) {
		t.Errorf("detection: %+v", d.Detections[0])
	}
	// The memory of closed ones is bounded.
	for n := range maxClosed + 50 {
		x := detection(1, 0, vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED)
		x.Id[1], x.Id[2] = byte(n), byte(n>>8)
		c.model.takeDetection(place{source{'d', 0}, int64(1000 + n)}, x)
	}
	if n := len(c.model.detections); n != maxClosed+1 {
		t.Errorf("%d detections are kept", n)
	}
}

func TestTheStreamCarriesChangesAndResumesOverARestart(t *testing.T) {
	b := newBench(t)
	b.state(state(1, 1))
	c := b.newConsole(Config{SampleEvery: 50 * time.Millisecond})
	stop := b.run(c)
	s := serve(t, c, open{})
	r := follow(t, s, "")
	if e := r.next("reset", "site"); e.name != "reset" {
		t.Fatalf("a new client first hears %s", e.name)
	}
	r.next("at")
	b.state(state(1, 2))
	if e := r.next("site"); !strings.Contains(e.data, `"version":2`) {
		t.Fatalf("site: %s", e.data)
	}
	b.detection(detection(1, 1, vigiev1.DetectionStatus_DETECTION_STATUS_OPENED))
	r.next("detection")
	b.incident(incidentOf(1, "A", 1, 1))
	r.next("incident")
	b.put(topics.Outcomes, 0, "1", &vigiev1.EventOutcome{EventId: make([]byte, 16), Site: 1, Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, Reason: "already-claimed", Holder: "anne"})
	if e := r.next("outcome"); !strings.Contains(e.data, `"holder":"anne"`) {
		t.Fatalf("outcome: %s", e.data)
	}
	r.next("at")
	r.cancel()
	s.Close()
	stop()

	b.state(state(1, 3))
	b.state(state(2, 1))
	again := serve(t, b.start(Config{}), open{})
	r2 := follow(t, again, r.lastID)
	var got []string
	for range 2 {
		e := r2.next("site", "reset", "detection", "incident", "outcome")
		got = append(got, e.name)
		if !strings.Contains(e.data, `"version":3`) && !strings.Contains(e.data, `"site":2`) {
			t.Errorf("after the resume came %s %s", e.name, e.data)
		}
	}
	if got[0] != "site" || got[1] != "site" {
		t.Errorf("after the resume came %v, want the two sites and no reset", got)
	}
	if e := follow(t, again, strings.Replace(r.lastID, "o0.1", "o0.0", 1)).next("reset", "outcome"); e.name != "reset" {
		t.Errorf("outcomes of before the start are sent: %s", e.data)
	}
	if e := follow(t, again, "OTHERLOG:s0.1").next("reset", "site"); e.name != "reset" {
		t.Errorf("an id of another log yields %s", e.name)
	}
	if e := follow(t, again, "not an id").next("reset", "site"); e.name != "reset" {
		t.Errorf("junk yields %s", e.name)
	}
}

func TestTheStreamIsNeverSilent(t *testing.T) {
	b := newBench(t)
	s := serve(t, b.start(Config{SampleEvery: time.Hour, KeepAlive: 20 * time.Millisecond}), open{})
	res, err := s.Client().Get(s.URL + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for alive := 0; alive < 3; {
		if !lines.Scan() {
			t.Fatal("the stream ended")
		}
		if lines.Text() == ": alive" {
			alive++
		}
	}
}

// deaf is a client that takes no bytes.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error)          { return 0, os.ErrDeadlineExceeded }
func (deaf) SetWriteDeadline(_ time.Time) error { return nil }

func TestAClientThatDoesNotReadIsDropped(t *testing.T) {
	b := newBench(t)
	c := b.start(Config{})
	w := deaf{httptest.NewRecorder()}
	st := &stream{c: c, w: w, rc: http.NewResponseController(w)}
	if err := st.run(context.Background(), ""); err == nil || !strings.Contains(err.Error(), "did not read") {
		t.Errorf("run: %v", err)
	}
}

func TestPipelineFigures(t *testing.T) {
	f := newFlow()
	at := int64(1_000_000)
	f.figures(at)
	for n := range int64(10) {
		f.passed(0, n, at+n*100, 1, 5)
	}
	f.progressed(&vigiev1.Progress{Partition: 0, Offset: 4, WatermarkMs: at + 300, Owner: "me"})
	p := f.figures(at + 1000)
	if p.EventsPerSecond != 60 || p.HeartbeatsPerSecond != 50 || p.RecordsPerSecond != 10 {
		t.Errorf("rates: %+v", p)
	}
	if p.LagRecords != 6 || p.LagMS != 600 || p.WatermarkAgeMS != 700 || !p.Live {
		t.Errorf("lag: %+v", p)
	}
	f.progressed(&vigiev1.Progress{Partition: 0, Offset: 10, WatermarkMs: at + 900})
	if p = f.figures(at + 1000); p.LagRecords != 0 || p.LagMS != 0 {
		t.Errorf("caught up: %+v", p)
	}
	if p = f.figures(at + 900 + liveWithin.Milliseconds() + 1); p.Live {
		t.Error("live with an old watermark")
	}
	f.ended(1, 3)
	if p = f.figures(at + 1000); p.Live || p.LagRecords != 3 {
		t.Errorf("a partition without an owner: %+v", p)
	}
}

func TestFiguresOfARunningLog(t *testing.T) {
	b := newBench(t)
	policy := func(version uint64) *vigiev1.LogRecord {
		return &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: &vigiev1.Policy{Version: version, Classes: []*vigiev1.ClassPolicy{{SiteClass: "demo", Closure: &vigiev1.ClosurePolicy{ArmedForMs: 30_000}}}}}}
	}
	beat := func(p int32) *vigiev1.LogRecord {
		return &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{Writer: "x", TMs: time.Now().UnixMilli(), Site: []uint64{1, 2, 3}}}}
	}
	for p := range int32(partitions) {
		b.put(topics.Events, p, "", policy(2))
		b.put(topics.Events, p, "", beat(p))
	}
	c := b.start(Config{SampleEvery: 20 * time.Millisecond})
	s := serve(t, c, open{})
	r := follow(t, s, "")
	until := func(what string, ok func(*Pipeline) bool) {
		t.Helper()
		for deadline := time.Now().Add(within); time.Now().Before(deadline); {
			var p Pipeline
			if err := json.Unmarshal([]byte(r.next("pipeline").data), &p); err != nil {
				t.Fatal(err)
			}
			if ok(&p) {
				return
			}
		}
		t.Fatalf("never: %s", what)
	}
	until("the policy of the past is found", func(p *Pipeline) bool { return p.PolicyVersion == 2 })
	until("nothing folded is lag", func(p *Pipeline) bool { return p.LagRecords == 4 && !p.Live })
	for p := range int32(partitions) {
		end := b.put(topics.Events, p, "", beat(p)).Offset + 1
		b.put(topics.Progress, p, fmt.Sprint(p), &vigiev1.Progress{Partition: uint32(p), Offset: end, WatermarkMs: time.Now().UnixMilli()})
	}
	until("live", func(p *Pipeline) bool { return p.Live && p.LagRecords == 0 && len(p.Partitions) == partitions })
	b.put(topics.Events, 0, "", policy(3))
	until("a new policy passes by", func(p *Pipeline) bool { return p.PolicyVersion == 3 })
	if v, _ := get[Policy](t, s, "/api/v1/policy"); v.Version != 3 || v.Classes[0].ClosureArmedForMS != 30_000 {
		t.Errorf("policy: %+v", v)
	}
}

func TestEveryRouteAsksWhoYouAre(t *testing.T) {
	b := newBench(t)
	gate, err := auth.Open(auth.Config{Dir: t.TempDir()}, auth.Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	token, err := gate.IssueToken("test")
	if err != nil {
		t.Fatal(err)
	}
	b.state(state(1, 1))
	s := serve(t, b.start(Config{}), gate)
	ask := func(path, bearer string) int {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		res, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	paths := []string{"/", "/api/v1/openapi.json", "/api/v1/nothing"}
	for _, p := range routes(t, b) {
		paths = append(paths, strings.NewReplacer("{site}", "1", "{incident}", "1-AAAAAAAAAAAAA").Replace(p))
	}
	if len(paths) < 10 {
		t.Fatalf("only %v are in the OpenAPI document", paths)
	}
	for _, p := range paths {
		if got := ask(p, ""); got != 401 {
			t.Errorf("%s without anyone: %d", p, got)
		}
		if got := ask(p, "wrong"); got != 401 {
			t.Errorf("%s with a wrong token: %d", p, got)
		}
		if got := ask(p, token); got == 401 || got >= 500 {
			t.Errorf("%s with a token: %d", p, got)
		}
	}
}

// routes lists what the OpenAPI document names.
func routes(t *testing.T, b *bench) []string {
	t.Helper()
	doc, _ := get[struct{ Paths map[string]any }](t, serve(t, b.newConsole(Config{}), open{}), "/api/v1/openapi.json")
	var list []string
	for p := range doc.Paths {
		list = append(list, p)
	}
	return list
}

func TestThePageIsServedOrSaysHowToBuildIt(t *testing.T) {
	b := newBench(t)
	s := serve(t, b.newConsole(Config{}), open{})
	res, err := s.Client().Get(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 || !strings.Contains(string(raw), "Vigie") || strings.Contains(string(raw), "<style") || strings.Contains(string(raw), "<script>") {
		t.Errorf("page %d: %s", res.StatusCode, raw)
	}
	if p, status := get[map[string]any](t, s, "/assets/../../etc/passwd"); status != 404 {
		t.Errorf("%d %v", status, p)
	}
}

func TestMissingTopicsAreNamedWithTheRemedy(t *testing.T) {
	b := newBench(t)
	b.kafka.TopicPrefix = "other."
	c := b.newConsole(Config{})
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := c.Run(ctx); err == nil || !strings.Contains(err.Error(), "vigie provision") {
		t.Errorf("Run: %v", err)
	}
}
