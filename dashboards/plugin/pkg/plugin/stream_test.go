package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// faulty is a console that fails on cue, as a real one cannot be made to: each
// connection of the stream gets the next script and then its end, or is held.
// What a healthy console does is tried with a real one, in services/vigie.
type faulty struct {
	mu sync.Mutex
	// scripts are written to the streams, one each; the last one stays open.
	scripts []string
	// sites are in the lists; failing makes so many lists fail first.
	sites   []site
	failing int
	// asked are the Last-Event-IDs of the streams.
	asked []string
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/api/v1/sites" {
		f.list(w, r)
		return
	}
	f.asked = append(f.asked, r.Header.Get("Last-Event-ID"))
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, f.scripts[0])
	_ = http.NewResponseController(w).Flush()
	if len(f.scripts) > 1 {
		f.scripts = f.scripts[1:]
		return
	}
	f.mu.Unlock()
	<-r.Context().Done()
	f.mu.Lock()
}

func (f *faulty) list(w http.ResponseWriter, r *http.Request) {
	if f.failing > 0 {
		f.failing--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var out sitesPage
	for _, s := range f.sites {
		if s.Storm || r.URL.Query().Get("abnormal") == "false" {
			out.Sites = append(out.Sites, s)
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// packets is Grafana's end of a stream.
type packets chan string

// Send keeps what a frame says of each site: number, version, whether removed.
func (p packets) Send(packet *backend.StreamPacket) error {
	var frame data.Frame
	if err := json.Unmarshal(packet.Data, &frame); err != nil {
		return err
	}
	field := func(name string) *data.Field { f, _ := frame.FieldByName(name); return f }
	var rows []string
	for i := range frame.Rows() {
		row := fmt.Sprintf("%d.%d", field("site").At(i), field("version").At(i))
		if field("removed").At(i).(bool) {
			row += " removed"
		}
		rows = append(rows, row)
	}
	p <- strings.Join(rows, ", ")
	return nil
}

// relayed runs a stream against the console until the wanted frames have come.
func relayed(t *testing.T, f *faulty, path string, want ...string) {
	t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	more, err := json.Marshal(map[string]string{"consoleUrl": server.URL})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, backend.DataSourceInstanceSettings{URL: "http://127.0.0.1:1", JSONData: more})
	defer s.Dispose()
	ctx, cancel := context.WithCancel(t.Context())
	got := make(packets)
	ended := make(chan error, 1)
	go func() { ended <- s.RunStream(ctx, &backend.RunStreamRequest{Path: path}, backend.NewStreamSender(got)) }()
	for i, w := range want {
		if frame := <-got; frame != w {
			t.Errorf("frame %d is %q, want %q", i, frame, w)
		}
	}
	cancel()
	for {
		select {
		case frame := <-got:
			t.Errorf("a frame too many: %q", frame)
		case err := <-ended:
			if err != nil {
				t.Errorf("a stream that Grafana ended ends with %v", err)
			}
			return
		}
	}
}

func changed(sites ...site) string {
	var b strings.Builder
	for _, s := range sites {
		raw, _ := json.Marshal(s)
		fmt.Fprintf(&b, "event: site\ndata: %s\n\n", raw)
	}
	return b.String()
}

func at(id string) string { return "event: at\nid: " + id + "\ndata: {}\n\n" }

const reset = "retry: 1000\n\nevent: reset\ndata: {}\n\n"

// A connection cut in the midst of a write: what was not closed by "at" is asked
// for again from the last one, and repeats are not sent.
func TestStreamIsResumed(t *testing.T) {
	f := &faulty{scripts: []string{
		reset + at("a") + changed(site{Site: 1, Version: 1}) + at("b") + changed(site{Site: 2, Version: 5}),
		changed(site{Site: 1, Version: 1}, site{Site: 2, Version: 5}, site{Site: 3, Version: 1}) + at("c") + ": alive\n\n",
		changed(site{Site: 2, Version: 4}) + at("d") + changed(site{Site: 2, Version: 6}) + at("e"),
	}}
	relayed(t, f, "sites", "1.1", "2.5, 3.1", "2.6")
	if want := []string{"", "b", "c"}; !slices.Equal(f.asked, want) {
		t.Errorf("the streams began after %q, want %q", f.asked, want)
	}
}

// When the console cannot resume, a viewer is told of all that asks for a look,
// and of what he saw: well again, or gone; whatever its versions are now.
func TestStreamThatCannotBeResumed(t *testing.T) {
	f := &faulty{
		sites: []site{{Site: 1, Version: 1}, {Site: 4, Version: 2, Storm: true}, {Site: 9, Version: 1}},
		scripts: []string{
			reset + at("a") + changed(site{Site: 1, Version: 8}, site{Site: 2, Version: 8}) + at("b"),
			reset + changed(site{Site: 9, Version: 2}) + at("c"),
		},
	}
	relayed(t, f, "sites", "4.2", "1.8, 2.8", "4.2", "1.1", "2.0 removed", "9.2")
}

// Lists that fail are asked for again; until then nothing counts as seen.
func TestReloadIsTriedAgain(t *testing.T) {
	f := &faulty{
		failing: 2, sites: []site{{Site: 4, Version: 2, Storm: true}},
		scripts: []string{reset + at("a"), reset + at("a"), reset + at("a") + changed(site{Site: 5, Version: 1}) + at("b")},
	}
	relayed(t, f, "sites", "4.2", "5.1")
	if want := []string{"", "", ""}; !slices.Equal(f.asked, want) {
		t.Errorf("the streams began after %q, want %q", f.asked, want)
	}
}

func TestChannelOfOneSite(t *testing.T) {
	f := &faulty{scripts: []string{changed(site{Site: 7, Version: 1}, site{Site: 42, Version: 3}) + at("a") + changed(site{Site: 42, Removed: true}) + at("b")}}
	relayed(t, f, "sites/42", "42.3", "42.0 removed")
}

// A data source whose settings change ends its streams with an error, so that
// Grafana asks the new one; so many are open, no more.
func TestStreamsAreBoundedAndEndWithTheirDataSource(t *testing.T) {
	server := httptest.NewServer(&faulty{scripts: []string{changed(site{Site: 1, Version: 1}) + at("a")}})
	defer server.Close()
	s := open(t, backend.DataSourceInstanceSettings{URL: "http://127.0.0.1:1", JSONData: []byte(`{"consoleUrl":"` + server.URL + `"}`)})
	got, ended := make(packets), make(chan error)
	run := func() error {
		return s.RunStream(context.Background(), &backend.RunStreamRequest{Path: "sites"}, backend.NewStreamSender(got))
	}
	for range maxStreams {
		go func() { ended <- run() }()
	}
	for range maxStreams {
		<-got
	}
	if err := run(); !errors.Is(err, errManyStreams) {
		t.Errorf("one more ends with %v", err)
	}
	s.Dispose()
	for range maxStreams {
		if err := <-ended; !errors.Is(err, errDisposed) {
			t.Errorf("a stream of a data source that ended ends with %v", err)
		}
	}
}

// A console that speaks without end makes no batch without end.
func TestBatchesAreBounded(t *testing.T) {
	r := newRelay(nil, 0, func(*data.Frame) error { return nil })
	raw := []byte(`{"site":1}`)
	for range maxBatch {
		if err := r.take(t.Context(), event{name: "site", data: raw}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.take(t.Context(), event{name: "site", data: raw}); err == nil {
		t.Error("a batch grows past its bound")
	}
}
