package receiver

import (
	"context"
	"net"
	"net/netip"
	"time"
)

const (
	// firstWait of a source whose connection was ended before a whole frame came on it;
	// doubled for each more, up to longestWait. A panel behind the same address gets in
	// between two waits, and the first frame of anyone there ends them.
	firstWait, longestWait = time.Second, 8 * time.Second
	// forgotten is how long after its last fault a source begins anew.
	forgotten = time.Minute
)

// fault is how often, and when last, a connection of a source had to be ended.
type fault struct {
	at    time.Time
	times int
}

// blame counts a connection that was ended because no whole frame came on it.
func (l *limits) blame(a netip.Addr, now time.Time) {
	if l.exempt(a) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _ := l.faults.get(sourceOf(a))
	if now.Sub(f.at) > forgotten {
		f.times = 0
	}
	l.faults.put(sourceOf(a), fault{now, f.times + 1}, now)
}

// pardon forgets the faults of a source: a whole frame came from it.
func (l *limits) pardon(a netip.Addr, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.faults.get(sourceOf(a)); ok && f.times > 0 {
		l.faults.put(sourceOf(a), fault{}, now)
	}
}

// waits tells that a source may have free connections only, and nobody's place.
func (l *limits) waits(a netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _ := l.faults.get(sourceOf(a))
	return f.times > 0 && now.Sub(f.at) < min(firstWait<<min(f.times-1, 8), longestWait)
}

const (
	// maxTurnedAway connections are kept for turnedAwayFor, without a goroutine or a
	// buffer; beyond it they are closed at once.
	maxTurnedAway = 1_024
	turnedAwayFor = time.Second
)

// turnedAway are connections of sources that wait. Who is refused at once is back at
// once, and connecting costs both sides more than all that comes after it; who gets no
// answer is slow.
type turnedAway chan refused

type refused struct {
	conn net.Conn
	due  time.Time
}

// add takes a connection that nothing is read from.
func (t turnedAway) add(conn net.Conn) {
	select {
	case t <- refused{conn, time.Now().Add(turnedAwayFor)}:
	default:
		abandon(conn)
	}
}

// close ends connections as they are due, all of them once stop ended, until no more
// can come.
func (t turnedAway) close(stop context.Context) {
	for c := range t {
		late := time.NewTimer(time.Until(c.due))
		select {
		case <-late.C:
		case <-stop.Done():
		}
		late.Stop()
		abandon(c.conn)
	}
}
