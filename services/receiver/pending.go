package receiver

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// pending knows the frames whose append is under way, so that a retransmission
// joins it instead of making a second record, and the ones answered over UDP a
// moment ago, whose answer was lost.
type pending struct {
	now func() time.Time

	mu     sync.Mutex
	flying map[ids.ID]*flight
	// most that were under way at once since flying was made.
	most int
	// recent in two generations: when the young one is full or old enough it
	// becomes the old one, and the old one is forgotten.
	young, old map[heard]time.Time
	turned     time.Time
}

// flight is a frame whose append is under way. It is used again once it ended.
type flight struct {
	p       *pending
	frame   ids.ID
	waiters []func(error)
	// sockets that asked over UDP.
	sockets []netip.AddrPort
	// left are its events that are not answered yet; failed is the first failure.
	left   atomic.Int32
	failed atomic.Pointer[error]
	// landed is what the appender calls for each event, made once.
	landed func(error)
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

func newPending(now func() time.Time) *pending {
	return &pending{now: now, flying: map[ids.ID]*flight{}, young: map[heard]time.Time{}, old: map[heard]time.Time{}}
}

// enter begins a frame, or joins it to the same one that is under way. After
// entered and joined, conclude is called by settle; after the others it is the
// caller's. The flight is given to who entered.
func (p *pending) enter(frame ids.ID, o origin, conclude func(error), now time.Time) (*flight, entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	udp := o.transport == vigiev1.Transport_TRANSPORT_UDP
	if f, ok := p.flying[frame]; ok {
		if len(f.waiters) >= maxWaiters {
			return nil, full
		}
		f.wait(conclude, o, udp)
		return nil, joined
	}
	if udp && p.wasAnswered(heard{frame, o.remote}, now) {
		return nil, answered
	}
	if len(p.flying) >= maxPending {
		return nil, full
	}
	f := newFlight()
	f.p, f.frame = p, frame
	f.wait(conclude, o, udp)
	p.flying[frame] = f
	p.most = max(p.most, len(p.flying))
	return f, entered
}

// manyFlying is more than are under way while Kafka keeps up.
const manyFlying = 1_024

var flights sync.Pool

func newFlight() *flight {
	if f, ok := flights.Get().(*flight); ok {
		return f
	}
	f := new(flight)
	f.landed = f.land
	return f
}

func (f *flight) wait(conclude func(error), o origin, udp bool) {
	f.waiters = append(f.waiters, conclude)
	if udp {
		f.sockets = append(f.sockets, o.remote)
	}
}

// land takes the answer for one event; the last one settles the frame.
func (f *flight) land(err error) {
	if err != nil {
		f.failed.CompareAndSwap(nil, &err)
	}
	if f.left.Add(-1) > 0 {
		return
	}
	if first := f.failed.Load(); first != nil {
		f.settle(*first)
		return
	}
	f.settle(nil)
}

// settle ends a frame and concludes all who wait for it.
func (f *flight) settle(err error) {
	p := f.p
	p.mu.Lock()
	delete(p.flying, f.frame)
	if len(p.flying) == 0 && p.most > manyFlying {
		// A map stays as large as it was at most: as when Kafka was away.
		p.flying, p.most = map[ids.ID]*flight{}, 0
	}
	if err == nil && len(f.sockets) > 0 {
		p.remember(f, p.now())
	}
	p.mu.Unlock()
	for _, conclude := range f.waiters {
		conclude(err)
	}
	clear(f.waiters)
	f.waiters, f.sockets = f.waiters[:0], f.sockets[:0]
	f.failed.Store(nil)
	flights.Put(f)
}

func (p *pending) wasAnswered(h heard, now time.Time) bool {
	at, ok := p.young[h]
	if !ok {
		at, ok = p.old[h]
	}
	return ok && now.Sub(at) < recentFor
}

func (p *pending) remember(f *flight, now time.Time) {
	if len(p.young) >= maxRecent/2 || now.Sub(p.turned) > recentFor {
		// As large as this one was needed, and not as at most: Kafka may have been away.
		p.old, p.young, p.turned = p.young, make(map[heard]time.Time, len(p.young)), now
	}
	for _, socket := range f.sockets {
		p.young[heard{f.frame, socket}] = now
	}
}
