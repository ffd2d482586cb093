package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline of what a test waits for.
const deadline = 30 * time.Second

func TestFleetDeclaresItsSitesThenSpeaksAndRepeats(t *testing.T) {
	t.Parallel()
	r, d := newFakeReceiver(t), newFakeDesk(t, http.StatusServiceUnavailable, http.StatusAccepted)
	f, stop := start(t, Config{Sites: 24, Seed: 5, Speed: 20}, r, d)
	r.await(func() bool {
		return r.twice > 0 && r.accounts["0F00"] > 0 && r.tokens["SIA-DCS"] > 0 && r.tokens["ADM-CID"] > 0 &&
			r.paths["2"] > 24 && r.network["tcp"] > 100 && r.network["udp"] > 100
	})
	stop()
	acked, unanswered := count(f.metrics.acked), count(f.metrics.unanswered)
	if acked < 200 || unanswered != 0 {
		t.Errorf("%v acknowledged, %v unanswered", acked, unanswered)
	}
	if len(d.sites) != 24 || d.sites[firstSite].Accounts[0].Account != "1000" {
		t.Errorf("declared: %v", d.sites)
	}
	keys := maps.Clone(d.keys)
	_, stop = start(t, Config{Sites: 24, Seed: 5, Speed: 20}, r, d)
	stop()
	if !maps.Equal(keys, d.keys) {
		t.Errorf("a restart declared anew: %d requests, then %d", len(keys), len(d.keys))
	}
}

func TestUnansweredPanelIsCountedWhileOthersGoOn(t *testing.T) {
	t.Parallel()
	r, d := newFakeReceiver(t), newFakeDesk(t)
	r.mu.Lock()
	r.deaf = "1000"
	r.mu.Unlock()
	f, stop := start(t, Config{Sites: 24, Speed: 20}, r, d)
	defer stop()
	r.await(func() bool { return count(f.metrics.unanswered) > 0 })
	if acked := count(f.metrics.acked); acked < 100 {
		t.Errorf("one deaf account held the others: %v acknowledged", acked)
	}
}

func TestRefusedDeclarationIsTold(t *testing.T) {
	t.Parallel()
	d := newFakeDesk(t, http.StatusUnprocessableEntity)
	f := newFleet(t, Config{}, Deps{DC09TCP: "127.0.0.1:1", DC09UDP: "127.0.0.1:1", DeskURL: d.URL, HTTP: d.Client()})
	err := f.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "refuses with 422") || !strings.Contains(err.Error(), "declaring sites 100001 to 100200") {
		t.Fatalf("got %v", err)
	}
}

func TestReceiverAwayAtTheStartIsTold(t *testing.T) {
	t.Parallel()
	d := newFakeDesk(t)
	f := newFleet(t, Config{Sites: minSites}, Deps{DC09TCP: "127.0.0.1:1", DC09UDP: "127.0.0.1:1", DeskURL: d.URL, HTTP: d.Client()})
	if err := f.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "reaching the receiver at 127.0.0.1:1 over tcp") {
		t.Fatalf("got %v", err)
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{"3 sites: 20 to 10000": {Sites: 3}, "20000 sites": {Sites: 20_000}, "speed 1000: 0.1 to 100": {Speed: 1000}} {
		deps := Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), DC09TCP: "x", DC09UDP: "x", DeskURL: "x"}
		if _, err := New(cfg, deps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := New(Config{}, Deps{Metrics: prometheus.NewRegistry()}); err == nil || !strings.Contains(err.Error(), "vigie up") {
		t.Errorf("without addresses: %v", err)
	}
}

// A queue of a panel's path that nobody answers stays bounded.
func TestPathsMemoryIsBounded(t *testing.T) {
	t.Parallel()
	v := &voice{}
	for i := range maxWaiting + 10 {
		if got, want := v.take(said{}), i < maxWaiting; got != want {
			t.Fatalf("message %d taken: %v", i, got)
		}
	}
	if v.take(said{poll: true}) {
		t.Fatal("a link test was queued behind messages")
	}
}

func count(c prometheus.Counter) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	return m.GetCounter().GetValue()
}

func newFleet(t *testing.T, cfg Config, deps Deps) *Fleet {
	t.Helper()
	deps.Log, deps.Metrics, deps.Token = slog.New(slog.DiscardHandler), prometheus.NewRegistry(), "secret"
	f, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// start runs a fleet until it is ready; stop ends it.
func start(t *testing.T, cfg Config, r *fakeReceiver, d *fakeDesk) (f *Fleet, stop func()) {
	t.Helper()
	f = newFleet(t, cfg, Deps{DC09TCP: r.tcp.Addr().String(), DC09UDP: r.udp.LocalAddr().String(), DeskURL: d.URL, HTTP: d.Client()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	select {
	case <-f.Ready():
	case err := <-ended:
		t.Fatalf("ended before it was ready: %v", err)
	case <-time.After(deadline):
		t.Fatal("not ready in time")
	}
	return f, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopped with %v", err)
		}
	}
}

// fakeDesk takes declarations after it has failed with some statuses.
type fakeDesk struct {
	*httptest.Server
	mu    sync.Mutex
	fails []int
	keys  map[string]string
	sites map[uint64]siteDeclared
	// acts are those of people, by their name; changed tells of one more.
	acts    map[string][]map[string]any
	changed *sync.Cond
}

func newFakeDesk(t *testing.T, fails ...int) *fakeDesk {
	d := &fakeDesk{fails: fails, keys: map[string]string{}, sites: map[uint64]siteDeclared{}, acts: map[string][]map[string]any{}}
	d.changed = sync.NewCond(&d.mu)
	d.Server = httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(d.Close)
	return d
}

func (d *fakeDesk) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodGet {
		rows := make([]map[string]any, 0, len(d.sites))
		for n, s := range d.sites {
			rows = append(rows, map[string]any{"site": n, "stage": s.Stage})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"sites": rows})
		return
	}
	body, err := io.ReadAll(r.Body)
	if r.URL.Path != "/api/v1/sites/bulk" {
		d.takeAct(w, r, body)
		return
	}
	var in declaration
	if err = errors.Join(err, json.Unmarshal(body, &in)); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if before, ok := d.keys[key]; ok && before != string(body) {
		w.WriteHeader(http.StatusConflict)
		return
	}
	d.keys[key] = string(body)
	if len(d.fails) > 0 {
		w.WriteHeader(d.fails[0])
		d.fails = d.fails[1:]
		return
	}
	for _, s := range in.Sites {
		d.sites[s.Site] = s
	}
	w.WriteHeader(http.StatusCreated)
}

// takeAct remembers an act of a person; the lock is held.
func (d *fakeDesk) takeAct(w http.ResponseWriter, r *http.Request, body []byte) {
	act := map[string]any{}
	if r.Header.Get("Idempotency-Key") == "" || json.Unmarshal(body, &act) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	name, _ := act["act"].(string)
	switch r.URL.Path {
	case "/api/v1/calls":
		name = "call " + act["step"].(string)
	case "/api/v1/sites":
		name = "declared"
	}
	d.acts[name] = append(d.acts[name], act)
	d.changed.Broadcast()
	w.WriteHeader(http.StatusCreated)
}

// did blocks until somebody did each of these, in time.
func (d *fakeDesk) did(t *testing.T, names ...string) {
	t.Helper()
	late := false
	timer := time.AfterFunc(deadline, func() {
		d.mu.Lock()
		late = true
		d.mu.Unlock()
		d.changed.Broadcast()
	})
	defer timer.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		for len(d.acts[name]) == 0 {
			if late {
				t.Fatalf("nobody did %q; done: %v", name, slices.Sorted(maps.Keys(d.acts)))
			}
			d.changed.Wait()
		}
	}
}

// fakeReceiver acknowledges every frame, but for one account, and remembers what came.
type fakeReceiver struct {
	t    *testing.T
	tcp  net.Listener
	udp  net.PacketConn
	deaf string

	mu                               sync.Mutex
	changed                          *sync.Cond
	accounts, tokens, paths, network map[string]int
	seen                             map[string]string
	// twice counts frames that came again from another socket.
	twice int
}

func newFakeReceiver(t *testing.T) *fakeReceiver {
	r := &fakeReceiver{t: t, accounts: map[string]int{}, tokens: map[string]int{}, paths: map[string]int{}, network: map[string]int{}, seen: map[string]string{}}
	r.changed = sync.NewCond(&r.mu)
	var err error
	if r.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if r.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := r.udp.ReadFrom(buf)
			if err != nil {
				return
			}
			r.take("udp", from.String(), buf[:n], func(b []byte) { _, _ = r.udp.WriteTo(b, from) })
		}
	})
	running.Go(func() {
		for {
			c, err := r.tcp.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() {
		_, _ = r.tcp.Close(), r.udp.Close()
		running.Wait()
	})
	return r
}

func (r *fakeReceiver) serve(c net.Conn) {
	var split dc09.Splitter
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			_ = c.Close()
			return
		}
		split.Write(buf[:n])
		for {
			piece, _, ok := split.Next()
			if !ok {
				break
			}
			r.take("tcp", c.RemoteAddr().String(), piece, func(b []byte) { _, _ = c.Write(b) })
		}
	}
}

func (r *fakeReceiver) take(network, from string, raw []byte, answer func([]byte)) {
	f, err := dc09.Parse(raw, dc09.Options{})
	if err != nil {
		r.t.Errorf("%q: %v", raw, err)
		return
	}
	r.mu.Lock()
	r.accounts[f.Account]++
	r.tokens[f.Token]++
	r.paths[fmt.Sprint(f.Path())]++
	r.network[network]++
	if f.Token != dc09.TokenNull {
		key := string(bytes.Clone(raw))
		if before, ok := r.seen[key]; ok && before != from {
			r.twice++
		}
		r.seen[key] = from
	}
	r.changed.Broadcast()
	deaf := f.Account == r.deaf
	r.mu.Unlock()
	if !deaf {
		answer(dc09.AppendACK(nil, f))
	}
}

// await blocks until something that came makes the condition true.
func (r *fakeReceiver) await(condition func() bool) {
	r.t.Helper()
	late := false
	timer := time.AfterFunc(deadline, func() {
		r.mu.Lock()
		late = true
		r.mu.Unlock()
		r.changed.Broadcast()
	})
	defer timer.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !condition() {
		if late {
			r.t.Fatalf("not in time: networks %v, tokens %v, paths %v, %d repeats", r.network, r.tokens, r.paths, r.twice)
		}
		r.changed.Wait()
	}
}
