package lab

import (
	"fmt"
	"strconv"
	"time"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/loadtest/target"
)

// fleet is the plan's sites as this run declares them.
type fleet struct {
	// run names the run: the second of its start, in hexadecimal.
	run    string
	base   uint64
	sites  []target.Site
	panels []driver.Panel
	// class whose figures judge the sites.
	class string
	// cycle of scheduled openings in a lockdown.
	cycle time.Duration
}

const (
	// siteNumbers of a run are those from its second on: 10^6 for each, above
	// anything that people number, below 2^52.
	epoch       = 1_600_000_000
	sitesPerRun = 1_000_000
	// lockdownClass has figures of seconds in the policy of every `vigie up`.
	lockdownClass = "demo"
	dayClass      = "shop"
	// cycles of scheduled openings in a lockdown, at least 10 s each: a closed
	// site misses its next opening soon.
	cycles   = 8
	minCycle = 10 * time.Second
)

func newFleet(p *scenario.Plan, now time.Time) *fleet {
	second := uint64(now.Unix())
	f := &fleet{run: strconv.FormatUint(second, 16), base: (second-epoch)*sitesPerRun + 1, class: dayClass}
	if p.Name == scenario.Lockdown {
		f.class, f.cycle = lockdownClass, max(minCycle, p.Duration/cycles)
	}
	for i, s := range p.Sites {
		number := f.base + uint64(i)
		account := fmt.Sprintf("%s%06X", fmt.Sprintf("%X", second), i)
		f.panels = append(f.panels, driver.Panel{Site: number, Account: account, TCP: s.TCP, ContactID: s.ContactID})
		f.sites = append(f.sites, f.declared(p, s, number, account, i))
	}
	return f
}

func (f *fleet) declared(p *scenario.Plan, s scenario.Site, number uint64, account string, i int) target.Site {
	interval := scenario.SeldomInterval
	if s.Polls {
		interval = p.Interval
	}
	d := target.Site{
		Site: number, Label: fmt.Sprintf("Load test %s, site %d", f.run, i+1), Class: f.class, TimeZone: "Europe/Paris",
		Stage: "in-service", Risk: "normal", Installer: s.Installer, Carrier: s.Carrier, Region: s.Region,
		Groups: []string{"load-test"}, Accounts: []target.Account{{Account: account}},
		Paths:    []target.Path{{Path: 1, Name: "IP", IntervalMS: interval.Milliseconds()}},
		Schedule: target.Schedule{None: true},
	}
	if s.Closed {
		// Openings spread over the cycle: not every site misses its own at once.
		offset := f.cycle.Milliseconds() * int64(i%97) / 97
		d.Schedule = target.Schedule{CycleMS: f.cycle.Milliseconds(), CycleOpenMS: f.cycle.Milliseconds() / 2, CycleEpochMS: epoch*1000 + offset}
	}
	return d
}

// index of a site of this run.
func (f *fleet) index(site uint64) (int, bool) {
	if site < f.base || site >= f.base+uint64(len(f.panels)) {
		return 0, false
	}
	return int(site - f.base), true
}
