package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// hung is a ClickHouse that takes requests and never answers; asked counts them.
func hung(t *testing.T) (url string, asked chan struct{}) {
	t.Helper()
	asked = make(chan struct{}, 2*maxQueries)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked <- struct{}{}
			open.Go(func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return "http://" + l.Addr().String(), asked
}

func open(t *testing.T, in backend.DataSourceInstanceSettings) *Source {
	t.Helper()
	if in.JSONData == nil {
		in.JSONData = []byte("{}")
	}
	in.UID = "vigie"
	instance, err := New(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return instance.(*Source)
}

func queueNow(ctx context.Context, s *Source) backend.DataResponse {
	resp, err := s.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", QueryType: typeNamed, JSON: json.RawMessage(`{"query":"queue_now"}`), TimeRange: backend.TimeRange{From: time.UnixMilli(1000), To: time.UnixMilli(2000)},
	}}})
	if err != nil {
		return backend.DataResponse{Error: err}
	}
	return resp.Responses["A"]
}

// So many queries are under way, so many wait, the next one is sent away at
// once; the end of the data source ends them all and leaves nothing behind.
func TestQueriesAreBoundedAndEndWithTheirDataSource(t *testing.T) {
	url, asked := hung(t)
	s := open(t, backend.DataSourceInstanceSettings{URL: url})
	answers := make(chan backend.DataResponse)
	for range maxQueries + maxQueriesWaiting {
		go func() { answers <- queueNow(context.Background(), s) }()
	}
	for range maxQueries {
		<-asked
	}
	for s.waiting.Load() < maxQueries+maxQueriesWaiting {
		runtime.Gosched() // the last goroutines have yet to begin
	}
	if r := queueNow(t.Context(), s); r.Status != backend.StatusTooManyRequests || !errors.Is(r.Error, errBusy) {
		t.Errorf("one query more is answered %d %v", r.Status, r.Error)
	}
	select {
	case <-asked:
		t.Errorf("more than %d queries are under way", maxQueries)
	default:
	}
	s.Dispose()
	for range maxQueries + maxQueriesWaiting {
		if r := <-answers; !errors.Is(r.Error, errDisposed) || r.ErrorSource != backend.ErrorSourceDownstream {
			t.Fatalf("a query of a data source that ended is answered %v (%s)", r.Error, r.ErrorSource)
		}
	}
	if n := s.waiting.Load(); n != 0 {
		t.Errorf("%d queries are counted after all have ended", n)
	}
}

func TestAQueryEndsWithItsCaller(t *testing.T) {
	url, asked := hung(t)
	s := open(t, backend.DataSourceInstanceSettings{URL: url})
	defer s.Dispose()
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan backend.DataResponse)
	go func() { answer <- queueNow(ctx, s) }()
	<-asked
	cancel()
	if r := <-answer; !errors.Is(r.Error, context.Canceled) || r.ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("it is answered %v (%s)", r.Error, r.ErrorSource)
	}
}

// What speaks HTTP at the address and is no ClickHouse is named as such.
func TestAnotherServerIsNoClickHouse(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>bad gateway</html>")
	}))
	defer server.Close()
	s := open(t, backend.DataSourceInstanceSettings{URL: strings.Replace(server.URL, "http://", "http://user:secret@", 1)})
	defer s.Dispose()
	r := queueNow(t.Context(), s)
	if r.Status != backend.StatusBadGateway || r.ErrorSource != backend.ErrorSourceDownstream || !strings.Contains(r.Error.Error(), "is the address of the data source right") || strings.Contains(r.Error.Error(), "secret") {
		t.Errorf("%d %s: %v", r.Status, r.ErrorSource, r.Error)
	}
}

func TestAFaultOfThePluginIsItsOwn(t *testing.T) {
	s := open(t, backend.DataSourceInstanceSettings{URL: "http://127.0.0.1:1"})
	defer s.Dispose()
	if r := s.failed(errors.New("column x is of a type that no table shows")); r.ErrorSource != backend.ErrorSourcePlugin || r.Status != backend.StatusInternal {
		t.Errorf("%d %s", r.Status, r.ErrorSource)
	}
}

// The same widths as the console's page, for the same ranges.
func TestBuckets(t *testing.T) {
	const hour = int64(3_600_000)
	cases := []struct {
		rangeMS, points int64
		interval        time.Duration
		want            int64
	}{
		{hour / 4, 60, 0, 30_000},
		{hour, 60, 0, 60_000},
		{hour, 60, time.Minute, 60_000},
		{6 * hour, 60, 5 * time.Minute, 600_000},
		{24 * hour, 60, 0, 1_800_000},
		{7 * 24 * hour, 60, 0, 3 * hour},
		{400 * 24 * hour, 60, 0, 7 * 24 * hour},
		{hour, 0, 0, 60_000},
		{hour, 60, 10 * time.Minute, 600_000},
		{hour, 1000, 30 * 24 * time.Hour, 30 * 24 * hour},
		{0, 60, 0, 1_000},
	}
	for _, c := range cases {
		if got := bucket(c.rangeMS, c.points, c.interval); got != c.want {
			t.Errorf("%d ms in %d points of at least %s: %d, want %d", c.rangeMS, c.points, c.interval, got, c.want)
		}
	}
}
