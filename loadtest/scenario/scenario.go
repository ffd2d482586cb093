// Package scenario says which panel sends what, and when: a seeded fleet and the
// schedule of its messages, both pure functions of (scenario, seed, sites, rate,
// duration). No clock, no network: the driver adds those.
//
// Two scenarios:
//
//	normal-day  the mix of messages of an ordinary day, at the pace that gives the
//	            rate asked for. Panels of a real fleet of that size would send
//	            fewer messages in a second: Pace says how many times fewer.
//	lockdown    sites close and stay closed around the clock, alarms rise in a
//	            wave, single sites storm, a carrier falls silent and comes back.
//
// What is injected on purpose is told by Story, from the generator's own record:
// the rules of the product are judged against it.
package scenario

import (
	"errors"
	"fmt"
	"time"
)

// Name of a scenario.
type Name string

// The scenarios.
const (
	NormalDay Name = "normal-day"
	Lockdown  Name = "lockdown"
)

// Bounds of a plan.
const (
	// MaxSites keeps the generator's own memory below a gigabyte.
	MaxSites = 200_000
	// MaxEvents that are no polls: each is remembered until it is found in the log.
	MaxEvents = 2_000_000
	// MinDuration of a run: shorter ones have no steady part.
	MinDuration = 5 * time.Second
)

// Config is all that a plan depends on.
type Config struct {
	Name Name
	// Seed chooses one of the possible fleets and schedules.
	Seed uint64
	// Sites of the fleet, 10 to MaxSites; each has one panel.
	Sites int
	// Rate is the mean of all messages together, in messages per second.
	Rate float64
	// Duration of the schedule, from MinDuration on.
	Duration time.Duration
}

// Check says what is wrong with the configuration, and nil when nothing is.
func (c Config) Check() error {
	switch {
	case c.Name != NormalDay && c.Name != Lockdown:
		return fmt.Errorf("%q is no scenario: choose %s or %s", c.Name, NormalDay, Lockdown)
	case c.Sites < 10 || c.Sites > MaxSites:
		return fmt.Errorf("--sites %d: 10 to %d are expected", c.Sites, MaxSites)
	case c.Duration < MinDuration:
		return fmt.Errorf("--duration %s: at least %s is expected", c.Duration, MinDuration)
	case !(c.Rate > 0) || c.Rate > 1e6:
		return errors.New("--rate: messages per second, above 0 and at most 1,000,000, are expected")
	case c.Rate*c.Duration.Seconds() < 10:
		return fmt.Errorf("%g messages/s for %s are fewer than 10 messages: raise --rate or --duration", c.Rate, c.Duration)
	}
	if c.pollers() > c.Sites {
		return fmt.Errorf("%g messages/s from %d sites: a panel would poll faster than every %s; raise --sites to %d, or lower --rate", c.Rate, c.Sites, minPollEvery, c.pollers())
	}
	if events := (1 - pollShare[c.Name]) * c.Rate * c.Duration.Seconds(); events > MaxEvents {
		return fmt.Errorf("%.0f events to remember, at most %d: lower --rate or --duration", events, MaxEvents)
	}
	return nil
}

// Class groups messages in the report.
type Class uint8

// The classes of messages.
const (
	// Alarm: intrusion, tamper, fire, hold-up; what people wait for.
	Alarm Class = iota
	// Signal: restorals, closings and openings, faults, tests.
	Signal
	// Poll: a link test; it is acknowledged with the receiver's next beat.
	Poll
	Classes
)

func (c Class) String() string { return [...]string{"alarm", "signal", "poll"}[c] }

// Act is what a panel reports.
type Act uint8

// The acts. Each restoral follows what it restores.
const (
	LinkTest Act = iota
	Opening
	Closing
	Intrusion
	IntrusionRestored
	Tamper
	TamperRestored
	Fire
	FireRestored
	HoldUp
	HoldUpRestored
	Mains
	MainsRestored
	PeriodicTest
)

// Class of the act in the report.
func (a Act) Class() Class {
	switch a {
	case LinkTest:
		return Poll
	case Intrusion, Tamper, Fire, HoldUp:
		return Alarm
	default:
		return Signal
	}
}

// Message is one message of one panel.
type Message struct {
	// Due counts from the start of the run: when the panel means to send it.
	Due time.Duration
	// Site is an index into Plan.Sites.
	Site int
	Do   Act
	// Zone 1 to Zones, or the user of an opening or closing.
	Zone uint8
}

// Zones of every panel.
const Zones = 8

// Site is one site of the fleet and its panel.
type Site struct {
	// ContactID panels speak ADM-CID, the others SIA-DCS.
	ContactID bool
	// TCP panels keep a connection, the others send datagrams.
	TCP bool
	// Polls tells panels with a supervised link from those that test once a day.
	Polls   bool
	Carrier string
	// Region and Installer are for grouping.
	Region, Installer string
	// Closed: the site closes in the lockdown and nobody opens it again.
	Closed bool
	// InOutage: its carrier falls silent.
	InOutage bool
	// Storms: its detectors go mad once.
	Storms bool
}

// Plan is a fleet and its schedule.
type Plan struct {
	Config
	Sites []Site
	// PollEvery is the time between two polls of a polling panel.
	PollEvery time.Duration
	// Interval agreed for the path of a polling panel: three polls, at least 30 s.
	Interval time.Duration
	// Pace is how many times faster than in life an ordinary day passes; 1 for a
	// lockdown, which is not compressed.
	Pace    float64
	pollers []int
	storms  []storm
	closing map[int]time.Duration
	// ordinary acts per second, of perAct messages each.
	ordinary float64
}

const (
	// minInterval of supervision, so that commissioning the fleet ends before it.
	minInterval = 30 * time.Second
	// SeldomInterval of panels that test once a day (trade rule 6: 24 h + 1 h).
	SeldomInterval = 25 * time.Hour
)

// pollShare is the share of polls among all messages. normal-day follows from
// the figures of a day below; in a lockdown people's and detectors' messages
// outweigh them (default, unverified).
var pollShare = map[Name]float64{NormalDay: dayPolls / (dayPolls + dayEvents), Lockdown: 0.3}

// New makes the plan of a configuration. The error says what to change.
func New(c Config) (*Plan, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	p := &Plan{Config: c, Pace: 1}
	p.Sites = newSites(c)
	for i, s := range p.Sites {
		if s.Polls {
			p.pollers = append(p.pollers, i)
		}
	}
	p.PollEvery = time.Duration(float64(len(p.pollers)) / (pollShare[c.Name] * c.Rate) * float64(time.Second))
	p.Interval = max(minInterval, (3*p.PollEvery).Truncate(time.Second)+time.Second)
	told := 0.0
	if c.Name == Lockdown {
		p.tell()
		told = float64(len(p.closing)+len(p.storms)*(StormAlarms+Zones)) / c.Duration.Seconds()
	} else {
		p.Pace = c.Rate / ((dayPolls + dayEvents) / day.Seconds() * float64(c.Sites))
	}
	left := (1-pollShare[c.Name])*c.Rate - told
	if left < 0 {
		return nil, fmt.Errorf("%g messages/s are too few for %d sites in %s: closings and storms alone are %.1f/s, and %.0f %% of all are polls; raise --rate, or lower --sites",
			c.Rate, c.Sites, c.Duration, told, 100*pollShare[c.Name])
	}
	p.ordinary = left / perAct(c.Name)
	p.calibrate()
	return p, nil
}

// calibrations of the rate: silences, what follows past the end, and acts that
// find no free site make a plan have other messages than its mean would give.
const calibrations = 3

// calibrate counts the plan's own messages and moves the rate of ordinary acts
// until their sum is the one asked for.
func (p *Plan) calibrate() {
	for range calibrations {
		polls, events := 0, 0
		for m := range p.Messages() {
			if m.Do == LinkTest {
				polls++
			} else {
				events++
			}
		}
		wanted := p.Rate*p.Duration.Seconds() - float64(polls)
		fixed := float64(len(p.closing) + len(p.storms)*(StormAlarms+Zones))
		if got := float64(events) - fixed; got > 0 && wanted > fixed {
			p.ordinary *= (wanted - fixed) / got
		}
	}
}
