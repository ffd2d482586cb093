package demo

import (
	"cmp"
	"slices"
	"time"
)

// The storyline. In each round other sites play; by 60 s after its start each
// kind of detection has opened, by its end each has closed but the unknown
// account, whose panel nobody declares. Times are at speed 1, from the round's
// start:
//
//	closed around the clock  three sites miss the opening due at 32 to 50 s and
//	                         open at 95 s
//	communication lost       two sites say nothing from 5 s to 45 s
//	path lost                two second paths are silent from 10 s to 40 s
//	path late                three first paths pause for 5.8 s, from 12 s on
//	alarm storm              a shop's detectors go mad from 3 s to 14 s
//	unknown account          a panel that nobody declared, at 2 s
//	answer late, missed      a fire at 4 s and a hold-up at 6 s that nobody takes
const (
	awaySites, silentSites, lostPaths, latePaths = 3, 2, 2, 3

	awayFrom, awayTo = 32 * time.Second, 50 * time.Second
	awayEnds         = 95 * time.Second
	// latePause is longer than the interval, by more than the receiver takes to say
	// so, and shorter than interval and grace by more than a message may be late.
	latePause = 5800 * time.Millisecond
	// madAlarms of each kind. A tamper alerts each time, so that this is a storm
	// even where an earlier incident is still open and knows the zones.
	madAlarms = 7
	madEvery  = 800 * time.Millisecond
)

// minSites of a fleet in which each role of the story finds its site.
const minSites = 20

// story is what one round has beside ordinary life.
type story struct {
	p       *plan
	order   []int
	taken   map[int]bool
	actions []Action
	silence map[line][]span
	// away sites do not open in this cycle.
	away map[int]int64
}

type line struct {
	site int
	path uint32
}

type span struct{ from, to time.Duration }

// silent tells whether the path says nothing of its own accord at an instant;
// the ends of a silence are polls of the story.
func (s *story) silent(site int, path uint32, at time.Duration) bool {
	return slices.ContainsFunc(s.silence[line{site, path}], func(g span) bool { return at >= g.from && at <= g.to })
}

// story casts the round that begins at an instant from the start.
func (p *plan) story(r int, from time.Duration) *story {
	s := &story{p: p, taken: map[int]bool{}, silence: map[line][]span{}, away: map[int]int64{}, order: make([]int, p.fleet)}
	for i := range s.order {
		s.order[i] = i
	}
	slices.SortFunc(s.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(draw(p.seed, a, "cast", r), draw(p.seed, b, "cast", r)), cmp.Compare(a, b))
	})
	at := func(d time.Duration) time.Duration { return from + p.scaled(d) }
	s.closed(at)
	for j, i := range s.cast(lostPaths, func(c site) bool { return c.SecondPath }) {
		s.hush(i, []uint32{2}, at(time.Duration(10+2*j)*time.Second), at(time.Duration(40+2*j)*time.Second))
	}
	for _, i := range s.cast(1, func(c site) bool { return c.trade.shop }) {
		s.mad(i, at)
	}
	anyone := func(site) bool { return true }
	for j, i := range s.cast(silentSites, anyone) {
		s.hush(i, p.sites[i].paths(), at(time.Duration(5+2*j)*time.Second), at(time.Duration(45+2*j)*time.Second))
	}
	for j, i := range s.cast(latePaths, anyone) {
		begins := time.Duration(12+8*j) * time.Second
		s.hush(i, []uint32{1}, at(begins), at(begins+latePause))
	}
	for _, i := range s.cast(1, anyone) {
		s.say(at(4*time.Second), i, Fire, smoke)
		s.say(at(100*time.Second), i, FireRestored, smoke)
	}
	for _, i := range s.cast(1, anyone) {
		s.say(at(6*time.Second), i, HoldUp, 0)
		s.actions[len(s.actions)-1].Twice = true
		s.say(at(110*time.Second), i, HoldUpRestored, 0)
	}
	stranger := p.fleet + r%strangers
	s.say(at(2*time.Second), stranger, PeriodicTest, 0)
	s.say(at(9*time.Second), stranger, Intrusion, 0)
	s.say(at(25*time.Second), stranger, IntrusionRestored, 0)
	return s
}

// cast finds up to n sites for a role.
func (s *story) cast(n int, fits func(site) bool) []int {
	var out []int
	for _, i := range s.order {
		if len(out) == n {
			break
		}
		if !s.taken[i] && fits(s.p.sites[i]) {
			s.taken[i] = true
			out = append(out, i)
		}
	}
	return out
}

func (s *story) say(at time.Duration, site int, do Act, zone uint8) {
	s.actions = append(s.actions, Action{At: at, Site: site, Path: 1, Do: do, Zone: zone})
}

// closed casts sites that stay armed over their next opening.
func (s *story) closed(at func(time.Duration) time.Duration) {
	for _, i := range s.order {
		k := s.p.cycleAt(i, at(awayFrom)) + 1
		if s.p.opening(i, k) > at(awayTo) {
			continue
		}
		ends := awayEnds + time.Duration(4*len(s.away))*time.Second
		s.taken[i], s.away[i] = true, k
		s.say(at(ends), i, Opening, 0)
		if len(s.away) == awaySites {
			return
		}
	}
}

// hush silences paths of a site: a last poll, nothing, and a poll again. A site
// whose first path was silent then tells its state.
func (s *story) hush(i int, paths []uint32, from, to time.Duration) {
	for _, path := range paths {
		l := line{i, path}
		s.silence[l] = append(s.silence[l], span{from, to})
		s.actions = append(s.actions, Action{At: from, Site: i, Path: path, Do: Poll, Edge: true}, Action{At: to, Site: i, Path: path, Do: Poll, Edge: true})
		if path == 1 {
			back := to + time.Millisecond
			s.actions = append(s.actions, Action{At: back, Site: i, Path: 1, Do: s.p.stateAt(i, back)})
		}
	}
}

// mad is a storm: alarms and tampers of many zones, all restored later.
func (s *story) mad(i int, at func(time.Duration) time.Duration) {
	for k := range madAlarms {
		begins := 3*time.Second + time.Duration(2*k)*madEvery
		s.say(at(begins), i, Intrusion, uint8(k))
		s.say(at(begins+madEvery), i, Tamper, uint8(k))
		s.say(at(begins+50*time.Second), i, IntrusionRestored, uint8(k))
		s.say(at(begins+50*time.Second+madEvery), i, TamperRestored, uint8(k))
	}
}
