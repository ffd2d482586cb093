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

// entrance is one listening address of streams.
type entrance struct {
	net.Listener
	transport vigiev1.Transport
	// secure is nil for an entrance in clear.
	secure *tls.Config
}

// serveTCP accepts until stop ends, and then waits for its sessions.
func (r *Receiver) serveTCP(stop context.Context, ln entrance, all *seats, away turnedAway) {
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
		waits := r.waits(conn)
		seat := all.enter(conn, waits)
		switch {
		case seat != nil:
		case waits:
			away.add(conn)
			r.metrics.refusedConnections.WithLabelValues("waits").Inc()
			continue
		default:
			abandon(conn) // the bound holds; the panel tries again or uses its other path
			r.metrics.refusedConnections.WithLabelValues("room").Inc()
			continue
		}
		sessions.Go(func() {
			defer seat.leave()
			r.serveConn(stop, conn, ln, frames, seat)
		})
	}
}

// waits tells whether a connection comes from where one was ended lately. Behind a
// proxy nobody knows yet.
func (r *Receiver) waits(conn net.Conn) bool {
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
	return r.limits.waits(from, time.UnixMilli(r.appender.NowMS()))
}

// serveConn serves one connection whose source has not its share of them yet.
func (r *Receiver) serveConn(stop context.Context, conn net.Conn, ln entrance, frames *appender.Listener, seat *seat) {
	conn, why := r.greet(stop, conn, ln.secure)
	s := r.newSession(conn, frames)
	s.transport, s.seat = ln.transport, seat
	from := s.remote.Addr()
	if why == "" {
		why = r.limits.connect(from)
	}
	if why != "" {
		if why == "tls" {
			r.limits.blame(from, time.UnixMilli(r.appender.NowMS()))
		}
		abandon(seat.conn)
		r.metrics.refusedConnections.WithLabelValues(why).Inc()
		return
	}
	defer r.limits.disconnect(from)
	r.metrics.connections.Inc()
	defer r.metrics.connections.Dec()
	s.run(stop)
}

// session is one TCP connection: one goroutine reads, and another writes while there
// are answers. Most connections are idle, and there are many: what an idle one holds
// is little more than this.
type session struct {
	r      *Receiver
	conn   net.Conn
	remote netip.AddrPort
	// transport is TCP, or TLS.
	transport vigiev1.Transport
	frames    *appender.Listener
	split     dc09.Splitter
	lastRead  instant
	bad       int
	// seat among all connections; proven once a whole frame came.
	seat   *seat
	proven bool
	flying sync.WaitGroup
	// abort ends reading when answers cannot be written.
	abort context.CancelFunc

	mu sync.Mutex
	// changed is told when unanswered falls, writing ends, or reading must.
	changed sync.Cond
	// unanswered are the frames not settled yet.
	unanswered int
	// out are answers to be written, so many of them, to frames read at these instants.
	out     []byte
	answers int
	asked   []instant
	// writing: a goroutine writes them. deaf: none will be written any more.
	writing, deaf bool

	small [smallRead]byte
}

func (r *Receiver) newSession(conn net.Conn, frames *appender.Listener) *session {
	remote, _ := netip.ParseAddrPort(conn.RemoteAddr().String()) // the zero value is told as unspecified
	s := &session{r: r, conn: conn, remote: remote, frames: frames, split: dc09.Splitter{Options: r.cfg.Tolerances.any()}}
	s.changed.L = &s.mu
	return s
}

// run serves the connection until the panel ends it, a limit does, or stop.
func (s *session) run(stop context.Context) {
	ctx, cancel := context.WithCancel(stop)
	defer cancel()
	defer s.close()
	s.abort = cancel
	// Reading ends at once when we stop; writing does not.
	defer context.AfterFunc(ctx, func() {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})()
	s.read(ctx)
	s.r.drained(&s.flying)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing {
		s.changed.Wait()
	}
	s.deaf = true
}

// largeReads are for connections that send more at once than smallRead.
var largeReads = sync.Pool{New: func() any { return new([readSize]byte) }}

// read takes frames until the connection ends or a limit is passed.
func (s *session) read(ctx context.Context) {
	buf := s.small[:]
	var large *[readSize]byte
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
			s.lastRead = instantNow()
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
		switch {
		case n == len(s.small) && large == nil:
			large = largeReads.Get().(*[readSize]byte)
			buf = large[:]
		case n < len(s.small) && large != nil && s.split.Pending() == 0:
			largeReads.Put(large)
			large, buf = nil, s.small[:]
			s.split = dc09.Splitter{Options: s.split.Options}
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
		if !s.room(ctx) {
			return pieces, false
		}
		s.flying.Add(1)
		if s.handle(piece, verdict) {
			s.bad++
		} else if !s.proven {
			s.prove()
		}
		if s.bad >= maxBadFrames {
			s.r.metrics.closed.WithLabelValues("bad-frames").Inc()
			s.fault()
			return pieces, false
		}
	}
}

// prove says that a panel is there. Its connection may be silent for long from now on,
// and gets answers.
func (s *session) prove() {
	s.proven = true
	s.seat.prove()
	s.r.limits.pardon(s.remote.Addr(), time.UnixMilli(s.r.appender.NowMS()))
	if c, ok := socket(s.seat.conn); ok {
		_ = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive})
		_ = c.SetWriteBuffer(answerBuffer) // a wish; the write deadline is the bound
	}
}

// fault says that the connection has to be ended; without a frame, its source is to blame.
func (s *session) fault() {
	if !s.proven {
		s.r.limits.blame(s.remote.Addr(), time.UnixMilli(s.r.appender.NowMS()))
	}
}

func (s *session) close() {
	if !s.proven {
		abandon(s.seat.conn)
		return
	}
	_ = s.conn.Close() // what was answered is with the system
}

// room waits until one more frame may be unanswered; false when reading must end.
func (s *session) room(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.unanswered >= maxUnanswered && ctx.Err() == nil {
		s.changed.Wait()
	}
	s.unanswered++
	return ctx.Err() == nil
}

func (s *session) handle(piece []byte, verdict dc09.Verdict) (bad bool) {
	o := origin{remote: s.remote, transport: s.transport, door: s, read: s.lastRead}
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

// settle ends a frame; a panel that does not take its answers loses them.
func (s *session) settle(o origin, answer []byte) {
	s.mu.Lock()
	if s.unanswered == maxUnanswered {
		s.changed.Broadcast()
	}
	s.unanswered--
	switch {
	case answer == nil:
	case s.answers >= answerQueue, s.deaf:
		s.r.metrics.silences.WithLabelValues("answer-queue").Inc()
	default:
		s.out = append(s.out, answer...)
		s.answers++
		s.asked = append(s.asked, o.read)
		if !s.writing {
			s.writing = true
			go s.write()
		}
	}
	s.mu.Unlock()
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
	switch {
	case timeout:
		reason = "idle"
	case errors.Is(err, net.ErrClosed):
		reason = "gave-way"
	}
	if reason != "peer" {
		s.fault()
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

// write sends the answers at hand together, until there are none or one write fails.
// run waits for it.
func (s *session) write() {
	var buf []byte
	var asked []instant
	for s.take(&buf, &asked) {
		err := s.conn.SetWriteDeadline(time.Now().Add(s.r.cfg.Write))
		if err == nil {
			_, err = s.conn.Write(buf)
		}
		if err == nil {
			s.r.metrics.wrote(asked)
		} else {
			s.r.metrics.closed.WithLabelValues("write").Inc()
			s.mu.Lock()
			s.deaf, s.out, s.answers, s.asked = true, nil, 0, nil
			s.mu.Unlock()
			s.abort()
		}
	}
}

// take exchanges what was written for what is to be; false ends the writing.
func (s *session) take(buf *[]byte, asked *[]instant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers > 0 {
		s.out, *buf, s.answers = (*buf)[:0], s.out, 0
		s.asked, *asked = (*asked)[:0], s.asked
		return true
	}
	if cap(*buf) <= smallRead {
		s.out, s.asked = (*buf)[:0], (*asked)[:0]
	} else {
		s.out, s.asked = nil, nil
	}
	s.writing = false
	s.changed.Broadcast()
	return false
}
