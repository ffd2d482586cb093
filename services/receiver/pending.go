package receiver

import (
	"net/netip"
	"sync"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// pending knows the frames whose append is under way, so that a retransmission
// joins it instead of making a second record, and the ones answered over UDP a
// moment ago, whose answer was lost.
type pending struct {
	mu     sync.Mutex
	flying map[ids.ID]*flight
	// recent in two generations: when the young one is full or old enough it
	// becomes the old one, and the old one is forgotten.
	young, old map[heard]time.Time
	turned     time.Time
}

type flight struct {
	waiters []func(error)
	// sockets that asked over UDP.
	sockets []netip.AddrPort
}

// heard is a frame from one socket: another socket may be a panel started anew,
// and in doubt it is a new alarm.
type heard struct {
	frame  ids.ID
	socket netip.AddrPort
}

type entry uint8

const (
	entered entry = iota
	joined
	answered
	full
)

func newPending() *pending {
	return &pending{flying: map[ids.ID]*flight{}, young: map[heard]time.Time{}, old: map[heard]time.Time{}}
}

// enter begins a frame, or joins it to the same one that is under way. After
// entered and joined, conclude is called by settle; after the others it is the
// caller's.
func (p *pending) enter(frame ids.ID, o origin, conclude func(error), now time.Time) entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	udp := o.transport == vigiev1.Transport_TRANSPORT_UDP
	if f, ok := p.flying[frame]; ok {
		if len(f.waiters) >= maxWaiters {
			return full
		}
		f.waiters = append(f.waiters, conclude)
		if udp {
			f.sockets = append(f.sockets, o.remote)
		}
		return joined
	}
	if udp && p.wasAnswered(heard{frame, o.remote}, now) {
		return answered
	}
	if len(p.flying) >= maxPending {
		return full
	}
	f := &flight{waiters: []func(error){conclude}}
	if udp {
		f.sockets = append(f.sockets, o.remote)
	}
	p.flying[frame] = f
	return entered
}

func (p *pending) wasAnswered(h heard, now time.Time) bool {
	at, ok := p.young[h]
	if !ok {
		at, ok = p.old[h]
	}
	return ok && now.Sub(at) < recentFor
}

// settle ends a frame and concludes all who wait for it.
func (p *pending) settle(frame ids.ID, err error, now time.Time) {
	p.mu.Lock()
	f := p.flying[frame]
	delete(p.flying, frame)
	if err == nil {
		p.remember(f, frame, now)
	}
	p.mu.Unlock()
	for _, conclude := range f.waiters {
		conclude(err)
	}
}

func (p *pending) remember(f *flight, frame ids.ID, now time.Time) {
	if len(p.young) >= maxRecent/2 || now.Sub(p.turned) > recentFor {
		p.old, p.young, p.turned = p.young, map[heard]time.Time{}, now
	}
	for _, socket := range f.sockets {
		p.young[heard{frame, socket}] = now
	}
}
