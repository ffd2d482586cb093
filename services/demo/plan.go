package demo

import (
	"cmp"
	"slices"
	"time"
)

// Times of a fleet at speed 1. The policy of class "demo" has the figures that
// they are set against: 5 s of supervision and 2 s of grace, 30 s armed.
const (
	// round is one turn of the storyline.
	round = 3 * time.Minute
	// cycle of a site's schedule, of which it is open for openFor.
	cycle   = 2 * time.Minute
	openFor = 80 * time.Second
	// Staff come earliest to latest before the scheduled opening, so that no
	// ordinary site is still armed at it, and leave up to lateClosing after closing.
	earliest, latest = 6 * time.Second, 2 * time.Second
	lateClosing      = 4 * time.Second
	// pollEvery leaves time for one repeat within the interval.
	pollEvery = 3 * time.Second
	// first is when the last panel has told its state after the start.
	first = 1500 * time.Millisecond
	// What begins in a round ends in it, so that stories do not meet: ordinary
	// alarms begin before round-quiet and last up to alarmFor.
	quiet    = 45 * time.Second
	alarmFor = 30 * time.Second
)

// Ordinary life: chances of a site in a round.
const (
	alarmChance, faultChance, testChance = 0.05, 0.03, 0.1
	twiceChance                          = 0.15
)

// Action is one message of one panel.
type Action struct {
	// At counts from the start of the fleet.
	At time.Duration
	// Site is an index; those past the fleet's are strangers.
	Site int
	Path uint32
	Do   Act
	// Zone is an index into the site's zones, or tells users apart.
	Zone uint8
	// Twice: the panel sends it again as if the answer had been lost.
	Twice bool
	// Edge marks a poll that begins or ends a silence: it is never left out.
	Edge bool
}

// plan says what each site does, and when. It is a function of its fields alone.
type plan struct {
	seed    uint64
	speed   float64
	startMS int64
	// sites of the fleet, then the strangers.
	sites []site
	fleet int
}

// newPlan is the plan of a fleet of n sites that starts at an instant, Unix ms.
// Speed divides every duration.
func newPlan(seed uint64, n int, speed float64, startMS int64) *plan {
	p := &plan{seed: seed, speed: speed, startMS: startMS, fleet: n}
	p.sites = newSites(seed, n, p.scaled(cycle))
	return p
}

func (p *plan) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / p.speed) }

// round lists what happens from r rounds after the start on, for one round, in
// order of time.
func (p *plan) round(r int) []Action {
	from := p.scaled(round) * time.Duration(r)
	s := p.story(r, from)
	list := s.actions
	for i := range p.fleet {
		list = p.appendSchedule(list, i, from, s)
		if !s.taken[i] {
			list = p.appendOrdinary(list, i, r, from)
		}
		for _, path := range p.sites[i].paths() {
			list = p.appendPolls(list, i, path, from, s)
		}
		if r == 0 {
			at := time.Duration(draw(p.seed, i, "first", 0) * float64(p.scaled(first)))
			list = append(list, Action{At: at, Site: i, Path: 1, Do: p.stateAt(i, p.scaled(first))})
		}
	}
	slices.SortFunc(list, func(a, b Action) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Do, b.Do), cmp.Compare(a.Zone, b.Zone))
	})
	return list
}

// opening is the k-th scheduled opening of a site since 1970, from the start.
func (p *plan) opening(i int, k int64) time.Duration {
	return time.Duration(p.sites[i].PhaseMS+k*p.scaled(cycle).Milliseconds()-p.startMS) * time.Millisecond
}

// cycleAt is the number of the last scheduled opening not after an instant.
func (p *plan) cycleAt(i int, at time.Duration) int64 {
	return (p.startMS + at.Milliseconds() - p.sites[i].PhaseMS) / p.scaled(cycle).Milliseconds()
}

// opens and closes are when people really come and leave in the k-th cycle.
func (p *plan) opens(i int, k int64) time.Duration {
	early := latest + time.Duration(draw(p.seed, i, "early", int(k))*float64(earliest-latest))
	return p.opening(i, k) - p.scaled(early)
}

func (p *plan) closes(i int, k int64) time.Duration {
	late := time.Duration(draw(p.seed, i, "late", int(k)) * float64(lateClosing))
	return p.opening(i, k) + p.scaled(openFor+late)
}

// stateAt is Opening when the site is open at an instant, else Closing.
func (p *plan) stateAt(i int, at time.Duration) Act {
	k := p.cycleAt(i, at)
	if at < p.closes(i, k) || at >= p.opens(i, k+1) {
		return Opening
	}
	return Closing
}

// appendSchedule adds the openings and closings of a round.
func (p *plan) appendSchedule(list []Action, i int, from time.Duration, s *story) []Action {
	to := from + p.scaled(round)
	add := func(at time.Duration, do Act, k int64) {
		// What happens up to then is in the first states.
		if at >= from && at < to && at > p.scaled(first) && !s.silent(i, 1, at) {
			list = append(list, Action{At: at, Site: i, Path: 1, Do: do, Zone: uint8(pick(p.seed, i, "user", int(k), 4))})
		}
	}
	for k := p.cycleAt(i, from) - 1; p.opens(i, k) < to; k++ {
		if away, ok := s.away[i]; !ok || away != k {
			add(p.opens(i, k), Opening, k)
		}
		add(p.closes(i, k), Closing, k)
	}
	return list
}

// appendPolls adds the link tests of a path, but for its silences.
func (p *plan) appendPolls(list []Action, i int, path uint32, from time.Duration, s *story) []Action {
	every := p.scaled(pollEvery)
	phase := time.Duration(draw(p.seed, i, "poll", int(path)) * float64(every))
	to := from + p.scaled(round)
	n := max(0, (from-phase+every-1)/every)
	for at := phase + n*every; at < to; at += every {
		if !s.silent(i, path, at) {
			list = append(list, Action{At: at, Site: i, Path: path, Do: Poll})
		}
	}
	return list
}

// appendOrdinary adds what happens to any site now and then.
func (p *plan) appendOrdinary(list []Action, i, r int, from time.Duration) []Action {
	at := func(what string) time.Duration {
		span := float64(p.scaled(round - quiet - first))
		return from + p.scaled(first) + time.Duration(draw(p.seed, i, what, r)*span)
	}
	pair := func(what string, do Act, zone uint8) {
		begins := at(what)
		lasts := p.scaled(alarmFor/4 + time.Duration(draw(p.seed, i, what+" lasts", r)*float64(alarmFor*3/4)))
		twice := draw(p.seed, i, what+" twice", r) < twiceChance
		list = append(list, Action{At: begins, Site: i, Path: 1, Do: do, Zone: zone, Twice: twice},
			Action{At: begins + lasts, Site: i, Path: 1, Do: do + 1, Zone: zone})
	}
	if c := draw(p.seed, i, "alarm", r); c < alarmChance {
		switch which := c / alarmChance; {
		case which < 0.06:
			pair("alarm at", Fire, smoke)
		case which < 0.1:
			pair("alarm at", HoldUp, 0)
		case which < 0.2:
			pair("alarm at", Tamper, uint8(pick(p.seed, i, "zone", r, smoke)))
		case p.stateAt(i, at("alarm at")) == Closing:
			pair("alarm at", Intrusion, uint8(pick(p.seed, i, "zone", r, smoke)))
		}
	}
	if c := draw(p.seed, i, "fault", r); c < faultChance/2 {
		pair("fault at", Mains, 0)
	} else if c < faultChance {
		pair("fault at", Battery, 0)
	}
	if draw(p.seed, i, "test", r) < testChance {
		list = append(list, Action{At: at("test at"), Site: i, Path: 1, Do: PeriodicTest})
	}
	return list
}
