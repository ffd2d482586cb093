package processor

import (
	"cmp"
	"slices"
	"strings"
)

// maxTimersPerBeat bounds the effective timers that one beat fires; the rest
// follow, in order, at the next beat. Part of the fold version.
const maxTimersPerBeat = 1_024

// timerQueue holds what is armed: one wheel on W and one for each receiver group.
type timerQueue struct {
	civil wheel
	// absence in order of group name.
	absence []*groupTimers
}

type groupTimers struct {
	group string
	wheel
}

// armed is a timer as a wheel keeps it: the class and the group are the wheel's.
// Without a pointer, so that the collector never reads them.
type armed struct {
	deadline int64
	site     uint64
	what     uint32
	kind     uint16
}

func (a armed) timer(class TimerClass, group string) Timer {
	return Timer{Class: class, Group: group, Deadline: a.deadline, Site: a.site, Kind: a.kind, What: a.what}
}

func (q *timerQueue) arm(t Timer) {
	q.of(t.Class, t.Group).arm(armed{deadline: t.Deadline, site: t.Site, what: t.What, kind: t.Kind})
}

// of is the wheel of a class and group, made when it is new.
func (q *timerQueue) of(class TimerClass, group string) *wheel {
	if class == Civil {
		return &q.civil
	}
	if len(q.absence) == 1 && q.absence[0].group == group {
		return &q.absence[0].wheel
	}
	i, found := slices.BinarySearchFunc(q.absence, group, func(g *groupTimers, name string) int {
		return strings.Compare(g.group, name)
	})
	if !found {
		q.absence = slices.Insert(q.absence, i, &groupTimers{group: group})
	}
	return &q.absence[i].wheel
}

// fire hands every due timer to f in order, until maxTimersPerBeat were effective.
// Firing may arm timers, also those of a new group.
func (q *timerQueue) fire(c *clock, f func(Timer) bool) {
	left := maxTimersPerBeat
	left = q.civil.fire(c.w, left, func(a armed) bool { return f(a.timer(Civil, "")) })
	for i := 0; i < len(q.absence); i++ {
		g := q.absence[i]
		left = g.fire(c.s(g.group), left, func(a armed) bool { return f(a.timer(Absence, g.group)) })
	}
}

func (q *timerQueue) size() int {
	n := q.civil.n
	for _, g := range q.absence {
		n += g.n
	}
	return n
}

// dueHeap holds timers in the order in which they fire, the next one first.
// container/heap's algorithm without its interface: no boxing, and what moves is
// written once.
type dueHeap []armed

func (h *dueHeap) push(t armed) {
	*h = append(*h, t)
	at := *h
	j := len(at) - 1
	for j > 0 {
		i := (j - 1) / 2
		if !t.before(&at[i]) {
			break
		}
		at[j] = at[i]
		j = i
	}
	at[j] = t
}

func (h *dueHeap) pop() armed {
	at := *h
	top, n := at[0], len(at)-1
	t := at[n]
	*h = at[:n]
	if n == 0 {
		return top
	}
	at = at[:n]
	i := 0
	for {
		j := 2*i + 1
		if j >= n {
			break
		}
		if j+1 < n && at[j+1].before(&at[j]) {
			j++
		}
		if !at[j].before(&t) {
			break
		}
		at[i] = at[j]
		i = j
	}
	at[i] = t
	return top
}

func (a *armed) before(b *armed) bool {
	if a.deadline != b.deadline {
		return a.deadline < b.deadline
	}
	return a.compare(*b) < 0
}

// compare orders timers of one clock: the same after any restore.
func (a armed) compare(b armed) int {
	return cmp.Or(
		cmp.Compare(a.deadline, b.deadline),
		cmp.Compare(a.site, b.site),
		cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.what, b.what),
	)
}
