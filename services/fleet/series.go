package fleet

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// series counts something over a window of the last ticks, and knows its own rate.
type series struct {
	// counts of ticks, oldest first; those without any are not there.
	counts []tickCount
	sum    uint64
	// usual is how many come in a window, in thousandths: the mean of the windows
	// learnt, of the last ones when they are many.
	usual   uint64
	learnt  uint32
	learnAt int64
}

type tickCount struct {
	tick int64
	n    uint32
}

// add counts n in a tick; a tick told late is put where it belongs.
func (s *series) add(tick int64, n uint32) {
	if n == 0 {
		return
	}
	s.sum += uint64(n)
	i := len(s.counts)
	for i > 0 && s.counts[i-1].tick > tick {
		i--
	}
	if i > 0 && s.counts[i-1].tick == tick {
		s.counts[i-1].n += n
		return
	}
	s.counts = slices.Insert(s.counts, i, tickCount{tick, n})
}

// forget drops what has left the window that ends with the tick.
func (s *series) forget(tick, window int64) {
	n := 0
	for n < len(s.counts) && s.counts[n].tick <= tick-window {
		s.sum -= uint64(s.counts[n].n)
		n++
	}
	s.counts = slices.Delete(s.counts, 0, n)
}

// begin empties the window. The one that runs is not learnt.
func (s *series) begin() { s.counts, s.sum, s.learnAt = nil, 0, 0 }

// since is the count of a shorter window.
func (s *series) since(tick int64) (sum uint64) {
	for i := len(s.counts) - 1; i >= 0 && s.counts[i].tick > tick; i-- {
		sum += uint64(s.counts[i].n)
	}
	return sum
}

// Windows that the own rate remembers: a day of them, fewer of long ones.
const (
	minLearnt = 14
	maxLearnt = 288
)

// learn takes the window that ends now into the own rate, once a window. What is
// judged to be a surge is not learnt: it would hide the next.
func (s *series) learn(tick, window int64, surging bool) {
	if window <= 0 || tick/window == s.learnAt {
		return
	}
	begun := s.learnAt != 0
	s.learnAt = tick / window
	if surging || !begun {
		return
	}
	s.learnt = min(s.learnt+1, uint32(min(max(day/window, minLearnt), maxLearnt)))
	s.usual = uint64(int64(s.usual) + (int64(s.sum)*1000-int64(s.usual))/int64(s.learnt))
}

// surges says whether n within the window, of a group of so many sites, passes the
// figures: at least least, at least the share, at least factor times the own rate.
func (s *series) surges(n, sites uint64, fig *vigiev1.FleetSurge) bool {
	return fig.GetLeast() > 0 && n >= uint64(fig.GetLeast()) && n*1000 >= sites*uint64(fig.GetSharePermille()) &&
		n*1000 >= s.usual*uint64(fig.GetFactor())
}

// over says that a surge has gone: fewer than half of least, or than half of what
// the own rate asks for.
func (s *series) over(n uint64, fig *vigiev1.FleetSurge) bool {
	return n < half(fig) || n*2000 < s.usual*uint64(fig.GetFactor())
}

func half(fig *vigiev1.FleetSurge) uint64 { return uint64(fig.GetLeast()+1) / 2 }
