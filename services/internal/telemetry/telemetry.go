// Package telemetry is what every role shares to be watched: the page that says
// whether it lives, works and what it counts; the metrics of its Kafka clients;
// the list of all metrics; and a log that says one thing once a minute.
package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// readHeaderTimeout bounds how long a scraper may take to ask.
	readHeaderTimeout = 5 * time.Second
	// checkPatience bounds all checks of one answer of /readyz together: a probe
	// of Docker or systemd waits a few seconds at most.
	checkPatience = 2 * time.Second
)

// Check says why a part does not do its work now; nil when it does.
type Check func(context.Context) error

// Health knows whether a process is ready, and why not.
type Health struct {
	mu      sync.Mutex
	started bool
	checks  []namedCheck
}

type namedCheck struct {
	name  string
	check Check
}

// Add has a part asked at each look. Safe while the server runs.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, namedCheck{name, check})
}

// Started says that all parts were started; before that nothing is ready.
func (h *Health) Started() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = true
}

// Reasons are why the process is not ready, by part; empty when it is.
func (h *Health) Reasons(ctx context.Context) []string {
	h.mu.Lock()
	checks, started := h.checks, h.started
	h.mu.Unlock()
	ctx, done := context.WithTimeout(ctx, checkPatience)
	defer done()
	var reasons []string
	if !started {
		reasons = append(reasons, "it is still starting")
	}
	for _, c := range checks {
		if err := c.check(ctx); err != nil {
			reasons = append(reasons, c.name+": "+err.Error())
		}
	}
	return reasons
}

func (h *Health) serve(w http.ResponseWriter, r *http.Request) {
	reasons := h.Reasons(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if len(reasons) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, "not ready: "+strings.Join(reasons, "; "))
		return
	}
	_, _ = fmt.Fprintln(w, "ready")
}

// Server serves /metrics, /healthz, /readyz, /version and pprof.
type Server struct {
	listener net.Listener
	server   *http.Server
	ready    chan struct{}
}

// NewServer listens on host:port (port 0: any free one), and serves once it runs.
func NewServer(addr string, reg *prometheus.Registry, health *Health, version string) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics on %s: %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", health.serve)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"version": version})
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &Server{
		listener: l, ready: make(chan struct{}),
		server: &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout},
	}, nil
}

// Addr is host:port as listened on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Ready is closed once the server serves.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer stop()
	close(s.ready)
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
