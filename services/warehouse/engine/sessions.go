package engine

import (
	"sync"
	"time"
)

const (
	// maxSessions bounds the connections that sessions hold open.
	maxSessions = 256
	// sessionTimeout and maxSessionTimeout are those of a ClickHouse server.
	sessionTimeout    = 60 * time.Second
	maxSessionTimeout = time.Hour
)

// sessions keeps the connections that clients come back to by session_id:
// temporary tables and SET live there.
type sessions struct {
	mu   sync.Mutex
	byID map[string]*session
}

type session struct {
	conn    *conn
	busy    bool
	timeout time.Duration
	usedAt  time.Time
}

// take gives the session's connection to one request at a time.
func (s *sessions) take(id string, timeout time.Duration, check bool, connect func() (*conn, error)) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*session{}
	}
	if x := s.byID[id]; x != nil {
		if x.busy {
			return nil, refuse(codeSessionLocked, "SESSION_IS_LOCKED", "Session %s is locked by a concurrent request: use one session a connection", id)
		}
		x.busy, x.timeout = true, timeout
		return x, nil
	}
	if check {
		return nil, refuse(codeSessionNotFound, "SESSION_NOT_FOUND", "Session %s not found", id)
	}
	if len(s.byID) >= maxSessions {
		return nil, refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "%d sessions are open, the most there may be", maxSessions)
	}
	c, err := connect()
	if err != nil {
		return nil, err
	}
	x := &session{conn: c, busy: true, timeout: timeout}
	s.byID[id] = x
	return x, nil
}

func (s *sessions) give(id string, x *session, end bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.busy, x.usedAt = false, now
	if end {
		delete(s.byID, id)
		x.conn.close()
	}
}

// sweep ends sessions that nobody used for their timeout, until stop is called.
func (s *sessions) sweep() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				s.expire(now)
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (s *sessions) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, x := range s.byID {
		if !x.busy && now.Sub(x.usedAt) > x.timeout {
			delete(s.byID, id)
			x.conn.close()
		}
	}
}

func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, x := range s.byID {
		delete(s.byID, id)
		x.conn.close()
	}
}

// running knows the query ids in use.
type running struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (r *running) start(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[string]bool{}
	}
	if r.ids[id] {
		return refuse(codeQueryIDTaken, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", "Query with id = %s is already running", id)
	}
	r.ids[id] = true
	return nil
}

func (r *running) end(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, id)
}
