package desk

import (
	"container/list"
	"errors"
	"sync"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// actMemory is how long an act and its outcome are remembered here; the fold
	// remembers acts as long (design decision 4).
	actMemory = 24 * time.Hour
	// maxActs bounds that memory: about 40 MB at worst.
	maxActs = 65_536
	// maxRequests bounds the memory of declarations' keys.
	maxRequests = 8_192
)

// errKeyReused says that a key came with another request before.
var errKeyReused = errors.New("this Idempotency-Key came with another request before")

// act is one request of a person, from its arrival to its outcome.
type act struct {
	id       ids.ID
	key      string // user and idempotency key; "" for an outcome of before this start
	body     [32]byte
	name     string
	incident string
	// site and named of an act that is about no incident.
	site  uint64
	named string
	began time.Time
	// appended is closed when the log has confirmed, or not: err says.
	appended chan struct{}
	err      error
	// decided is closed when outcome is set.
	decided chan struct{}
	outcome *vigiev1.EventOutcome
	element *list.Element
}

// siteShown is the site of the answer: an incident names its own.
func (x *act) siteShown() uint64 {
	if x.incident != "" {
		return 0
	}
	return x.site
}

// acts remembers what people asked and what came of it. Safe for concurrent use.
type acts struct {
	now  func() time.Time
	mu   sync.Mutex
	byID map[ids.ID]*act
	// byKey finds the first request of a user and key.
	byKey map[string]*act
	// order is oldest first.
	order *list.List
	// requests remembers the bodies of declarations, by user and key.
	requests map[string][32]byte
	oldest   []string
}

func newActs(now func() time.Time) *acts {
	return &acts{now: now, byID: map[ids.ID]*act{}, byKey: map[string]*act{}, order: list.New(), requests: map[string][32]byte{}}
}

// begin returns the act of a request: a new one (fresh), or the first one of
// the same key and body. errKeyReused when the body differs.
func (a *acts) begin(x *act) (_ *act, fresh bool, _ error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expire()
	if first, ok := a.byKey[x.key]; ok {
		if first.body != x.body {
			return nil, false, errKeyReused
		}
		return first, false, nil
	}
	if known, ok := a.byID[x.id]; ok && known.key == "" {
		// Its outcome was read at the start: the request came before it.
		known.key, known.body, known.name, known.incident = x.key, x.body, x.name, x.incident
		known.site, known.named = x.site, x.named
		a.byKey[x.key] = known
		return known, false, nil
	}
	x.began, x.appended, x.decided = a.now(), make(chan struct{}), make(chan struct{})
	a.remember(x)
	return x, true, nil
}

// sameRequest says errKeyReused when the key came with another body before.
func (a *acts) sameRequest(key string, body [32]byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if first, ok := a.requests[key]; ok {
		if first != body {
			return errKeyReused
		}
		return nil
	}
	if len(a.oldest) >= maxRequests {
		delete(a.requests, a.oldest[0])
		a.oldest = a.oldest[1:]
	}
	a.requests[key] = body
	a.oldest = append(a.oldest, key)
	return nil
}

func (a *acts) remember(x *act) {
	x.element = a.order.PushBack(x)
	a.byID[x.id] = x
	if x.key != "" {
		a.byKey[x.key] = x
	}
}

// confirm says that the log has the act, or err why not; then it is forgotten,
// so that the same request may try again under the same id.
func (a *acts) confirm(x *act, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x.err = err
	close(x.appended)
	if err != nil {
		a.forget(x)
	}
}

// decide notes an outcome and reports how long it took; 0 for an act of others.
func (a *acts) decide(id ids.ID, o *vigiev1.EventOutcome) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, ok := a.byID[id]
	if !ok {
		x = &act{id: id, began: a.now(), appended: make(chan struct{}), decided: make(chan struct{}), outcome: o, incident: o.Incident}
		close(x.appended)
		close(x.decided)
		a.remember(x)
		a.expire()
		return 0
	}
	if x.outcome != nil {
		return 0 // a repeat: the first outcome stands
	}
	x.outcome = o
	close(x.decided)
	return a.now().Sub(x.began)
}

// find returns an act and its outcome, nil while undecided.
func (a *acts) find(id ids.ID) (*act, *vigiev1.EventOutcome, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expire()
	x, ok := a.byID[id]
	if !ok {
		return nil, nil, false
	}
	return x, x.outcome, true
}

func (a *acts) expire() {
	horizon := a.now().Add(-actMemory)
	for e := a.order.Front(); e != nil; e = a.order.Front() {
		x := e.Value.(*act)
		if a.order.Len() <= maxActs && x.began.After(horizon) {
			return
		}
		a.forget(x)
	}
}

func (a *acts) forget(x *act) {
	a.order.Remove(x.element)
	if a.byID[x.id] == x {
		delete(a.byID, x.id)
	}
	if a.byKey[x.key] == x {
		delete(a.byKey, x.key)
	}
}
