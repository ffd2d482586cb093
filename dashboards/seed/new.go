package seed

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
)

// partitions of every topic, as the local mode has them.
const partitions = 8

// New makes the history of a fleet of sites that ends at end. The lockdown wave
// takes the last two days of it, or its second half if it is shorter. Some
// thousand sites and a week make about 100,000 rows in less than a second.
func New(seed uint64, end time.Time, length time.Duration, sites int) *History {
	end = end.UTC().Truncate(time.Millisecond)
	c := &centre{
		h:    &History{Start: end.Add(-length), End: end},
		rng:  rand.New(rand.NewPCG(seed, 0x5649474945)),
		seed: strconv.FormatUint(seed, 10),
	}
	c.now = c.h.Start
	c.wave = c.h.End.Add(-min(48*time.Hour, length/2))
	for i := range sites {
		c.sites = append(c.sites, c.newSite(i))
	}
	c.begin()
	for c.todo.Len() > 0 {
		next := heap.Pop(&c.todo).(step)
		c.now = next.at
		next.do()
	}
	c.beats()
	c.number()
	return c.h
}

// centre is the simulation: a queue of what will happen, and the state so far.
type centre struct {
	h    *History
	rng  *rand.Rand
	seed string
	// now is the time of the step under way.
	now   time.Time
	todo  queue
	steps uint64
	ids   uint64
	sites []*site
	// wave is when the lockdown begins.
	wave time.Time
}

// begin sets everything going that goes on by itself.
func (c *centre) begin() {
	for i, s := range c.sites {
		c.in(time.Duration(i)*200*time.Millisecond, func() { c.declare(s) })
	}
	c.everyHour()
	c.people()
	c.failures()
	c.strangers()
	c.lockdown()
	c.rush()
}

type step struct {
	at time.Time
	n  uint64
	do func()
}

type queue []step

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].n < q[j].n
	}
	return q[i].at.Before(q[j].at)
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(step)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// in does something later; what would come at the end or after it never happens.
func (c *centre) in(d time.Duration, do func()) { c.at(c.now.Add(d), do) }

func (c *centre) at(t time.Time, do func()) {
	t = t.Truncate(time.Millisecond)
	if t.Before(c.now) {
		t = c.now
	}
	if t.Before(c.h.End) {
		c.steps++
		heap.Push(&c.todo, step{t, c.steps, do})
	}
}

func (c *centre) chance(p float64) bool { return c.rng.Float64() < p }

// about draws a time whose mean is d and that is never below a tenth of it.
func (c *centre) about(d time.Duration) time.Duration {
	return d/10 + time.Duration(c.rng.ExpFloat64()*0.9*float64(d))
}

// between draws a time between two.
func (c *centre) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.rng.Int64N(int64(most-least)))
}

// poisson draws how often something happens whose mean is mean (Knuth), in
// parts: the exponential of a large mean is 0.
func (c *centre) poisson(mean float64) int {
	const part = 100
	n := 0
	for ; mean > part; mean -= part {
		n += c.poisson(part)
	}
	for p, limit := 1.0, math.Exp(-mean); ; n++ {
		if p *= c.rng.Float64(); p < limit {
			return n
		}
	}
}

func pick[T any](c *centre, from []T) T { return from[c.rng.IntN(len(from))] }

func (c *centre) id() uuid.UUID {
	c.ids++
	return uuid.UUID(ids.Hash("vigie seed", c.seed, strconv.FormatUint(c.ids, 10)))
}

// number gives each record its place in its topic: in order of time, with the
// holes that transactions leave.
func (c *centre) number() {
	var events topic
	beat := 0
	for i := range c.h.Events {
		e := &c.h.Events[i]
		for ; beat < len(c.h.Beats) && !c.h.Beats[beat].ReceivedAt.After(e.ReceivedAt); beat++ {
			b := &c.h.Beats[beat]
			b.Place = events.next(b.Partition)
		}
		e.Place = events.next(partition(e.Site))
	}
	for ; beat < len(c.h.Beats); beat++ {
		b := &c.h.Beats[beat]
		b.Place = events.next(b.Partition)
	}
	c.carry()
	var states, incidents, detections, outcomes, rejected topic
	for i := range c.h.SiteStates {
		c.h.SiteStates[i].Place = states.next(partition(c.h.SiteStates[i].Site))
	}
	for i := range c.h.Incidents {
		c.h.Incidents[i].Place = incidents.next(partition(c.h.Incidents[i].Site))
	}
	for i := range c.h.Detections {
		c.h.Detections[i].Place = detections.next(partition(c.h.Detections[i].Site))
	}
	for i := range c.h.Outcomes {
		c.h.Outcomes[i].Place = outcomes.next(partition(c.h.Outcomes[i].Site))
	}
	for i := range c.h.Rejected {
		c.h.Rejected[i].Place = rejected.next(uint16(i % 4))
	}
}

// carry puts each poll at its place in the beat that carried it: the first one of
// its partition after it.
func (c *centre) carry() {
	var byPartition [partitions][]*Beat
	for i := range c.h.Beats {
		b := &c.h.Beats[i]
		byPartition[b.Partition] = append(byPartition[b.Partition], b)
	}
	for i := range c.h.Heartbeats {
		p := &c.h.Heartbeats[i]
		all := byPartition[partition(p.Site)]
		at, _ := slices.BinarySearchFunc(all, p.ReceivedAt, func(b *Beat, t time.Time) int { return b.ReceivedAt.Compare(t) })
		p.Place = Place{all[at].Partition, all[at].Offset, all[at].Heartbeats}
		all[at].Heartbeats++
	}
}

func partition(site uint64) uint16 { return uint16(topics.PartitionOf(site, partitions)) }

// topic counts the records of each partition.
type topic struct{ records [partitions]uint64 }

func (t *topic) next(partition uint16) Place {
	n := t.records[partition]
	t.records[partition]++
	return Place{Partition: partition, Offset: n + n/7}
}
