// Package surgardin takes what other receivers and gateways send to automation
// software over TCP, in SurGard's lines: each is answered by one byte, ACK only once
// the log has it. The protocol is stop and wait, and its answers name nothing: they
// leave in the order of the lines, and a line that comes again before its answer left
// is answered once.
package surgardin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/ports"
	"github.com/open-vigie/vigie/services/receiver"
)

// Config of the door. The zero value of each time is its default.
type Config struct {
	// Listen is host:port; port 0 takes a free one.
	Listen string
	// Gateways that may send; the connections of others are closed.
	Gateways []Gateway
	// Idle ends a connection on which nothing comes (5 min: ten heartbeats). Write
	// ends one whose peer takes no answer (10 s).
	Idle, Write time.Duration
	// Drain is how long a stopping door waits for the last answers (5 s).
	Drain time.Duration
}

// Bounds.
const (
	// maxConnections of one gateway: one, and what half-open ones it left behind.
	maxConnections = 4
	// queue of lines that wait for the one before; reading pauses there.
	queue = 16
	// maxBad lines, one after the other, end a connection.
	maxBad = 16
	// readSize of one read.
	readSize = 4 << 10
	// acceptAgain is the pause after an accept failed, as when files run out.
	acceptAgain = 100 * time.Millisecond
)

// Receiver takes messages; *receiver.Receiver in the product.
type Receiver interface {
	Take(m receiver.Message, done func(error)) (receiver.Receipt, error)
	SetAside(from netip.AddrPort, transport vigiev1.Transport, reason, detail string, raw []byte)
}

// Deps is what the door is given.
type Deps struct {
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Receiver Receiver
}

// Server is the door. Make it with New, then Run it.
type Server struct {
	cfg      Config
	deps     Deps
	metrics  *metrics
	gateways []*gateway
	ready    chan struct{}
	addr     net.Addr
}

// gateway is one that may send, over all its connections.
type gateway struct {
	Gateway
	mu        sync.Mutex
	open      int
	numbering numbering
}

// New checks the configuration and makes a door that does nothing yet.
func New(cfg Config, deps Deps) (*Server, error) {
	if len(cfg.Gateways) == 0 {
		return nil, errors.New("no gateway may send: name them in receiver.surgard.gateways")
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orTime(&cfg.Idle, 5*time.Minute)
	orTime(&cfg.Write, 10*time.Second)
	orTime(&cfg.Drain, 5*time.Second)
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, deps: deps, metrics: m, ready: make(chan struct{})}
	for _, g := range cfg.Gateways {
		s.gateways = append(s.gateways, &gateway{Gateway: g, numbering: numbering{boot: rand.Text()}})
		m.heard.WithLabelValues(g.String()).Set(0)
	}
	return s, nil
}

// Ready is closed once the door is open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is where it listens; valid once Ready.
func (s *Server) Addr() net.Addr { return s.addr }

// Run serves until ctx ends, then waits up to Drain for the answer under way on each
// connection. It fails when the address cannot be listened on.
func (s *Server) Run(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening for gateways: %w", ports.Explain("tcp", s.cfg.Listen, err))
	}
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })() // ends Accept
	s.addr = ln.Addr()
	s.deps.Log.Info("listening for gateways", "surgard", s.addr, "gateways", len(s.gateways))
	close(s.ready)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close() // nothing was read from it
			}
			return nil
		case err != nil:
			s.deps.Log.Warn("accepting a gateway's connection; trying again", "error", err)
			select {
			case <-time.After(acceptAgain):
			case <-ctx.Done():
			}
			continue
		}
		sessions.Go(func() { s.serve(ctx, conn) })
	}
}

// serve serves a connection of a gateway that is known and has room for it.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	remote, _ := netip.ParseAddrPort(conn.RemoteAddr().String()) // the zero value is no gateway's
	g := s.find(remote.Addr().Unmap())
	if g == nil || !g.enter() {
		s.metrics.refused.Inc()
		s.deps.Log.Warn("a connection was closed: no gateway of receiver.surgard.gateways has this address, or it has connections enough", "from", remote.Addr())
		return
	}
	defer g.leave()
	s.metrics.connections.Inc()
	defer s.metrics.connections.Dec()
	newSession(s, g, conn, remote).run(ctx)
}

func (s *Server) find(a netip.Addr) *gateway {
	for _, g := range s.gateways {
		if g.From.Contains(a) {
			return g
		}
	}
	return nil
}

func (g *gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= maxConnections {
		return false
	}
	g.open++
	return true
}

func (g *gateway) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
}

type metrics struct {
	lines       *prometheus.CounterVec
	heard       *prometheus.GaugeVec
	connections prometheus.Gauge
	refused     prometheus.Counter
}

// RegisterMetrics registers what a door counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	_, err := newMetrics(reg)
	return err
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	name := func(s string) string { return strings.Join([]string{"vigie", "receiver", "surgard", s}, "_") }
	m := &metrics{
		lines:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("lines_total"), Help: "Lines of gateways, by gateway and answer: ack, nak (damaged: it is sent again), none (the log did not confirm in time), repeat (it came again before its answer left, and shares it)."}, []string{"gateway", "answer"}),
		heard:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name("heard_timestamp_seconds"), Help: "When a gateway was last heard, heartbeats included, Unix time; 0 for never since the start."}, []string{"gateway"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: name("connections"), Help: "Connections of gateways now."}),
		refused:     prometheus.NewCounter(prometheus.CounterOpts{Name: name("connections_refused_total"), Help: "Connections closed at once: of no gateway that may send, or of one that has enough."}),
	}
	for _, c := range []prometheus.Collector{m.lines, m.heard, m.connections, m.refused} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of gateways: %w", err)
		}
	}
	return m, nil
}
