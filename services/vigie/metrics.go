package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/open-vigie/vigie/services/internal/lifecycle"
)

// metricsServer serves /metrics, /healthz, /readyz and pprof.
type metricsServer struct {
	listener net.Listener
	server   *http.Server
	ready    chan struct{}
}

// startMetrics listens where the configuration says; an empty address means nowhere.
func (s *settings) newMetricsServer() (*metricsServer, error) {
	l, err := net.Listen("tcp", s.cfg.Metrics.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{Registry: s.metrics}))
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", ok) // this server starts last: what is served is ready
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &metricsServer{listener: l, server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, ready: make(chan struct{})}, nil
}

func (m *metricsServer) Ready() <-chan struct{} { return m.ready }

func (m *metricsServer) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = m.server.Close() })
	defer stop()
	close(m.ready)
	if err := m.server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (in *installation) startMetrics(ctx context.Context, g *lifecycle.Group) error {
	if in.cfg.Metrics.Listen == "" {
		return nil
	}
	m, err := in.newMetricsServer()
	if err != nil {
		return err
	}
	in.endpoints.Metrics.URL = "http://" + m.listener.Addr().String() + "/metrics"
	return g.Start(ctx, lifecycle.Named{Name: "metrics", Service: m})
}
