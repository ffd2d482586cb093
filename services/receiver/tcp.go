package receiver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// acceptAgain is the pause after an accept failed, as when files run out.
const acceptAgain = 100 * time.Millisecond

// writeAtOnce bounds the answers that one write to a connection joins.
const writeAtOnce = 32 << 10

// entrance is one listening address of streams.
type entrance struct {
	net.Listener
	transport vigiev1.Transport
	// secure is nil for an entrance in clear.
	secure *tls.Config
}

// serveTCP accepts until stop ends, and then waits for its sessions. room bounds
// the connections of all entrances.
func (r *Receiver) serveTCP(stop context.Context, ln entrance, room chan struct{}) {
	defer context.AfterFunc(stop, func() { _ = ln.Close() })() // ends Accept; nothing to lose
	frames := r.appender.Listener(transportName(ln.transport))
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := ln.Accept()
		if stop.Err() != nil {
			if err == nil {
				_ = conn.Close() // nothing was read from it
			}
			return
		}
		if err != nil {
			r.log.Warn("accepting a panel's connection; trying again", "error", err)
			select {
			case <-time.After(acceptAgain):
			case <-stop.Done():
			}
			continue
		}
		select {
		case room <- struct{}{}:
		default:
			_ = conn.Close() // the bound holds; the panel tries again or uses its other path
			r.metrics.refusedConnections.WithLabelValues("room").Inc()
			continue
		}
		sessions.Go(func() {
			defer func() { <-room }()
			r.serveConn(stop, conn, ln, frames)
		})
	}
}

// serveConn serves one connection whose source has not its share of them yet.
func (r *Receiver) serveConn(stop context.Context, conn net.Conn, ln entrance, frames *appender.Listener) {
	conn, why := r.greet(stop, conn, ln.secure)
	s := r.newSession(conn, frames)
	s.transport = ln.transport
	from := s.remote.Addr()
	if why == "" {
		why = r.limits.connect(from)
	}
	if why != "" {
		_ = conn.Close()
		r.metrics.refusedConnections.WithLabelValues(why).Inc()
		return
	}
	defer r.limits.disconnect(from)
	r.metrics.connections.Inc()
	defer r.metrics.connections.Dec()
	s.run(stop)
}

// session is one TCP connection: this goroutine reads, another writes.
type session struct {
	r      *Receiver
	conn   net.Conn
	remote netip.AddrPort
	// transport is TCP, or TLS.
	transport vigiev1.Transport
	frames    *appender.Listener
	split     dc09.Splitter
	bad       int
	// out are answers to be written; room are the frames not settled yet.
	out    chan []byte
	room   chan struct{}
	flying sync.WaitGroup
	// finish tells the writer to write what is queued and end.
	finish chan struct{}
}

func (r *Receiver) newSession(conn net.Conn, frames *appender.Listener) *session {
	remote, _ := netip.ParseAddrPort(conn.RemoteAddr().String()) // the zero value is told as unspecified
	return &session{
		r: r, conn: conn, remote: remote, frames: frames, split: dc09.Splitter{Options: r.cfg.Tolerances.any()},
		out: make(chan []byte, answerQueue), room: make(chan struct{}, maxUnanswered), finish: make(chan struct{}),
	}
}

// run serves the connection until the panel ends it, a limit does, or stop.
func (s *session) run(stop context.Context) {
	ctx, cancel := context.WithCancel(stop)
	defer cancel()
	defer s.conn.Close()
	// Reading ends at once when we stop; writing does not.
	defer context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })()
	var writer sync.WaitGroup
	writer.Go(func() {
		defer cancel()
		s.write()
	})
	s.read(ctx)
	s.r.drained(&s.flying)
	close(s.finish)
	writer.Wait()
}

// read takes frames until the connection ends or a limit is passed.
func (s *session) read(ctx context.Context) {
	buf := make([]byte, readSize)
	begun := time.Now()
	limit := s.r.cfg.FirstByte
	for {
		// A read deadline needs the wall clock of this machine, not the log's.
		_ = s.conn.SetReadDeadline(begun.Add(limit)) // a broken connection shows in Read
		if ctx.Err() != nil {
			return
		}
		n, err := s.conn.Read(buf)
		if n > 0 {
			waited := s.split.Pending() > 0
			s.split.Write(buf[:n])
			pieces, more := s.drain(ctx)
			if !more {
				return
			}
			begun, limit = s.nextLimit(waited && pieces == 0, begun)
		}
		if err != nil {
			s.ended(ctx, err)
			return
		}
	}
}

// nextLimit: the rest of a frame must come within Stall of its first byte, and
// the next frame within Idle. same tells that what waits is the frame that began
// at begun: on a busy connection every read may end inside another one.
func (s *session) nextLimit(same bool, begun time.Time) (time.Time, time.Duration) {
	switch {
	case s.split.Pending() == 0:
		return time.Now(), s.r.cfg.Idle
	case same:
		return begun, s.r.cfg.Stall
	}
	return time.Now(), s.r.cfg.Stall
}

// drain handles the pieces at hand and counts them; more is false when the
// connection is to be closed.
func (s *session) drain(ctx context.Context) (pieces int, more bool) {
	for ; ; pieces++ {
		piece, verdict, ok := s.split.Next()
		if !ok {
			return pieces, true
		}
		select {
		case s.room <- struct{}{}:
		case <-ctx.Done():
			return pieces, false
		}
		s.flying.Add(1)
		if s.handle(piece, verdict) {
			s.bad++
		}
		if s.bad >= maxBadFrames {
			s.r.metrics.closed.WithLabelValues("bad-frames").Inc()
			return pieces, false
		}
	}
}

func (s *session) handle(piece []byte, verdict dc09.Verdict) (bad bool) {
	o := origin{remote: s.remote, transport: s.transport, answer: s.answer, settled: s.settled}
	return s.r.handlePiece(piece, verdict, o, s.frames)
}

// handlePiece takes a frame, or sets aside what is none.
func (r *Receiver) handlePiece(piece []byte, verdict dc09.Verdict, o origin, frames *appender.Listener) (bad bool) {
	if verdict == dc09.Whole {
		frames.Frame()
		return r.take(piece, o)
	}
	// Junk uses up what its source may send; it is set aside within bounds of its own.
	r.limits.frame(o.remote.Addr(), true, time.UnixMilli(r.appender.NowMS()))
	return r.refuse(o, string(verdict.Reason()), verdict.String(), piece)
}

// answer queues an answer; a panel that does not take its answers loses them.
func (s *session) answer(b []byte) {
	select {
	case s.out <- b:
	default:
		s.r.metrics.silences.WithLabelValues("answer-queue").Inc()
	}
}

func (s *session) settled() {
	<-s.room
	s.flying.Done()
}

// ended sorts out why reading ended.
func (s *session) ended(ctx context.Context, err error) {
	if ctx.Err() != nil {
		s.r.metrics.closed.WithLabelValues("stopped").Inc()
		return
	}
	reason := "peer"
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	if timeout {
		reason = "idle"
	}
	if piece, verdict, ok := s.split.Flush(); ok {
		if timeout {
			reason = "stalled"
		}
		o := origin{remote: s.remote, transport: s.transport}
		s.r.rejects.add(o, string(verdict.Reason()), "the connection ended, or stalled, inside it", piece)
	}
	s.r.metrics.closed.WithLabelValues(reason).Inc()
}

// write sends answers, those at hand together, until finish or a failure.
func (s *session) write() {
	buf := make([]byte, 0, 512)
	for {
		select {
		case b := <-s.out:
			buf = s.gather(append(buf[:0], b...))
		case <-s.finish:
			buf = s.gather(buf[:0])
			if len(buf) == 0 {
				return
			}
		}
		err := s.conn.SetWriteDeadline(time.Now().Add(s.r.cfg.Write))
		if err == nil {
			_, err = s.conn.Write(buf)
		}
		if err != nil {
			s.r.metrics.closed.WithLabelValues("write").Inc()
			return
		}
	}
}

func (s *session) gather(buf []byte) []byte {
	for len(buf) < writeAtOnce {
		select {
		case b := <-s.out:
			buf = append(buf, b...)
		default:
			return buf
		}
	}
	return buf
}
