package main

import (
	"math"
	"math/rand/v2"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// The world that is played: 20,000 sites in 8 partitions, each of one carrier, region
// and installer. Sites poll each 180 s and are lost 180 s after the poll that did not
// come, so that the losses of an outage spread over three minutes.
const (
	partitions = 8
	tickMS     = 5_000
	dayTicks   = 24 * 3600 / 5
	pollTicks  = 180 / 5
	start      = int64(1_795_392_000_000)
)

// carriers, by their sites: a large one, as they are, and small ones.
var carriers = []struct {
	name  string
	sites int
}{{"atlas", 9_000}, {"borea", 6_000}, {"cirrus", 3_000}, {"delta", 1_200}, {"ember", 500}, {"fjord", 200}, {"gneiss", 100}}

const regions, installers = 12, 40

// site is one site of the world.
type site struct {
	partition, carrier, region, installer int
	// backAt is the tick at which it is heard again; 0 while it is.
	backAt int
}

// outage takes a share of a carrier's sites, from its tick on.
type outage struct {
	carrier, at, lasts int
	share              float64
	sites              int
}

// mass says whether trade rule 6 would call it one, by what was injected: 20 sites
// and 3 % of the group. Smaller ones are to be left alone.
func (o outage) mass() bool {
	return o.sites >= 20 && o.sites*1000 >= carriers[o.carrier].sites*30
}

// day is a day of the world, drawn from a seed: losses of every day, weather of one
// region on some days, and one outage.
type day struct {
	rng   *rand.Rand
	sites []site
	// byTick are the sites lost at a tick.
	byTick [][]int
	outage outage
}

func newDay(seed uint64, n int) *day {
	d := &day{rng: rand.New(rand.NewPCG(seed, uint64(n))), byTick: make([][]int, dayTicks+2*pollTicks)}
	for c, carrier := range carriers {
		for range carrier.sites {
			d.sites = append(d.sites, site{partition: d.rng.IntN(partitions), carrier: c, region: d.rng.IntN(regions), installer: d.rng.IntN(installers)})
		}
	}
	d.everyday()
	if n%3 == 0 {
		d.weather()
	}
	d.strike()
	return d
}

// everyday: 2 of 1,000 sites an hour are lost for a while, more by night, when routers
// are switched off; a backup window of one carrier loses 40 of its sites each hour.
func (d *day) everyday() {
	for tick := range dayTicks {
		hour := tick * tickMS / 3_600_000
		perTick := float64(len(d.sites)) * 0.002 / 720
		if hour < 6 || hour > 21 {
			perTick *= 2
		}
		for range d.poisson(perTick) {
			d.byTick[tick] = append(d.byTick[tick], d.rng.IntN(len(d.sites)))
		}
		if tick%720 < pollTicks { // cirrus, on the hour
			for range d.poisson(40.0 / pollTicks) {
				d.byTick[tick] = append(d.byTick[tick], 15_000+d.rng.IntN(3_000))
			}
		}
	}
}

// weather: 3 of 100 sites of one region are lost over two hours, whatever their carrier.
func (d *day) weather() {
	region, from := d.rng.IntN(regions), d.rng.IntN(dayTicks-2*720)
	for i := range d.sites {
		if d.sites[i].region == region && d.rng.Float64() < 0.03 {
			tick := from + d.rng.IntN(2*720)
			d.byTick[tick] = append(d.byTick[tick], i)
		}
	}
}

// strike draws the outage: any carrier, a share from 1 % to all, 10 min to 4 h, not in
// the first two hours, in which the own rates are learnt.
func (d *day) strike() {
	o := outage{carrier: d.rng.IntN(len(carriers)), at: 2*720 + d.rng.IntN(16*720), lasts: 120 + d.rng.IntN(4*720-120)}
	o.share = math.Pow(10, -2+2*d.rng.Float64())
	for i := range d.sites {
		if d.sites[i].carrier == o.carrier && d.rng.Float64() < o.share {
			tick := o.at + d.rng.IntN(pollTicks)
			d.byTick[tick] = append(d.byTick[tick], i)
			o.sites++
		}
	}
	d.outage = o
}

func (d *day) poisson(mean float64) int {
	limit, n, p := math.Exp(-mean), 0, 1.0
	for {
		if p *= d.rng.Float64(); p <= limit {
			return n
		}
		n++
	}
}

// counted is a group in one partition.
type counted struct {
	kind, name string
	partition  int
}

// play hands on what each partition tells of each tick.
func (d *day) play(tell func(tick int, all []*vigiev1.FleetTick)) {
	levels := map[counted]*vigiev1.FleetGroup{}
	for _, s := range d.sites {
		for _, k := range keysOf(s) {
			if levels[k] == nil {
				levels[k] = &vigiev1.FleetGroup{Kind: k.kind, Group: k.name}
			}
			levels[k].Sites++
		}
	}
	back := make([][]int, dayTicks+1)
	for tick := range dayTicks {
		moved := map[counted]bool{}
		for _, i := range back[tick] {
			d.move(levels, moved, i, false)
		}
		for _, i := range d.byTick[tick] {
			if d.sites[i].backAt != 0 {
				continue
			}
			away := 60 + d.rng.IntN(1_200)
			if inOutage := d.sites[i].carrier == d.outage.carrier && tick >= d.outage.at && tick < d.outage.at+pollTicks; inOutage {
				away = max(1, d.outage.at+d.outage.lasts-tick)
			}
			d.move(levels, moved, i, true)
			if at := tick + away; at <= dayTicks {
				back[at] = append(back[at], i)
			}
		}
		tell(tick, ticksOf(tick, levels, moved))
	}
}

func (d *day) move(levels map[counted]*vigiev1.FleetGroup, moved map[counted]bool, i int, lost bool) {
	s := &d.sites[i]
	s.backAt = 0
	if lost {
		s.backAt = 1
	}
	for _, k := range keysOf(*s) {
		g := levels[k]
		moved[k] = true
		if lost {
			g.Lost++
			g.Losses++
		} else {
			g.Lost--
			g.Restorals++
		}
	}
}

func keysOf(s site) [3]counted {
	return [3]counted{
		{"carrier", carriers[s.carrier].name, s.partition},
		{"region", string(rune('a' + s.region)), s.partition},
		{"installer", string(rune('A' + s.installer)), s.partition},
	}
}
