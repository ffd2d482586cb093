package scenario

import (
	"container/heap"
	"iter"
	"math/rand/v2"
	"time"
)

// Ordinary acts that a panel makes again only after a while, so that what is no
// storm by the policy's figures never looks like one.
const (
	// lockdownSpacing: at most 4 alarms in the 20 s of class demo, of 6.
	lockdownSpacing = 5 * time.Second
	// daySpacing: at most 4 alarms in 10 min, of 6.
	daySpacing = 150 * time.Second
	// otherSites are tried when a site may not act now; then it tests instead.
	otherSites = 8
	// restoredAfter lies between one and two of these; a short closing of an open
	// site lasts as long, which is shorter than any policy's armed time.
	restoredAfter = 6 * time.Second
)

// perAct is the mean number of messages of an ordinary act.
func perAct(n Name) float64 {
	if n == NormalDay {
		return dayEvents / dayActs
	}
	return 2 - lockdownTests
}

// Shares of ordinary acts in a lockdown (default, unverified); the rest are alarms.
const (
	lockdownTests   = 0.2
	lockdownArmings = 0.15
	lockdownFaults  = 0.15
	alarmsIntrusion = 0.85
	alarmsTamper    = 0.08
	alarmsFire      = 0.04
)

// Messages yields the schedule in order of Due; the same each time.
func (p *Plan) Messages() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		g := p.generator()
		for m, ok := g.next(); ok; m, ok = g.next() {
			if !yield(m) {
				return
			}
		}
	}
}

// generator merges polls, ordinary acts, and what follows from them.
type generator struct {
	*Plan
	draw, polls *rand.Rand
	poll        int
	nextPoll    time.Duration
	nextAct     time.Duration
	later       messages
	// free is when a site may make an ordinary alarm or arming again.
	free []time.Duration
}

func (p *Plan) generator() *generator {
	g := &generator{Plan: p, draw: source(p.Config, forOrdinary), polls: source(p.Config, forPolls), free: make([]time.Duration, len(p.Sites))}
	g.later = make(messages, 0, (StormAlarms+Zones)*len(p.storms)+len(p.closing))
	for i, at := range p.closing {
		g.later = append(g.later, Message{Due: at, Site: i, Do: Closing, Zone: uint8(1 + i%4)})
	}
	for _, s := range p.storms {
		step := (s.to - s.from) / (StormAlarms - 1)
		for k := range StormAlarms {
			zone := uint8(1 + k%Zones)
			g.later = append(g.later, Message{Due: s.from + time.Duration(k)*step, Site: s.site, Do: Tamper, Zone: zone})
			if k >= StormAlarms-Zones {
				g.later = append(g.later, Message{Due: s.to + restoredAfter, Site: s.site, Do: TamperRestored, Zone: zone})
			}
		}
		g.free[s.site] = p.Duration
	}
	heap.Init(&g.later)
	g.setPoll()
	g.setAct()
	return g
}

const never = time.Duration(1<<63 - 1)

// setPoll places the next poll somewhere in its slot: panels do not poll in step.
func (g *generator) setPoll() {
	if len(g.pollers) == 0 {
		g.nextPoll = never
		return
	}
	slot := float64(g.PollEvery) / float64(len(g.pollers))
	g.nextPoll = time.Duration((float64(g.poll) + g.polls.Float64()) * slot)
}

// setAct places the next ordinary act: a Poisson process with the wave's intensity.
func (g *generator) setAct() {
	rate := g.ordinary * g.wave(g.nextAct)
	if rate <= 0 {
		g.nextAct = never
		return
	}
	g.nextAct += time.Duration(g.draw.ExpFloat64() / rate * float64(time.Second))
}

func (g *generator) next() (Message, bool) {
	for {
		m := Message{Due: never}
		switch {
		case len(g.later) > 0 && g.later[0].Due <= min(g.nextPoll, g.nextAct):
			m = heap.Pop(&g.later).(Message)
		case g.nextPoll <= g.nextAct:
			m = Message{Due: g.nextPoll, Site: g.pollers[g.poll%len(g.pollers)], Do: LinkTest}
			g.poll++
			g.setPoll()
		case g.nextAct != never:
			m = g.act(g.nextAct)
			g.setAct()
		}
		if m.Due >= g.Duration {
			return Message{}, false
		}
		if !g.silent(m.Site, m.Due) {
			return m, true
		}
	}
}

// silent: what a panel would have said while its carrier is away is not sent.
func (g *generator) silent(site int, at time.Duration) bool {
	from, to := g.Outage()
	return g.Sites[site].InOutage && at >= from && at < to
}

// act draws an ordinary act and what follows from it.
func (g *generator) act(at time.Duration) Message {
	kind := g.draw.Float64()
	tests, armings, faults := lockdownTests, lockdownArmings, lockdownFaults
	spacing := lockdownSpacing
	if g.Name == NormalDay {
		tests, armings, faults = dayTests/dayActs, dayArmings/dayActs, dayFaults/dayActs
		spacing = daySpacing
	}
	test := Message{Due: at, Site: g.heardSite(at), Do: PeriodicTest}
	if kind < tests {
		return test
	}
	site, ok := g.freeSite(at, kind < tests+armings)
	if !ok {
		return test
	}
	do, zone := g.alarm()
	switch {
	case kind < tests+armings:
		do = Closing
	case kind < tests+armings+faults:
		do, zone = Mains, 0
	}
	g.free[site] = at + spacing
	after := at + restoredAfter + time.Duration(g.draw.Float64()*float64(restoredAfter))
	then := do + 1
	if do == Closing {
		then = Opening
		g.free[site] = max(g.free[site], after)
	}
	heap.Push(&g.later, Message{Due: after, Site: site, Do: then, Zone: zone})
	return Message{Due: at, Site: site, Do: do, Zone: zone}
}

// freeSite finds a site that may act now; opened ones only for an arming, since
// nobody comes to a closed one.
func (g *generator) freeSite(at time.Duration, arming bool) (int, bool) {
	for range otherSites {
		i := g.draw.IntN(len(g.Sites))
		if g.free[i] <= at && !g.silent(i, at) && (!arming || !g.Sites[i].Closed) {
			return i, true
		}
	}
	return 0, false
}

// heardSite is any site whose carrier is there, most likely.
func (g *generator) heardSite(at time.Duration) int {
	i := g.draw.IntN(len(g.Sites))
	for range otherSites {
		if !g.silent(i, at) {
			break
		}
		i = g.draw.IntN(len(g.Sites))
	}
	return i
}

func (g *generator) alarm() (Act, uint8) {
	zone := uint8(1 + g.draw.IntN(Zones))
	switch which := g.draw.Float64(); {
	case which < alarmsIntrusion:
		return Intrusion, zone
	case which < alarmsIntrusion+alarmsTamper:
		return Tamper, zone
	case which < alarmsIntrusion+alarmsTamper+alarmsFire:
		return Fire, zone
	}
	return HoldUp, zone
}

// messages is a heap in the order (Due, Site, Do, Zone), so that equal times have
// one order.
type messages []Message

func (h messages) Len() int { return len(h) }
func (h messages) Less(i, j int) bool {
	a, b := h[i], h[j]
	switch {
	case a.Due != b.Due:
		return a.Due < b.Due
	case a.Site != b.Site:
		return a.Site < b.Site
	case a.Do != b.Do:
		return a.Do < b.Do
	}
	return a.Zone < b.Zone
}
func (h messages) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *messages) Push(x any)   { *h = append(*h, x.(Message)) }
func (h *messages) Pop() any {
	old := *h
	m := old[len(old)-1]
	*h = old[:len(old)-1]
	return m
}
