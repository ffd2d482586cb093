// Package demo is a living fleet for demonstrations: simulated panels that speak
// DC-09 to a receiver as real ones do.
//
// What happens is a plan, a pure function of seed, size, speed and start
// (plan.go; its storyline in story.go, the sites in site.go). The fleet declares
// its sites at the desk (declare.go), lets people act there (people.go), then walks the plan round by round on the
// monotonic clock and lets each panel's path send one message after another.
// Speed scales what panels do, never a clock.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/services/panel"
)

const (
	defaultSites = 200
	// maxSites keeps polls at a rate that one process and four digits carry.
	maxSites           = 10_000
	minSpeed, maxSpeed = 0.1, 100
	// The fleet shares these sockets, as panels share a network.
	udpSockets, tcpConnections = 8, 4
	// maxWaiting messages of one path; a panel's memory is no larger.
	maxWaiting = 64
	// maxDrift between the wall clock and the plan's, after a sleep of the
	// machine, before the plan begins anew: schedules are on the wall clock.
	maxDrift = 5 * time.Second
)

// Config of a fleet. The zero value of each is its default.
type Config struct {
	// Sites, 20 to 10,000 (200).
	Sites int
	// Seed of everything that looks like chance.
	Seed uint64
	// Speed divides every duration, 0.1 to 100 (1). The policy of class "demo"
	// must be of the same speed.
	Speed float64
}

// Deps is what a fleet is given.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// DC09TCP and DC09UDP are the receiver's doors, host:port.
	DC09TCP, DC09UDP string
	// DeskURL is where sites are declared, with Token as bearer.
	DeskURL string
	Token   string
	// HTTP is http.DefaultClient when nil.
	HTTP *http.Client
	// Now is time.Now when nil; its monotonic reading is used.
	Now func() time.Time
}

// Fleet is a simulated fleet. Make it with New, then Run it.
type Fleet struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	ready   chan struct{}
	// silent is true while the receiver answers nobody.
	silent atomic.Bool

	udp, tcp []*panel.Transmitter
	voices   map[line]*voice
	calls    sync.WaitGroup
}

// New checks the configuration and makes a fleet that does nothing yet.
func New(cfg Config, deps Deps) (*Fleet, error) {
	if cfg.Sites == 0 {
		cfg.Sites = defaultSites
	}
	if cfg.Speed == 0 {
		cfg.Speed = 1
	}
	if cfg.Sites < minSites || cfg.Sites > maxSites {
		return nil, fmt.Errorf("a demonstration of %d sites: %d to %d are possible; fewer cannot show every detection", cfg.Sites, minSites, maxSites)
	}
	if !(cfg.Speed >= minSpeed && cfg.Speed <= maxSpeed) {
		return nil, fmt.Errorf("a demonstration at speed %v: %v to %d is possible", cfg.Speed, minSpeed, maxSpeed)
	}
	if deps.DC09TCP == "" || deps.DC09UDP == "" || deps.DeskURL == "" {
		return nil, errors.New("a demonstration needs the receiver's TCP and UDP addresses and the desk's URL: is vigie up running?")
	}
	if deps.HTTP == nil {
		deps.HTTP = http.DefaultClient
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	return &Fleet{cfg: cfg, deps: deps, metrics: m, ready: make(chan struct{}), voices: map[line]*voice{}}, nil
}

// Ready is closed once the sites are declared and the panels begin.
func (f *Fleet) Ready() <-chan struct{} { return f.ready }

// Run declares the sites and lets them live until ctx ends. It fails when the
// desk refuses them or the receiver cannot be reached at the start; later
// outages are ridden out.
func (f *Fleet) Run(ctx context.Context) error {
	err := f.declare(ctx, f.planFrom(f.deps.Now()))
	if err == nil {
		err = f.dial()
	}
	if err == nil {
		close(f.ready)
		f.deps.Log.Info("the demonstration lives", "sites", f.cfg.Sites, "seed", f.cfg.Seed, "speed", f.cfg.Speed)
		f.live(ctx)
	}
	f.calls.Wait()
	if errs := errors.Join(err, f.hangUp()); ctx.Err() == nil {
		return errs
	}
	return nil
}

func (f *Fleet) planFrom(start time.Time) *plan {
	return newPlan(f.cfg.Seed, f.cfg.Sites, f.cfg.Speed, start.UnixMilli())
}

func (f *Fleet) dial() error {
	for range udpSockets {
		t, err := panel.Dial("udp", f.deps.DC09UDP)
		if err != nil {
			return err
		}
		f.udp = append(f.udp, t)
	}
	for range tcpConnections {
		t, err := panel.Dial("tcp", f.deps.DC09TCP)
		if err != nil {
			return err
		}
		f.tcp = append(f.tcp, t)
	}
	return nil
}

func (f *Fleet) hangUp() error {
	var errs []error
	for _, t := range append(f.udp, f.tcp...) {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

// live walks plans until ctx ends.
func (f *Fleet) live(ctx context.Context) {
	due := time.NewTimer(0)
	defer due.Stop()
	for ctx.Err() == nil {
		start := f.deps.Now()
		p := f.planFrom(start)
		during, over := context.WithCancel(ctx)
		f.calls.Go(func() { f.people(during, p, start) })
		f.walk(ctx, p, start, due)
		over()
	}
}

// walk does what a plan says, each action at its time from the start, until ctx
// ends or the wall clock has left the plan's.
func (f *Fleet) walk(ctx context.Context, p *plan, start time.Time, due *time.Timer) {
	for r := 0; ; r++ {
		now := f.deps.Now()
		if drift := now.Round(0).Sub(start.Round(0)) - now.Sub(start); drift.Abs() > maxDrift {
			f.deps.Log.Info("the clock was moved or the machine slept; the demonstration begins anew", "drift", drift)
			return
		}
		for _, a := range p.round(r) {
			due.Reset(a.At - f.deps.Now().Sub(start))
			select {
			case <-due.C:
			case <-ctx.Done():
				return
			}
			f.do(ctx, p, a)
		}
	}
}

// do hands an action to the path that says it.
func (f *Fleet) do(ctx context.Context, p *plan, a Action) {
	l := line{a.Site, a.Path}
	v := f.voices[l]
	if v == nil {
		v = f.voice(p.sites[a.Site], l)
		f.voices[l] = v
	}
	if !v.take(said{p.sites[a.Site].message(a), a.Do == Poll && !a.Edge, a.Twice}) {
		f.metrics.skipped.Inc()
		return
	}
	f.calls.Go(func() { v.speak(ctx) })
}

// voice is one path of one panel: it sends one message after another.
type voice struct {
	f             *Fleet
	network, addr string
	by            *panel.Transmitter

	mu       sync.Mutex
	waiting  []said
	speaking bool
}

type said struct {
	message     panel.Message
	poll, twice bool
}

func (f *Fleet) voice(s site, l line) *voice {
	if s.TCP == (l.path == 1) {
		return &voice{f: f, network: "tcp", addr: f.deps.DC09TCP, by: f.tcp[l.site%len(f.tcp)]}
	}
	return &voice{f: f, network: "udp", addr: f.deps.DC09UDP, by: f.udp[l.site%len(f.udp)]}
}

// take queues a message; false when it is given up. A path with something to
// say needs no link test.
func (v *voice) take(m said) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if m.poll && (v.speaking || len(v.waiting) > 0) || len(v.waiting) >= maxWaiting {
		return false
	}
	v.waiting = append(v.waiting, m)
	return true
}

// speak sends what waits, unless another call is at it.
func (v *voice) speak(ctx context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.speaking {
		return
	}
	v.speaking = true
	for len(v.waiting) > 0 && ctx.Err() == nil {
		m := v.waiting[0]
		v.waiting = v.waiting[1:]
		v.mu.Unlock()
		v.send(ctx, m)
		v.mu.Lock()
	}
	v.speaking = false
}

// send sends a message with the tries of its transport; what stays unanswered is
// counted and given up.
func (v *voice) send(ctx context.Context, m said) {
	v.f.metrics.sent.Inc()
	answer, err := v.by.Send(ctx, m.message)
	if !v.f.note(ctx, answer, err) || !m.twice {
		return
	}
	// The same frame from another socket: a panel whose ACK was lost.
	t, err := panel.Dial(v.network, v.addr, panel.FirstSequence(answer.Sequence))
	if err != nil {
		v.f.deps.Log.Debug("a repeat found no receiver", "error", err)
		return
	}
	v.f.metrics.sent.Inc()
	answer, err = t.Send(ctx, m.message)
	v.f.note(ctx, answer, err)
	if err := t.Close(); err != nil {
		v.f.deps.Log.Debug("closing the socket of a repeat", "error", err)
	}
}

// note counts what came of a message; true when it was acknowledged. Silence is
// told once, and so is its end.
func (f *Fleet) note(ctx context.Context, a panel.Answer, err error) bool {
	switch {
	case err != nil && ctx.Err() != nil:
		return false
	case err != nil:
		f.metrics.unanswered.Inc()
		if f.silent.CompareAndSwap(false, true) {
			f.deps.Log.Warn("the receiver does not answer the demonstration's panels; they go on trying", "error", err)
		}
		return false
	}
	if f.silent.CompareAndSwap(true, false) {
		f.deps.Log.Info("the receiver answers the demonstration's panels again")
	}
	if a.Kind != panel.ACK {
		f.metrics.refused.Inc()
		f.deps.Log.Warn("the receiver refused a message of the demonstration", "meaning", panel.Explain(a, "en"))
		return false
	}
	f.metrics.acked.Inc()
	return true
}
