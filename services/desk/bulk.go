package desk

import (
	"sync"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// maxBulkSites of one act, and maxBulks that are remembered: about 100 bytes a
	// site until it was decided.
	maxBulkSites = 100_000
	maxBulks     = 64
	// maxRefusals that an answer names; the others are counted.
	maxRefusals = 100
)

// SitesActed answers an act on many sites.
type SitesActed struct {
	ID        string        `json:"id" doc:"Of the act as a whole."`
	Act       string        `json:"act"`
	Named     string        `json:"named,omitempty" doc:"The name of what was set, the same on every site."`
	Sites     int           `json:"sites" doc:"Sites that it is for."`
	Durable   int           `json:"durable" doc:"Those whose event the log has confirmed."`
	Accepted  int           `json:"accepted"`
	Refused   int           `json:"refused"`
	Refusals  []SiteRefusal `json:"refusals,omitempty" doc:"The first 100 of them."`
	Completed bool          `json:"completed" doc:"Every site has decided."`
}

// SiteRefusal is a site that refused, and why.
type SiteRefusal struct {
	Site   uint64 `json:"site"`
	Reason string `json:"reason"`
}

// Progress of one site within a bulk act.
const (
	siteWaits uint8 = iota
	siteDurable
	siteDecided
)

// bulk is one act on many sites, from the first request to the last outcome.
type bulk struct {
	id         ids.ID
	act, named string
	// working is held by the one request that appends.
	working chan struct{}
	// done is closed with the last outcome.
	done chan struct{}

	mu       sync.Mutex
	state    map[uint64]uint8
	durable  int
	accepted int
	refused  int
	refusals []SiteRefusal
	closed   bool
}

func newBulk(id ids.ID, act, named string) *bulk {
	return &bulk{id: id, act: act, named: named, working: make(chan struct{}, 1), done: make(chan struct{}), state: map[uint64]uint8{}}
}

// add makes the act be for these sites, too: a group may have grown since.
func (b *bulk) add(sites []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range sites {
		if _, ok := b.state[s]; !ok && !b.closed {
			b.state[s] = siteWaits
		}
	}
}

// waits tells whether the site's event still has to be appended.
func (b *bulk) waits(site uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.state[site]
	return ok && s == siteWaits
}

func (b *bulk) confirmed(site uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state[site] == siteWaits {
		b.state[site] = siteDurable
		b.durable++
	}
}

func (b *bulk) decide(site uint64, o *vigiev1.EventOutcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state[site] == siteDecided {
		return // a repeat: the first outcome stands
	}
	if b.state[site] == siteWaits {
		b.durable++ // its outcome came before the broker's word
	}
	b.state[site] = siteDecided
	if refused(o) {
		b.refused++
		if len(b.refusals) < maxRefusals {
			b.refusals = append(b.refusals, SiteRefusal{site, refusal(o)})
		}
	} else {
		b.accepted++
	}
	if b.accepted+b.refused == len(b.state) && !b.closed {
		b.closed = true
		close(b.done)
	}
}

func (b *bulk) show() SitesActed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return SitesActed{
		ID: b.id.String(), Act: b.act, Named: b.named, Sites: len(b.state), Durable: b.durable, Accepted: b.accepted,
		Refused: b.refused, Refusals: append([]SiteRefusal(nil), b.refusals...), Completed: b.closed,
	}
}

// bulks remembers acts on many sites. Safe for concurrent use.
type bulks struct {
	mu     sync.Mutex
	byID   map[ids.ID]*bulk
	oldest []ids.ID
	// events finds the act and the site of an event that was not decided yet.
	events map[ids.ID]bulkEvent
}

type bulkEvent struct {
	of   *bulk
	site uint64
}

func newBulks() *bulks { return &bulks{byID: map[ids.ID]*bulk{}, events: map[ids.ID]bulkEvent{}} }

// begin returns the act of that id, made if it is new.
func (l *bulks) begin(id ids.ID, act, named string) *bulk {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.byID[id]; ok {
		return b
	}
	if len(l.oldest) == maxBulks {
		l.forget(l.byID[l.oldest[0]])
	}
	b := newBulk(id, act, named)
	l.byID[id] = b
	l.oldest = append(l.oldest, id)
	return b
}

// forget the oldest one.
func (l *bulks) forget(b *bulk) {
	for id, e := range l.events {
		if e.of == b {
			delete(l.events, id)
		}
	}
	delete(l.byID, b.id)
	l.oldest = l.oldest[1:]
}

func (l *bulks) find(id ids.ID) (*bulk, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.byID[id]
	return b, ok
}

// expect makes the outcome of an event count for its act.
func (l *bulks) expect(event ids.ID, b *bulk, site uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events[event] = bulkEvent{b, site}
}

// decide notes the outcome of an event; false when it belongs to no such act.
func (l *bulks) decide(event ids.ID, o *vigiev1.EventOutcome) bool {
	l.mu.Lock()
	e, ok := l.events[event]
	delete(l.events, event)
	l.mu.Unlock()
	if ok {
		e.of.decide(e.site, o)
	}
	return ok
}
