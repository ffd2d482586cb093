package receiver

import (
	"container/list"
	"net"
	"sync"

	"github.com/pires/go-proxyproto"
)

// seats bound the connections of all entrances. Who comes when all are taken gets that
// of the connection that has been open longest of those on which no whole frame came
// yet: connections that are held open with nothing, or with half frames, keep no panel
// out, from however many addresses they come.
type seats struct {
	mu   sync.Mutex
	free int
	// unproven are the seats of connections without a frame, oldest first.
	unproven list.List
}

// seat is one connection's.
type seat struct {
	all  *seats
	conn net.Conn
	// among the unproven; nil once a frame came, or the seat was given away.
	among *list.Element
	taken bool
}

func newSeats(n int) *seats { return &seats{free: n} }

// enter gives a seat, or nil when all belong to panels. Who waits gets a free one only.
func (a *seats) enter(conn net.Conn, waits bool) *seat {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch oldest := a.unproven.Front(); {
	case a.free > 0:
		a.free--
	case oldest == nil || waits:
		return nil
	default:
		other := a.unproven.Remove(oldest).(*seat)
		other.among, other.taken = nil, true
		abandon(other.conn) // its session ends, and nothing is lost
	}
	s := &seat{all: a, conn: conn}
	s.among = a.unproven.PushBack(s)
	return s
}

// prove says that a whole frame came.
func (s *seat) prove() {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.stand()
}

// leave gives the seat back, if nobody has it yet.
func (s *seat) leave() {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.stand()
	if !s.taken {
		s.all.free++
	}
}

// stand takes it out of the unproven; the caller holds mu.
func (s *seat) stand() {
	if s.among != nil {
		s.all.unproven.Remove(s.among)
		s.among = nil
	}
}

// socket is the connection of the system, beneath what was laid over it.
func socket(conn net.Conn) (*net.TCPConn, bool) {
	switch c := conn.(type) {
	case *net.TCPConn:
		return c, true
	case *proxyproto.Conn:
		return c.TCPConn()
	}
	return nil, false
}

// abandon ends a connection by a reset: to whom nothing is owed the system keeps
// nothing either, where an end in good order leaves its trace for a minute.
func abandon(conn net.Conn) {
	if c, ok := socket(conn); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
