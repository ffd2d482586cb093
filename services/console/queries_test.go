package console

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/dashboards"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// withWarehouse is a console on a ClickHouse at that address; "" for none.
func withWarehouse(t *testing.T, url string, patience time.Duration) *httptest.Server {
	t.Helper()
	b := newBench(t)
	var db *warehouse.DB
	if url != "" {
		var err error
		if db, err = warehouse.Open(t.Context(), warehouse.Config{URL: url, User: "reader", Password: "x"}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
	}
	c, err := New(Config{QueryPatience: patience}, Deps{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Kafka: b.kafka, Warehouse: db, Now: time.Now, Explain: explainTest,
	})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, c, open{})
}

type refusal struct {
	Status              int
	Type, Title, Detail string
}

// askFor posts a query and gives its refusal.
func askFor(t *testing.T, server *httptest.Server, name, lang, body string) refusal {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/queries/"+name, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Language", lang)
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	p := refusal{}
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

const soundParams = `{"params":{"to":"1000"}}`

// nobodyAt is an address at which nothing listens.
func nobodyAt(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestAQueryThatCannotBeAnsweredSaysWhy(t *testing.T) {
	away := withWarehouse(t, nobodyAt(t), 0)
	none := withWarehouse(t, "", 0)
	for _, c := range []struct {
		what         string
		server       *httptest.Server
		query, body  string
		status       int
		kind, detail string
	}{
		{"an unknown query", away, "no_such", soundParams, 404, "no-such-query", "no_such"},
		{"a query outside the directory", away, "..%2Fqueue_now", soundParams, 404, "no-such-query", ""},
		{"a missing parameter", away, "queue_now", `{"params":{}}`, 422, "invalid", "to is missing"},
		{"a parameter too many", away, "queue_now", `{"params":{"to":"1","form":"2"}}`, 422, "invalid", `"form"`},
		{"a parameter that is no number", away, "queue_now", `{"params":{"to":"1; DROP TABLE events"}}`, 422, "invalid", "to is"},
		{"a ClickHouse that is away", away, "queue_now", soundParams, 503, "warehouse-away", ""},
		{"no ClickHouse", none, "queue_now", soundParams, 503, "no-warehouse", ""},
		{"a wrong question without ClickHouse", none, "queue_now", `{"params":{}}`, 422, "invalid", "to is missing"},
	} {
		got := askFor(t, c.server, c.query, "en", c.body)
		if got.Status != c.status || got.Type != "/problems/"+c.kind || !strings.Contains(got.Detail, c.detail) || got.Title == "" {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
	if got := askFor(t, none, "queue_now", "fr", soundParams); got.Title != "Aucun ClickHouse n'est configuré" {
		t.Errorf("in French: %+v", got)
	}
}

// silentHouse is a ClickHouse that takes requests and answers none until it is
// let go; entered hears of each request.
func silentHouse(t *testing.T) (url string, entered chan struct{}, letGo func()) {
	t.Helper()
	entered = make(chan struct{}, maxQueries+maxQueriesWaiting)
	gone := make(chan struct{})
	house := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		select {
		case <-gone:
		case <-r.Context().Done():
		}
		http.Error(w, "no", http.StatusInternalServerError)
	}))
	letGo = sync.OnceFunc(func() { close(gone) })
	t.Cleanup(func() {
		letGo()
		house.Close()
	})
	return house.URL, entered, letGo
}

func TestASilentClickHouseIsGivenUp(t *testing.T) {
	url, _, _ := silentHouse(t)
	server := withWarehouse(t, url, 300*time.Millisecond)
	if got := askFor(t, server, "queue_now", "en", soundParams); got.Type != "/problems/query-too-long" || !strings.Contains(got.Detail, "300ms") {
		t.Errorf("answer: %+v", got)
	}
	r, err := server.Client().Get(server.URL + "/api/v1/sites")
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("sites: %v %v", r, err)
	}
	_ = r.Body.Close()
}

func TestOnlySoManyQueriesAreUnderWay(t *testing.T) {
	url, entered, letGo := silentHouse(t)
	server := withWarehouse(t, url, 20*time.Second)
	const asked = maxQueries + 4
	answers := make(chan refusal, asked)
	for range asked {
		go func() { answers <- askFor(t, server, "queue_now", "en", soundParams) }()
	}
	for range maxQueries {
		<-entered
	}
	// The ninth would enter within this time; it must not.
	select {
	case <-entered:
		t.Errorf("more than %d queries are at ClickHouse at once", maxQueries)
	case <-time.After(300 * time.Millisecond):
	}
	letGo()
	for range asked {
		if got := <-answers; got.Type != "/problems/warehouse-away" {
			t.Errorf("answer: %+v", got)
		}
	}
	if n := len(entered); n != asked-maxQueries {
		t.Errorf("%d waiting queries had their turn, want %d", n, asked-maxQueries)
	}
}

func TestQueriesBeyondTheQueueAreSentAway(t *testing.T) {
	b := newBench(t)
	db, err := warehouse.Open(t.Context(), warehouse.Config{URL: nobodyAt(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := b.newConsole(Config{})
	c.deps.Warehouse = db
	c.waiting.Store(maxQueries + maxQueriesWaiting)
	if got := askFor(t, serve(t, c, open{}), "queue_now", "en", soundParams); got.Status != 503 || got.Type != "/problems/busy" {
		t.Errorf("answer: %+v", got)
	}
	if n := c.waiting.Load(); n != maxQueries+maxQueriesWaiting {
		t.Errorf("%d are counted as waiting after one was sent away", n)
	}
}

func TestAnswersAreWhatJSONCanSay(t *testing.T) {
	half := 0.5
	table := &queries.Table{Columns: []queries.TableColumn{
		{Name: "time", Unit: "time", Kind: queries.KindTime, Values: []time.Time{time.UnixMilli(1500)}},
		{Name: "ratio", Kind: queries.KindNumber, Values: []*float64{&half, nil}},
		{Name: "share", Kind: queries.KindNumber, Values: []float64{math.NaN(), math.Inf(1), 1}},
		{Name: "site", Kind: queries.KindInteger, Values: []uint64{1 << 52}},
		{Name: "shift", Kind: queries.KindInteger, Values: []int64{-3}},
		{Name: "class", Kind: queries.KindString, Values: []string{"fire"}},
		{Name: "protected", Kind: queries.KindBool, Values: []bool{true}},
	}}
	raw, err := json.Marshal(shown(table))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"columns":[{"name":"time","unit":"time","kind":"time","values":[1500]},{"name":"ratio","kind":"number","values":[0.5,null]},` +
		`{"name":"share","kind":"number","values":[null,null,1]},{"name":"site","kind":"integer","values":[4503599627370496]},` +
		`{"name":"shift","kind":"integer","values":[-3]},{"name":"class","kind":"string","values":["fire"]},{"name":"protected","kind":"bool","values":[true]}]}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func TestDashboardsAreServedAsCommitted(t *testing.T) {
	server := withWarehouse(t, "", 0)
	get := func(path string) (int, []byte) {
		r, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, raw
	}
	var list []DashboardHead
	if _, raw := get("/api/v1/dashboards"); json.Unmarshal(raw, &list) != nil || len(list) != len(dashboards.All()) {
		t.Fatalf("list: %s", raw)
	}
	for _, d := range list {
		want, _ := dashboards.Named(d.UID)
		if status, raw := get("/api/v1/dashboards/" + d.UID); status != 200 || !bytes.Equal(raw, want.JSON) {
			t.Errorf("%s: status %d and %d bytes, want the %d of the file", d.UID, status, len(raw), len(want.JSON))
		}
		if status, raw := get("/dashboards/" + d.UID); status != 200 || !bytes.Contains(raw, []byte("<!doctype html>")) {
			t.Errorf("the page of %s: status %d", d.UID, status)
		}
	}
	if status, _ := get("/api/v1/dashboards/none"); status != 404 {
		t.Errorf("a dashboard that is none: status %d", status)
	}
	var known []NamedQuery
	if _, raw := get("/api/v1/queries"); json.Unmarshal(raw, &known) != nil || len(known) != len(queries.Names()) {
		t.Errorf("queries: %s", raw)
	}
}
