package surgardin

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver/surgard"
)

// session is one connection of a gateway: one goroutine reads lines, one takes and
// answers them one by one.
type session struct {
	s       *Server
	gateway *gateway
	conn    net.Conn
	remote  netip.AddrPort
	lines   chan line
	// answers sent so far: a line that was read before the answer to its equal left
	// is a repeat of it. sending is held while one leaves.
	sending sync.Mutex
	answers uint64
	// last line acknowledged, and bad lines since the last good one.
	last    string
	bad     int
	started bool
}

// line is one line as read, and how many answers had left then.
type line struct {
	text    string
	answers uint64
}

func newSession(s *Server, g *gateway, conn net.Conn, remote netip.AddrPort) *session {
	return &session{s: s, gateway: g, conn: conn, remote: remote, lines: make(chan line, queue)}
}

// run serves the connection until the gateway ends it, a limit does, or stop.
func (s *session) run(stop context.Context) {
	ctx, cancel := context.WithCancel(stop)
	defer cancel()
	// Reading ends at once when we stop; the answer under way does not.
	defer context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })()
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	reader.Go(func() {
		// A peer that sends no more may still wait for its answer: see await.
		defer cancel()
		defer close(s.lines)
		s.read(ctx)
	})
	for l := range s.lines {
		if stop.Err() != nil || !s.handle(ctx, l) {
			return // what was not taken has no answer, and comes again
		}
	}
}

// read cuts the stream into lines until it ends.
func (s *session) read(ctx context.Context) {
	var split surgard.Splitter
	buf := make([]byte, readSize)
	for {
		// A read deadline needs the wall clock of this machine, not the log's.
		_ = s.conn.SetReadDeadline(time.Now().Add(s.s.cfg.Idle)) // a broken connection shows in Read
		if ctx.Err() != nil {
			return
		}
		n, err := s.conn.Read(buf)
		split.Write(buf[:n])
		for {
			raw, ok := split.Next()
			if !ok {
				break
			}
			select {
			case s.lines <- line{string(raw), s.answered()}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			if split.Pending() > 0 && ctx.Err() == nil {
				s.setAside(surgard.Unfinished, "the connection ended, or stalled, inside it", split.Rest())
			}
			return
		}
	}
}

func (s *session) setAside(reason surgard.Reason, detail string, raw []byte) {
	s.s.deps.Receiver.SetAside(s.remote, vigiev1.Transport_TRANSPORT_SURGARD, string(reason), detail, raw)
}

// handle takes one line and answers it; more is false when the connection is to be
// closed.
func (s *session) handle(ctx context.Context, l line) (more bool) {
	s.s.metrics.heard.WithLabelValues(s.gateway.String()).SetToCurrentTime()
	if l.text == s.last && l.answers < s.answered() {
		s.count("repeat") // two answers to one line would acknowledge the line after it
		return true
	}
	parsed, err := surgard.Parse([]byte(l.text))
	var fault *surgard.Error
	if errors.As(err, &fault) {
		return s.refuse(fault.Reason, fault.Detail, l)
	}
	m, err := s.message(parsed, []byte(l.text))
	if err != nil {
		return s.refuse(surgard.BadHeader, err.Error(), l)
	}
	s.bad = 0
	if !m.Poll {
		s.gateway.mu.Lock()
		m.Identity = s.gateway.numbering.identity(l.text, !s.started)
		s.gateway.mu.Unlock()
		s.started = true
	}
	done := make(chan error, 1)
	if _, err := s.s.deps.Receiver.Take(m, func(err error) { done <- err }); err != nil {
		done <- err
	}
	if err := s.await(ctx, done); err != nil {
		s.count("none")
		s.s.deps.Log.Warn("a gateway's message has no answer, and will come again", "gateway", s.gateway.String(), "error", err)
		return ctx.Err() == nil
	}
	if !s.answer(surgard.ACK, l) {
		return false
	}
	s.gateway.mu.Lock()
	s.gateway.numbering.wasAnswered(l.text)
	s.gateway.mu.Unlock()
	return true
}

func (s *session) answered() uint64 {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.answers
}

// await waits for the log: as long as the connection lasts, and a little longer.
func (s *session) await(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(s.s.cfg.Drain)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return context.Cause(ctx)
	}
}

// refuse sets a damaged line aside and asks for it again.
func (s *session) refuse(reason surgard.Reason, detail string, l line) (more bool) {
	s.setAside(reason, detail, []byte(l.text))
	if s.bad++; s.bad >= maxBad {
		return false
	}
	return s.answer(surgard.NAK, l)
}

func (s *session) count(answer string) {
	s.s.metrics.lines.WithLabelValues(s.gateway.String(), answer).Inc()
}

// answer sends one byte.
func (s *session) answer(b byte, l line) (sent bool) {
	s.count(map[byte]string{surgard.ACK: "ack", surgard.NAK: "nak"}[b])
	s.last = l.text
	if b == surgard.NAK {
		s.last = "" // a NAK more does no harm
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	s.answers++
	err := s.conn.SetWriteDeadline(time.Now().Add(s.s.cfg.Write))
	if err == nil {
		_, err = s.conn.Write([]byte{b})
	}
	return err == nil
}
