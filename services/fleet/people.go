package fleet

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// queue is one class group of incidents over all partitions.
type queue struct {
	class string
	// levels by partition, in order, and their sums.
	levels        []queueLevel
	waiting, late uint64
}

type queueLevel struct {
	partition     uint32
	waiting, late uint64
}

// person is one who handles incidents.
type person struct {
	name    string
	present bool
	// held by partition, in order, and the sum.
	levels  []heldLevel
	held    uint64
	claimed series
}

type heldLevel struct{ partition, held uint32 }

// handling is what alarms took, of the last ones: a sum and how many, halved as it
// grows.
type handling struct{ ms, closed uint64 }

// maxHandled is how many closed incidents the mean handling time remembers.
const maxHandled = 1_000

func (f *Fold) takeQueue(t *vigiev1.FleetTick, told *vigiev1.FleetQueue) {
	i, found := slices.BinarySearchFunc(f.queues, told.GetClassGroup(), func(q *queue, c string) int { return cmp.Compare(q.class, c) })
	if !found {
		f.queues = slices.Insert(f.queues, i, &queue{class: told.GetClassGroup()})
	}
	q := f.queues[i]
	i, found = slices.BinarySearchFunc(q.levels, t.GetPartition(), func(l queueLevel, p uint32) int { return cmp.Compare(l.partition, p) })
	if !found {
		q.levels = slices.Insert(q.levels, i, queueLevel{partition: t.GetPartition()})
	}
	l := &q.levels[i]
	q.waiting += told.GetWaiting() - l.waiting
	q.late += told.GetLate() - l.late
	l.waiting, l.late = told.GetWaiting(), told.GetLate()
	if servedByThePool(q.class) {
		f.alarms.add(t.GetTickMs(), told.GetOpened())
		f.handled.ms += told.GetHandlingMs()
		f.handled.closed += uint64(told.GetClosed())
		if f.handled.closed > maxHandled {
			f.handled.ms, f.handled.closed = f.handled.ms/2, f.handled.closed/2
		}
	}
}

// servedByThePool: what must be answered now; technical comfort waits for a quiet hour.
func servedByThePool(class string) bool { return class != "technical" }

// What FleetOperator.presence says.
const (
	toldPresent = 2
	toldLeft    = 3
)

func (f *Fold) takePerson(env Env, t *vigiev1.FleetTick, told *vigiev1.FleetOperator) {
	i, found := slices.BinarySearchFunc(f.people, told.GetUser(), func(p *person, n string) int { return cmp.Compare(p.name, n) })
	if !found {
		f.people = slices.Insert(f.people, i, &person{name: told.GetUser()})
	}
	p := f.people[i]
	if told.GetPresence() != 0 {
		p.present = told.GetPresence() == toldPresent
		f.staffed = f.staffed || p.present
	}
	if told.GetPresence() == toldLeft {
		f.sayLeft(env, t, p.name)
	}
	i, found = slices.BinarySearchFunc(p.levels, t.GetPartition(), func(l heldLevel, n uint32) int { return cmp.Compare(l.partition, n) })
	if !found {
		p.levels = slices.Insert(p.levels, i, heldLevel{partition: t.GetPartition()})
	}
	p.held += uint64(told.GetHeld()) - uint64(p.levels[i].held)
	p.levels[i].held = told.GetHeld()
	p.claimed.add(t.GetTickMs(), told.GetClaimed())
}

// staff counts who is there, and who of them has something in hand.
func (f *Fold) staff() (present, busy uint64) {
	for _, p := range f.people {
		if p.present {
			present++
			if p.held > 0 {
				busy++
			}
		}
	}
	return present, busy
}

// late is how many incidents of a class group wait past their first figure.
func (f *Fold) late(class string) uint64 {
	for _, q := range f.queues {
		if q.class == class {
			return q.late
		}
	}
	return 0
}

// sayLeft tells every partition who ended their shift: what they hold there goes back
// into the queue (trade rule 9).
func (f *Fold) sayLeft(env Env, t *vigiev1.FleetTick, user string) {
	f.said++
	env.Broadcast(&vigiev1.Broadcast{
		Id:      idOf("vigie operator left", user, strconv.FormatInt(t.GetTickMs(), 10)),
		Version: f.said, AtMs: t.GetTickMs(),
		Body: &vigiev1.Broadcast_OperatorLeft{OperatorLeft: &vigiev1.OperatorLeft{User: user}},
	})
}
