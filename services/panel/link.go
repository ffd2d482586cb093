package panel

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// connected returns the connection, and makes it when there is none. One caller
// dials; the others wait for it.
func (t *Transmitter) connected(ctx context.Context) (*link, error) {
	for {
		t.mu.Lock()
		if t.closed {
			t.mu.Unlock()
			return nil, ErrClosed
		}
		if t.link != nil {
			l := t.link
			t.mu.Unlock()
			return l, nil
		}
		if t.dialling == nil {
			t.dialling = make(chan struct{})
			t.mu.Unlock()
			return t.dial(ctx)
		}
		dialling := t.dialling
		t.mu.Unlock()
		select {
		case <-dialling:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *Transmitter) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	conn, err := t.connect(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.dialling)
	t.dialling = nil
	if err != nil {
		return nil, err
	}
	if t.closed {
		_ = conn.Close() // Close came while we dialled; nothing was sent on it
		return nil, ErrClosed
	}
	t.link = &link{conn: conn, gone: make(chan struct{})}
	t.readers.Add(1)
	go t.read(t.link)
	return t.link, nil
}

// connect makes a connection of the transmitter's kind.
func (t *Transmitter) connect(ctx context.Context) (net.Conn, error) {
	if t.network == "tls" {
		d := tls.Dialer{Config: t.tls}
		return d.DialContext(ctx, "tcp", t.addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, t.network, t.addr)
}

// lost gives a connection up, so that the next try makes another.
func (t *Transmitter) lost(l *link) {
	_ = l.conn.Close() // it is broken already, or abandoned
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.link == l {
		t.link = nil
	}
}

func (l *link) write(frame []byte, within time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := l.conn.Write(frame)
	return err
}

// read hands answers to those who wait for them, until the connection ends.
func (t *Transmitter) read(l *link) {
	defer t.readers.Done()
	defer close(l.gone)
	defer t.lost(l)
	buf := make([]byte, readBuffer)
	var split dc09.Splitter
	for {
		n, err := l.conn.Read(buf)
		if n > 0 && !t.deliverWord(buf[:n]) {
			split.Write(buf[:n])
			t.drain(&split)
		}
		if err == nil {
			continue
		}
		// A datagram socket reports that nobody listens; the receiver may be back
		// for the next try.
		if t.network == "udp" && !t.isClosed() && n == 0 && !isClosedConn(err) {
			continue
		}
		return
	}
}

func (t *Transmitter) drain(split *dc09.Splitter) {
	for {
		piece, verdict, ok := split.Next()
		if !ok {
			return
		}
		if verdict != dc09.Whole {
			continue // an answer that cannot be read is no answer
		}
		if f, ok := parseAnswer(piece); ok {
			t.deliver(f, piece)
		}
	}
}

// deliver finds who waits for an answer. A NAK has sequence 0000, and of most
// receivers no account: it goes to every message whose stamp it may be about.
func (t *Transmitter) deliver(f dc09.Frame, raw []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := account{f.Line, f.Account}
	if w, ok := t.waiting[exchange{of, f.Sequence}]; ok {
		w.offer(f, raw)
		return
	}
	if f.Token != dc09.TokenNak {
		return
	}
	for x, w := range t.waiting {
		if x.account == of || f.Account == "" && w.stamped {
			its := f
			its.Line, its.Account = x.line, x.name
			w.offer(its, raw)
		}
	}
}

// refusal is all that pysiaalarm says of an account in clear that it does not know.
const refusal = `"NAK"`

// deliverWord takes a refusal, which has no frame, for the answer to the one message
// that waits; when more do, nobody knows whose it is.
func (t *Transmitter) deliverWord(raw []byte) bool {
	if string(raw) != refusal {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for x, w := range t.waiting {
		if len(t.waiting) == 1 {
			w.offer(dc09.Frame{Token: dc09.TokenNak, Line: x.line, Account: x.name, Sequence: x.sequence}, raw)
		}
	}
	return true
}

// offer drops an answer that nobody has room for: it repeats one that waits.
func (w *waiter) offer(f dc09.Frame, raw []byte) {
	a, ok := answerTo(f, w.key, raw)
	if !ok {
		return
	}
	select {
	case w.answers <- a:
	default:
	}
}
