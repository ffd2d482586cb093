// Package panel is the transmitter's side of SIA DC-09: what a control panel
// sends, how it repeats what nobody answered, and what the answers mean.
//
// One Transmitter speaks for any number of accounts over one socket: answers
// are matched by line, account and sequence.
package panel

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Errors of Send.
var (
	// ErrNoAnswer: no receiver answered any of the tries. Nothing is known of the
	// message: it must be sent again, or by another path.
	ErrNoAnswer = errors.New("no answer")
	// ErrClosed: the transmitter was closed.
	ErrClosed = errors.New("the transmitter is closed")
)

const (
	// The receiver may take long to make a message durable, but a panel has
	// another path: 5 tries of 1 s by datagram (the figures of a dialler that was
	// read, not of the standard), 3 of 5 s by stream.
	udpTries, tcpTries = 5, 3
	udpWait, tcpWait   = time.Second, 5 * time.Second
	dialWait           = 5 * time.Second
	// maxPause between two tries when there is no connection to wait on.
	maxPause   = time.Second
	readBuffer = 64 << 10
)

// Option changes a Transmitter.
type Option func(*Transmitter)

// Tries sets how often a message is sent, at least once, and how long each try
// waits for its answer.
func Tries(n int, wait time.Duration) Option {
	return func(t *Transmitter) { t.tries, t.wait = max(n, 1), wait }
}

// FirstSequence sets the sequence, 1 to 9999, that each account begins with. By
// default it follows the time of day, so that a dialler started again does not
// repeat the numbers it has just used.
func FirstSequence(n uint32) Option {
	return func(t *Transmitter) { t.first = n }
}

// Now gives the transmitter another clock for stamps.
func Now(now func() time.Time) Option {
	return func(t *Transmitter) { t.now = now }
}

// TLS sets how a transmitter over "tls" proves who the receiver is.
func TLS(cfg *tls.Config) Option {
	return func(t *Transmitter) { t.tls = cfg }
}

// Watch is told each frame as it goes out, repeats included; it must not keep it.
func Watch(sent func(frame []byte)) Option {
	return func(t *Transmitter) { t.sent = sent }
}

// Transmitter sends messages and waits for their answers. Safe for concurrent use.
type Transmitter struct {
	network, addr string
	tries         int
	wait          time.Duration
	first         uint32
	now           func() time.Time
	tls           *tls.Config
	sent          func([]byte)

	mu       sync.Mutex
	closed   bool
	link     *link
	dialling chan struct{}
	next     map[account]uint32
	waiting  map[exchange]*waiter
	// offset corrects our stamps by what the last NAK told.
	offset  time.Duration
	readers sync.WaitGroup
}

type account struct {
	line uint32
	name string
}

type exchange struct {
	account
	sequence uint32
}

// waiter is a message that waits for its answer.
type waiter struct {
	answers chan Answer
	// key that an answer must be encrypted with; nil for a message in clear.
	key     *dc09.Key
	stamped bool
}

// link is one connection; gone is closed when it broke.
type link struct {
	conn net.Conn
	gone chan struct{}
	mu   sync.Mutex // one frame at a time on a stream
}

// Dial makes a transmitter to addr over "tcp", "udp", or "tls": TCP inside TLS. A
// connection is made at once, and made again by Send when it broke.
func Dial(network, addr string, options ...Option) (*Transmitter, error) {
	t := &Transmitter{network: network, addr: addr, now: time.Now, sent: func([]byte) {}, next: map[account]uint32{}, waiting: map[exchange]*waiter{}}
	switch network {
	case "udp":
		t.tries, t.wait = udpTries, udpWait
	case "tcp", "tls":
		t.tries, t.wait = tcpTries, tcpWait
	default:
		return nil, fmt.Errorf("%q is no transport of DC-09: use tcp, udp or tls", network)
	}
	for _, o := range options {
		o(t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialWait)
	defer cancel()
	if _, err := t.connected(ctx); err != nil {
		return nil, fmt.Errorf("reaching the receiver at %s over %s: %w", addr, network, err)
	}
	return t, nil
}

// Close ends the connection; sends that wait return ErrClosed.
func (t *Transmitter) Close() error {
	t.mu.Lock()
	t.closed = true
	l := t.link
	t.mu.Unlock()
	var err error
	if l != nil {
		err = l.conn.Close()
	}
	t.readers.Wait()
	return err
}

// Send sends a message until it is answered, its tries are used up, or ctx ends.
// An answer is any of ACK, RSP, NAK and DUH: look at Answer.Kind. A NAK with a clock
// makes a stamped message be sent once more with the stamp corrected.
func (t *Transmitter) Send(ctx context.Context, m Message) (Answer, error) {
	began := t.now()
	x := t.begin(m)
	answers := make(chan Answer, 2) // an answer and one to a repeat
	t.mu.Lock()
	t.waiting[x] = &waiter{answers, m.Key, m.stamped()}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.waiting, x)
		t.mu.Unlock()
	}()
	corrected := false
	var last error
	for try := 1; try <= t.tries; try++ {
		a, err := t.attempt(ctx, m, x, answers)
		if errors.Is(err, ErrClosed) || ctx.Err() != nil {
			return Answer{}, fmt.Errorf("message %04d of #%s: %w", x.sequence, m.Account, errors.Join(err, ctx.Err()))
		}
		if err != nil {
			last = err
			continue
		}
		if a.Kind == NAK && m.stamped() && !corrected && a.ReceiverClockMS != 0 {
			corrected = true
			t.correct(a.ReceiverClockMS)
			try--
			continue
		}
		a.Tries, a.Elapsed = try, t.now().Sub(began)
		return a, nil
	}
	return Answer{}, fmt.Errorf("message %04d of #%s: %w from %s over %s after %d tries: %w", x.sequence, m.Account, ErrNoAnswer, t.addr, t.network, t.tries, last)
}

// begin draws the message's sequence.
func (t *Transmitter) begin(m Message) exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := account{m.Line, m.Account}
	seq, ok := t.next[a]
	if !ok {
		if seq = t.first; seq == 0 {
			seq = uint32(t.now().Unix()%dc09.MaxSequence) + 1
		}
	}
	t.next[a] = seq%dc09.MaxSequence + 1
	return exchange{a, seq}
}

func (t *Transmitter) correct(receiverMS int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offset = time.UnixMilli(receiverMS).Sub(t.now())
}

// attempt sends once and waits for the answer.
func (t *Transmitter) attempt(ctx context.Context, m Message, x exchange, answers <-chan Answer) (Answer, error) {
	l, err := t.connected(ctx)
	if err != nil {
		t.pause(ctx)
		return Answer{}, err
	}
	frame, err := t.encode(m, x)
	if err != nil {
		return Answer{}, err
	}
	t.sent(frame)
	if err := l.write(frame, t.wait); err != nil {
		t.lost(l)
		t.pause(ctx)
		return Answer{}, fmt.Errorf("sending: %w", err)
	}
	wait := time.NewTimer(t.wait)
	defer wait.Stop()
	select {
	case a := <-answers:
		return a, nil
	case <-l.gone:
		if t.isClosed() {
			return Answer{}, ErrClosed
		}
		t.pause(ctx)
		return Answer{}, errors.New("the connection was lost")
	case <-wait.C:
		return Answer{}, fmt.Errorf("silence for %s", t.wait)
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

func (t *Transmitter) encode(m Message, x exchange) ([]byte, error) {
	f := dc09.Frame{Token: m.Token, Sequence: x.sequence, Receiver: m.Receiver, HasReceiver: m.Receiver != 0,
		Line: m.Line, Account: m.Account, Data: m.Data, Extended: m.Extended}
	if m.stamped() {
		t.mu.Lock()
		f.SentAtMS = t.now().Add(t.offset).UnixMilli()
		t.mu.Unlock()
	}
	if m.Key == nil {
		return dc09.Append(nil, f)
	}
	var pad dc09.Pad
	_, _ = rand.Read(pad[:]) // never fails, by its documentation
	return dc09.AppendSealed(nil, f, m.Key, pad)
}

// pause keeps a broken connection from being retried in a tight loop.
func (t *Transmitter) pause(ctx context.Context) {
	select {
	case <-time.After(min(t.wait, maxPause)):
	case <-ctx.Done():
	}
}

func (t *Transmitter) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}
