// Package driver sends a schedule of DC-09 messages at their intended times,
// whatever the answers do (an open loop), and measures each answer from the
// intended time: a system that stalls is charged for all who would have spoken
// meanwhile, not for the one that waited (coordinated omission).
//
// A panel sends one message at a time, as panels do: what falls due meanwhile
// waits in the panel, its clock running. What nobody answers is sent again, the
// same bytes, and counted.
package driver

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

const (
	// UDPTries of UDPWait each, TCPTries of TCPWait: the figures of a dialler that
	// was read, not of the standard.
	UDPTries = 5
	// UDPWait is how long one try by datagram waits for its answer.
	UDPWait = time.Second
	// TCPTries over a connection.
	TCPTries = 3
	// TCPWait is how long one try over a connection waits for its answer.
	TCPWait = 5 * time.Second
	// DefaultLateBound: a message that leaves later than this, although its panel
	// was free, was held up by the generator itself.
	DefaultLateBound = 20 * time.Millisecond
	// maxQueue of messages that wait in one panel; past it they are not sent.
	maxQueue = 1_024
	// scanEvery is the pace at which silences are noticed.
	scanEvery = 50 * time.Millisecond
	// drainPatience is how long after the schedule's end the last answers are
	// waited for: the longest series of tries, twice.
	drainPatience = 2 * TCPTries * TCPWait
)

// Panel is one simulated panel.
type Panel struct {
	// Site is its number, Account what it sends under (line 0).
	Site      uint64
	Account   string
	TCP       bool
	ContactID bool
}

// Transport carries frames to the receiver; answers come back by Driver.Answer.
type Transport interface {
	// Send hands a frame over and never waits for the network; what it cannot
	// send is lost, as on a network. Called from several goroutines.
	Send(panel int, frame []byte)
	// Close ends it; no answer is delivered after it returned.
	Close() error
}

// Config of a driver.
type Config struct {
	Panels []Panel
	// Duration of the schedule, for the width of the curves.
	Duration time.Duration
	// FirstSequence is what every panel has counted to before this schedule.
	FirstSequence uint32
	// LateBound takes the place of DefaultLateBound when it is not 0.
	LateBound time.Duration
	// Break makes the driver lie on purpose, to prove that it is caught.
	Break Break
}

// Break is what a deliberately broken run does; zero for an honest one.
type Break struct {
	// PhantomEvery counts an ACK for every N-th event although it was never sent.
	PhantomEvery int
}

// Driver sends one schedule. Make it with New, give it a transport, run it once.
type Driver struct {
	cfg       Config
	transport Transport
	byAccount map[string]int
	panels    []panel
	recorder  *Recorder
	start     time.Time
	open      atomic.Int64 // panels with something under way
	result    Result
	events    int
	// unread counts answers that are none.
	unread atomic.Uint64
}

// panel is the state of one simulated panel.
type panel struct {
	mu       sync.Mutex
	sequence uint32
	busy     bool
	flight   flight
	queue    []*Event
	// deadline of the flight, from the start; 0 while there is none. Read without
	// the lock by the scan.
	deadline atomic.Int64
	polls    Polls
}

// flight is the message under way.
type flight struct {
	event    *Event
	sequence uint32
	frame    []byte
	first    time.Duration
	tries    int
}

// New makes a driver that has sent nothing.
func New(cfg Config) *Driver {
	if cfg.LateBound <= 0 {
		cfg.LateBound = DefaultLateBound
	}
	d := &Driver{cfg: cfg, byAccount: make(map[string]int, len(cfg.Panels)), panels: make([]panel, len(cfg.Panels)), recorder: NewRecorder(cfg.Duration)}
	for i, p := range cfg.Panels {
		d.byAccount[p.Account] = i
		d.panels[i].sequence = cfg.FirstSequence
	}
	return d
}

// Recorder holds the measures; it may be read once Run has returned.
func (d *Driver) Recorder() *Recorder { return d.recorder }

// Use gives the driver its transport, before Run.
func (d *Driver) Use(t Transport) { d.transport = t }

// Run sends the messages, which are in order of Due counted from start, and
// returns once every panel has its last answer or has given up, or ctx ended.
func (d *Driver) Run(ctx context.Context, start time.Time, messages iter.Seq[scenario.Message]) (*Result, error) {
	d.start = start
	d.result.Polls = make([]Polls, len(d.panels))
	scanning, stop := context.WithCancel(ctx)
	var scan sync.WaitGroup
	scan.Go(func() { d.scan(scanning) })
	for m := range messages {
		if err := pause(ctx, time.Until(start.Add(m.Due))); err != nil {
			break
		}
		d.offer(m)
	}
	d.result.Elapsed = time.Since(start)
	d.drain(ctx)
	stop()
	scan.Wait()
	err := d.transport.Close()
	d.settle()
	if ctx.Err() != nil {
		return &d.result, fmt.Errorf("the run was interrupted: %w", ctx.Err())
	}
	return &d.result, err
}

func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// offer gives a message to its panel at its time.
func (d *Driver) offer(m scenario.Message) {
	e := &Event{Panel: m.Site, Due: m.Due, Do: m.Do, Zone: m.Zone, Class: m.Do.Class()}
	d.result.Offered[e.Class]++
	if e.Class != scenario.Poll {
		d.events++
		d.result.Events = append(d.result.Events, e)
		if n := d.cfg.Break.PhantomEvery; n > 0 && d.events%n == 0 {
			e.State, e.Tries = Acknowledged, 1
			e.Fingerprint = ids.Hash("never sent", fmt.Sprint(d.events))
			return
		}
	}
	p := &d.panels[m.Site]
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.busy:
		now := d.now()
		if now-m.Due > d.cfg.LateBound {
			d.result.Late++
			d.result.Latest = max(d.result.Latest, now-m.Due)
		}
		d.open.Add(1)
		d.begin(p, e)
	case len(p.queue) >= maxQueue:
		e.State = NotSent
		d.result.NotSent++
	default:
		p.queue = append(p.queue, e)
		d.result.Queued++
	}
}

func (d *Driver) now() time.Duration { return time.Since(d.start) }

// begin sends a message for the first time; p is locked.
func (d *Driver) begin(p *panel, e *Event) {
	p.busy = true
	p.sequence = p.sequence%dc09.MaxSequence + 1
	to := &d.cfg.Panels[e.Panel]
	frame := to.Frame(e.Do, e.Zone, p.sequence, d.start.Add(e.Due).UnixMilli())
	wire, err := dc09.Append(nil, frame)
	if err != nil {
		panic("driver: a message that cannot be encoded: " + err.Error())
	}
	if e.Class != scenario.Poll {
		e.Fingerprint = ids.Fingerprint(to.Site, frame.Sequence, frame.Token, frame.Data, frame.ExtendedWithoutPath())
	}
	p.flight = flight{event: e, sequence: p.sequence, frame: wire, first: d.now()}
	d.try(p)
}

// try sends the flight once more; p is locked.
func (d *Driver) try(p *panel) {
	p.flight.tries++
	_, wait := d.patience(p.flight.event.Panel)
	p.deadline.Store(int64(d.now() + wait))
	d.transport.Send(p.flight.event.Panel, p.flight.frame)
}

func (d *Driver) patience(i int) (int, time.Duration) {
	if d.cfg.Panels[i].TCP {
		return TCPTries, TCPWait
	}
	return UDPTries, UDPWait
}

// Answer takes what came back from the receiver, one frame. The bytes may be
// reused once it returns.
func (d *Driver) Answer(raw []byte) {
	f, err := dc09.Parse(raw, dc09.Options{})
	i, known := d.byAccount[f.Account]
	if err != nil || !known {
		d.unread.Add(1)
		return
	}
	p := &d.panels[i]
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.busy || f.Token != dc09.TokenNak && f.Sequence != p.flight.sequence {
		return // the answer to a repeat of what was answered already
	}
	state := Acknowledged
	if f.Token != dc09.TokenAck {
		state = Refused
	}
	d.conclude(p, state)
}

// conclude ends the flight and begins the next message that waits; p is locked.
func (d *Driver) conclude(p *panel, state State) {
	e, now := p.flight.event, d.now()
	e.State, e.Tries = state, uint8(min(p.flight.tries, 255))
	e.Answered = now
	d.recorder.Answered(e.Class, e.Due, p.flight.first, now, state == Acknowledged)
	if e.Class == scenario.Poll {
		p.polls.count(state, p.flight.tries)
	}
	p.deadline.Store(0)
	p.busy = false
	if len(p.queue) == 0 {
		d.open.Add(-1)
		return
	}
	next := p.queue[0]
	p.queue = p.queue[1:]
	d.begin(p, next)
}

// scan repeats, or gives up, what was not answered in time.
func (d *Driver) scan(ctx context.Context) {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := int64(d.now())
		for i := range d.panels {
			p := &d.panels[i]
			if due := p.deadline.Load(); due == 0 || due > now {
				continue
			}
			p.mu.Lock()
			if due := p.deadline.Load(); due != 0 && due <= now {
				d.silence(p)
			}
			p.mu.Unlock()
		}
	}
}

func (d *Driver) silence(p *panel) {
	if tries, _ := d.patience(p.flight.event.Panel); p.flight.tries >= tries {
		d.conclude(p, Unanswered)
		return
	}
	d.try(p)
}

// drain waits for the last answers.
func (d *Driver) drain(ctx context.Context) {
	patience := time.NewTimer(drainPatience)
	defer patience.Stop()
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for d.open.Load() > 0 {
		select {
		case <-tick.C:
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// settle ends what is still under way and adds up; nothing runs any more.
func (d *Driver) settle() {
	for i := range d.panels {
		p := &d.panels[i]
		p.mu.Lock()
		if p.busy {
			e := p.flight.event
			e.State, e.Tries = Unanswered, uint8(p.flight.tries)
			d.recorder.Answered(e.Class, e.Due, p.flight.first, d.now(), false)
			if e.Class == scenario.Poll {
				p.polls.count(Unanswered, p.flight.tries)
			}
			for _, waiting := range p.queue {
				waiting.State = NotSent
				d.result.NotSent++
				d.result.Queued--
			}
			p.busy, p.queue = false, nil
		}
		d.result.Polls[i] = p.polls
		p.mu.Unlock()
	}
	for c := range scenario.Classes {
		d.result.Acknowledged[c] = d.recorder.acknowledged[c]
	}
	d.result.Unread = d.unread.Load()
	d.result.total()
}
