package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

const day = 24 * time.Hour

// Messages of a site in an ordinary day, each a default, unverified; trade.md
// rule 6 has that most of a fleet tests daily and some poll at 90 s to 180 s.
const (
	// pollerShare of the fleet polls, each every 135 s on average; where the rate
	// asked for needs it, more of them, so that no panel polls faster than
	// minPollEvery: an answer takes up to 250 ms by design.
	pollerShare = 0.1
	dayPolls    = pollerShare * 86_400 / 135
	// A test each day; three sites of five are closed and opened once; an alarm
	// in 20 days and a mains fault in 50, each restored.
	dayTests    = 1.0
	dayArmings  = 0.6
	dayAlarms   = 1.0 / 20
	dayFaults   = 1.0 / 50
	dayEvents   = dayTests + 2*(dayArmings+dayAlarms+dayFaults)
	dayActs     = dayTests + dayArmings + dayAlarms + dayFaults
	outageOneIn = 5
)

var (
	carriers = [...]string{"carrier-a", "carrier-b", "carrier-c", "carrier-d", "carrier-e"}
	regions  = [...]string{"Bretagne", "Normandie", "Occitanie", "Hauts-de-France", "Nouvelle-Aquitaine", "Pays de la Loire"}
)

const (
	installers   = 12
	minPollEvery = 2 * time.Second
)

// pollers is how many sites of a fleet poll.
func (c Config) pollers() int {
	return max(int(pollerShare*float64(c.Sites)), int(math.Ceil(pollShare[c.Name]*c.Rate*minPollEvery.Seconds())))
}

// source is the generator's randomness: one stream for each purpose, so that a
// change of one leaves the others as they were.
func source(c Config, purpose uint64) *rand.Rand {
	stream := purpose<<8 | uint64(len(c.Name))
	return rand.New(rand.NewPCG(c.Seed, stream))
}

const (
	forSites uint64 = iota + 1
	forStory
	forOrdinary
	forPolls
)

// newSites draws the fleet. Shares: a third Contact ID, a quarter TCP, a tenth or
// more polling; in a lockdown 60 % close, and one carrier of five falls silent.
func newSites(c Config) []Site {
	r := source(c, forSites)
	list := make([]Site, c.Sites)
	polling := c.pollers()
	for i := range list {
		s := &list[i]
		s.ContactID, s.TCP = i%3 == 2, i%4 == 3
		s.Polls = (i+1)*polling/c.Sites > i*polling/c.Sites
		carrier := r.IntN(len(carriers))
		s.Carrier = carriers[carrier]
		s.Region = regions[r.IntN(len(regions))]
		s.Installer = fmt.Sprintf("installer-%02d", 1+r.IntN(installers))
		if c.Name == Lockdown {
			s.Closed = r.Float64() < 0.6
			s.InOutage = carrier == outageOneIn-1
		}
	}
	return list
}

// StormAlarms of a storm, each a tamper, which alerts every time: well above the
// figure of any class that storms are declared with.
const StormAlarms = 12

// storm is one site going mad.
type storm struct {
	site     int
	from, to time.Duration
}

// Phases of a lockdown, as shares of its duration.
const (
	closeFrom, closeTo   = 0.02, 0.15
	stormFrom, stormTo   = 0.3, 0.55
	outageFrom, outageTo = 0.5, 0.75
	// stormOneIn sites storms, one at least.
	stormOneIn = 100
	// stormLasts, or less in a short run.
	stormLasts = 9 * time.Second
)

// at is the moment of a run at a share of its duration.
func (c Config) at(share float64) time.Duration { return time.Duration(share * float64(c.Duration)) }

// Outage is when the carrier of the sites InOutage is silent; both 0 when none is.
func (p *Plan) Outage() (from, to time.Duration) {
	if p.Name != Lockdown {
		return 0, 0
	}
	return p.at(outageFrom), p.at(outageTo)
}

// tell draws the storyline of a lockdown.
func (p *Plan) tell() {
	r := source(p.Config, forStory)
	p.closing = map[int]time.Duration{}
	var open []int
	for i, s := range p.Sites {
		if s.Closed {
			p.closing[i] = p.at(closeFrom + r.Float64()*(closeTo-closeFrom))
		}
		if !s.InOutage {
			open = append(open, i)
		}
	}
	r.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	lasts := min(stormLasts, p.at(stormTo-stormFrom))
	for _, i := range open[:min(len(open), max(1, p.Config.Sites/stormOneIn))] {
		p.Sites[i].Storms = true
		from := p.at(stormFrom) + time.Duration(r.Float64()*float64(p.at(stormTo-stormFrom)-lasts))
		p.storms = append(p.storms, storm{i, from, from + lasts})
	}
}

// wave is the intensity of ordinary acts at a moment, with mean 1 over the run:
// flat for a day; for a lockdown quiet, a rise, a crest, a fall (trapezoid).
func (p *Plan) wave(at time.Duration) float64 {
	if p.Name != Lockdown {
		return 1
	}
	x := float64(at) / float64(p.Duration)
	const low, crest, after = 0.4, 1.8, 0.8
	const rise0, rise1, fall0, fall1 = 0.2, 0.45, 0.6, 0.8
	const mean = low*rise0 + (low+crest)/2*(rise1-rise0) + crest*(fall0-rise1) + (crest+after)/2*(fall1-fall0) + after*(1-fall1)
	switch {
	case x < rise0:
		return low / mean
	case x < rise1:
		return (low + (crest-low)*(x-rise0)/(rise1-rise0)) / mean
	case x < fall0:
		return crest / mean
	case x < fall1:
		return (crest + (after-crest)*(x-fall0)/(fall1-fall0)) / mean
	}
	return after / mean
}

// Story is what was injected on purpose: sites by index.
type Story struct {
	// Storms, each site once, with its first and last alarm.
	Storms map[int]Span
	// Closed sites and the moment of their closing message.
	Closed map[int]time.Duration
	// Silent polling sites and their silence.
	Silent map[int]Span
}

// Span is a stretch of the run.
type Span struct{ From, To time.Duration }

// Story of the plan; without entries for an ordinary day.
func (p *Plan) Story() Story {
	s := Story{Storms: map[int]Span{}, Closed: p.closing, Silent: map[int]Span{}}
	for _, st := range p.storms {
		s.Storms[st.site] = Span{st.from, st.to}
	}
	from, to := p.Outage()
	for _, i := range p.pollers {
		if p.Sites[i].InOutage {
			s.Silent[i] = Span{from, to}
		}
	}
	return s
}
