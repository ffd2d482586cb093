package siege

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"
)

// fleetConfig is a fleet of good panels, each with an account and a source of its own.
type fleetConfig struct {
	doors
	Panels int
	// Redial of a hundred panels connect anew for each message, and Datagrams of a
	// hundred send over UDP; the others hold one connection.
	Redial, Datagrams int
	// Retry is when a frame without an answer is sent again (5 s), and Tries how often
	// it is sent at most (6).
	Retry time.Duration
	Tries int
	// Ledger is a file that gets a line for each acknowledged alarm; "" for none.
	Ledger string
}

// load is what all panels together send for a while, at random moments.
type load struct {
	Name    string
	Seconds float64
	// Alarms and Polls a second.
	Alarms, Polls float64
}

// account of a panel, and the site that it is bound to.
func account(n int) string { return fmt.Sprintf("%06X", 0xA00000+n) }
func site(n int) uint64    { return uint64(1000 + n) }

// source of a panel: 127.16.0.0 and what follows.
func source(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(16 + n>>16), byte(n >> 8), byte(n)})
}

// fleet runs the panels.
type fleet struct {
	cfg    fleetConfig
	panels []*dialler
	work   sync.WaitGroup
	ctx    context.Context
	end    context.CancelFunc

	mu sync.Mutex
	// again are messages that wait for an answer, in the order in which they are due
	// to be sent again.
	again  []*message
	number int
	turn   int
	random *rand.Rand
	ledger *bufio.Writer
	file   *os.File
	// acked alarms and polls, and when the last ACK came.
	acked   int
	ackedAt time.Time
}

// message is a frame on its way.
type message struct {
	from   *dialler
	book   *book
	alarm  bool
	number int
	raw    []byte
	// ack is the one answer that is right.
	ack     string
	planned time.Time
	due     time.Time
	tries   int
}

func newFleet(cfg fleetConfig) (*fleet, error) {
	cfg.Retry = cmp.Or(cfg.Retry, 5*time.Second)
	cfg.Tries = cmp.Or(cfg.Tries, 6)
	f := &fleet{cfg: cfg, random: rand.New(rand.NewPCG(1, 2))}
	f.ctx, f.end = context.WithCancel(context.Background())
	if cfg.Ledger != "" {
		var err error
		if f.file, err = os.Create(cfg.Ledger); err != nil {
			return nil, err
		}
		f.ledger = bufio.NewWriter(f.file)
	}
	for n := range cfg.Panels {
		p := &dialler{f: f, n: n, account: account(n), flying: map[string]*message{}}
		switch {
		case n%100 < cfg.Redial:
			p.habit = redials
		case n%100 < cfg.Redial+cfg.Datagrams:
			p.habit = datagrams
		}
		f.panels = append(f.panels, p)
	}
	// Neighbours in number share a network; the order of sending does not follow it.
	f.random.Shuffle(len(f.panels), func(i, j int) { f.panels[i], f.panels[j] = f.panels[j], f.panels[i] })
	for _, p := range f.panels {
		if err := p.begin(); err != nil {
			return nil, errors.Join(err, f.stop())
		}
	}
	f.work.Go(f.retry)
	return f, nil
}

// stop ends the panels and closes the ledger.
func (f *fleet) stop() error {
	f.end()
	for _, p := range f.panels {
		p.close()
	}
	f.work.Wait()
	if f.file == nil {
		return nil
	}
	return errors.Join(f.ledger.Flush(), f.file.Close())
}

// send sends a load, waits until all of it was answered or given up, and tells what
// the panels saw. It ends early with until.
func (f *fleet) send(until context.Context, l load) phase {
	b := newBook(l)
	rate := l.Alarms + l.Polls
	begin := time.Now()
	for at, due := begin, 0.0; ; {
		at = at.Add(time.Duration(f.random.ExpFloat64() * float64(time.Second) / rate))
		if at.Sub(begin).Seconds() > l.Seconds || !sleepUntil(until, at) {
			break
		}
		// Alarms among polls as their rates are.
		due += l.Alarms / rate
		alarm := due >= 1
		if alarm {
			due--
		}
		b.late(time.Since(at))
		f.next(b, alarm, at)
	}
	b.await()
	return b.phase()
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	ahead := time.Until(at)
	if ahead <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(ahead)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// next lets the next panel send.
func (f *fleet) next(b *book, alarm bool, at time.Time) {
	f.mu.Lock()
	p := f.panels[f.turn%len(f.panels)]
	f.turn++
	f.number++
	m := &message{from: p, book: b, alarm: alarm, number: f.number, planned: at, tries: 1, due: time.Now().Add(f.cfg.Retry)}
	f.again = append(f.again, m)
	f.mu.Unlock()
	b.planned(m)
	p.send(m)
}

// retry sends again what has no answer, and gives it up after as many tries as allowed.
func (f *fleet) retry() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
		for _, m := range f.overdue(time.Now()) {
			if m.from.waitsFor(m) {
				m.from.transmit(m)
			}
		}
	}
}

// overdue takes out what is to be sent again now, and puts it behind the others.
func (f *fleet) overdue(now time.Time) (due []*message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for n < len(f.again) && f.again[n].due.Before(now) {
		n++
	}
	for _, m := range f.again[:n:n] {
		if !m.from.waitsFor(m) {
			continue
		}
		if m.tries >= f.cfg.Tries {
			m.from.giveUp(m)
			continue
		}
		m.tries++
		m.due = now.Add(f.cfg.Retry)
		f.again = append(f.again, m)
		due = append(due, m)
	}
	f.again = f.again[n:]
	return due
}

// acknowledged books an ACK.
func (f *fleet) acknowledged(m *message, at time.Time) {
	f.mu.Lock()
	f.acked++
	f.ackedAt = at
	if m.alarm && f.ledger != nil {
		_, _ = fmt.Fprintln(f.ledger, key(m.from.account, m.number)) // its error is told by Flush
	}
	f.mu.Unlock()
	m.book.answered(m, at)
}

// key names an alarm: no two of a run have the same zone.
func key(account string, zone int) string { return fmt.Sprintf("%s/%d", account, zone) }

// answers is how many ACKs have come, and when the last one did.
func (f *fleet) answers() (int, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acked, f.ackedAt
}

// sentSoFar is the number of the youngest message.
func (f *fleet) sentSoFar() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.number
}

// oldestOpen is the oldest message without an answer; nil when all have theirs.
func (f *fleet) oldestOpen() (oldest *message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.again {
		if (oldest == nil || m.number < oldest.number) && m.from.waitsFor(m) {
			oldest = m
		}
	}
	return oldest
}

// playPanels is a fleet as a process of its own.
func playPanels(raw json.RawMessage) (*part, error) {
	var cfg fleetConfig
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return nil, err
	}
	f, err := newFleet(cfg)
	if err != nil {
		return nil, err
	}
	return &part{stop: f.stop, orders: map[string]func(json.RawMessage) (any, error){
		"send": func(raw json.RawMessage) (any, error) {
			var l load
			if err := json.Unmarshal(raw, &l); err != nil {
				return nil, err
			}
			return f.send(context.Background(), l), nil
		},
	}}, nil
}
