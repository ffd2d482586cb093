package receiver

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits keep one source from taking what all panels need. The zero value of each
// number is its default, below 0 is no limit.
type Limits struct {
	// Exempt sources have no limit: gateways. This machine when nil.
	Exempt []netip.Prefix
	// Frames a second that one source may send for long (1,000); it may save up
	// twice as many. Of these, polls use the upper half only: what is shed first
	// are polls, what is shed last are alarms.
	Frames int
	// NewAccounts a minute that one source may bring which nobody declared (10), ten
	// times as many at once; NewAccountsInAll for all sources (600). Past it they get
	// no answer.
	NewAccounts, NewAccountsInAll int
	// Connections of one source (256) and of its network (2,048) at a time.
	Connections, NetworkConnections int
}

const (
	// maxSources whose use is remembered, about 300 bytes each; beyond it those idle
	// longest begin anew.
	maxSources = 65_536
	// maxUndeclared accounts that were let in and are not asked for again, about 24
	// bytes each.
	maxUndeclared = 200_000
	// sourceQueue of datagrams that one source may have waiting.
	sourceQueue = datagramQueue / 4
	// saved is how many seconds of frames, and minutes of new accounts, a source may
	// save up.
	savedFrames, savedAccounts = 2, 10
)

func (l Limits) withDefaults() Limits {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if l.Exempt == nil {
		l.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	or(&l.Frames, 1_000)
	or(&l.NewAccounts, 10)
	or(&l.NewAccountsInAll, 600)
	or(&l.Connections, 256)
	or(&l.NetworkConnections, 2_048)
	return l
}

// source is what one source has used.
type source struct {
	frames *rate.Limiter
	// accounts is made at the first undeclared account.
	accounts *rate.Limiter
	// waiting datagrams.
	waiting atomic.Int32
}

// limits counts what sources use. Safe for concurrent use.
type limits struct {
	Limits

	mu      sync.Mutex
	sources *generations[netip.Prefix, *source]
	// undeclared accounts that were let in, by site.
	undeclared *generations[uint64, struct{}]
	inAll      *rate.Limiter
	// faults of sources, about 100 bytes each; see blame.
	faults *generations[netip.Prefix, fault]
	open   map[netip.Prefix]int
}

func newLimits(l Limits) *limits {
	l = l.withDefaults()
	return &limits{
		Limits:     l,
		sources:    newGenerations[netip.Prefix, *source](maxSources, 0),
		undeclared: newGenerations[uint64, struct{}](maxUndeclared, 0),
		inAll:      perMinute(l.NewAccountsInAll),
		faults:     newGenerations[netip.Prefix, fault](maxSources, forgotten),
		open:       map[netip.Prefix]int{},
	}
}

func perMinute(n int) *rate.Limiter {
	if n < 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(n)/60), savedAccounts*n)
}

func (l *limits) exempt(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range l.Exempt {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// use finds what a source has used; l.mu is held.
func (l *limits) use(a netip.Addr, now time.Time) *source {
	key := sourceOf(a)
	s, ok := l.sources.touch(key, now)
	if !ok {
		s = &source{frames: rate.NewLimiter(rate.Limit(l.Frames), savedFrames*l.Frames)}
		l.sources.put(key, s, now)
	}
	return s
}

// frame takes one frame of a source into account. A poll is refused while the source
// has less than half of its savings: alarms have the rest to themselves.
func (l *limits) frame(a netip.Addr, poll bool, now time.Time) bool {
	if l.Frames < 0 || l.exempt(a) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.use(a, now)
	if poll && s.frames.TokensAt(now) < float64(savedFrames*l.Frames)/2 {
		return false
	}
	return s.frames.AllowN(now, 1)
}

// queue lets a datagram of a source wait to be worked on, before it takes anyone's
// time; why is not empty when it may not. Workers are shared: what one source may have
// waiting is a part of one's queue, so that a panel beside it is at most that far
// behind. The source, nil without limits, is told by leave once the datagram is done.
func (l *limits) queue(a netip.Addr, now time.Time) (s *source, why string) {
	if l.Frames < 0 || l.exempt(a) {
		return nil, ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s = l.use(a, now)
	if s.frames.TokensAt(now) < 1 {
		return nil, "rate-spent"
	}
	if s.waiting.Load() >= sourceQueue {
		return nil, "source-queue"
	}
	s.waiting.Add(1)
	return s, ""
}

// leave ends what queue began.
func (s *source) leave() {
	if s != nil {
		s.waiting.Add(-1)
	}
}

// newAccount tells whether a source may bring an account that nobody declared. One
// that was let in stays so.
func (l *limits) newAccount(a netip.Addr, site uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.undeclared.touch(site, now); ok {
		return true
	}
	if !l.exempt(a) && l.NewAccounts >= 0 {
		s := l.use(a, now)
		if s.accounts == nil {
			s.accounts = perMinute(l.NewAccounts)
		}
		if !s.accounts.AllowN(now, 1) || !l.inAll.AllowN(now, 1) {
			return false
		}
	}
	l.undeclared.put(site, struct{}{}, now)
	return true
}

// connect takes a connection in; why is not empty when it is refused. Who was let in
// calls disconnect at the end.
func (l *limits) connect(a netip.Addr) (why string) {
	if l.exempt(a) {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one, many := sourceOf(a), networkOf(a)
	if l.Connections >= 0 && l.open[one] >= l.Connections {
		return "source"
	}
	if l.NetworkConnections >= 0 && l.open[many] >= l.NetworkConnections {
		return "network"
	}
	l.open[one]++
	l.open[many]++
	return ""
}

func (l *limits) disconnect(a netip.Addr) {
	if l.exempt(a) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range []netip.Prefix{sourceOf(a), networkOf(a)} {
		if l.open[p]--; l.open[p] <= 0 {
			delete(l.open, p)
		}
	}
}

func (l *limits) known() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sources.len()
}

// networkOf is the network that a source is in: 24 bits of an IPv4 address, 48 of an
// IPv6 one, as they are commonly given to one subscriber or carrier's pool.
func networkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
