package processor

import (
	"cmp"
	"slices"
	"strings"
)

// maxTimersPerBeat bounds the effective timers that one beat fires; the rest
// follow, in order, at the next beat. Part of the fold version.
const maxTimersPerBeat = 1_024

// timerQueue holds what is armed: one heap on W and one for each receiver group.
type timerQueue struct {
	civil timerHeap
	// absence in order of group name.
	absence []groupTimers
}

type groupTimers struct {
	group  string
	timers timerHeap
}

func (q *timerQueue) arm(t Timer) {
	if t.Class == Civil {
		q.civil.push(t)
		return
	}
	i, found := slices.BinarySearchFunc(q.absence, t.Group, func(g groupTimers, name string) int {
		return strings.Compare(g.group, name)
	})
	if !found {
		q.absence = slices.Insert(q.absence, i, groupTimers{group: t.Group})
	}
	q.absence[i].timers.push(t)
}

// fire hands every due timer to f in order, until maxTimersPerBeat were effective.
func (q *timerQueue) fire(c *clock, f func(Timer) bool) {
	left := maxTimersPerBeat
	left = q.civil.fire(c.w, left, f)
	for i := 0; i < len(q.absence); i++ {
		left = q.fireGroup(i, c, left, f)
	}
}

// fireGroup looks its heap up each time: firing may arm timers of a new group.
func (q *timerQueue) fireGroup(i int, c *clock, left int, f func(Timer) bool) int {
	now := c.s(q.absence[i].group)
	for left > 0 && len(q.absence[i].timers) > 0 && q.absence[i].timers[0].Deadline <= now {
		if f(q.absence[i].timers.pop()) {
			left--
		}
	}
	return left
}

func (q *timerQueue) size() int {
	n := len(q.civil)
	for i := range q.absence {
		n += len(q.absence[i].timers)
	}
	return n
}

type timerHeap []Timer

func (h *timerHeap) fire(now int64, left int, f func(Timer) bool) int {
	for left > 0 && len(*h) > 0 && (*h)[0].Deadline <= now {
		if f(h.pop()) {
			left--
		}
	}
	return left
}

// push and pop are container/heap's without its interface: no boxing, and what
// moves is written once.
func (h *timerHeap) push(t Timer) {
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

func (h *timerHeap) pop() Timer {
	at := *h
	top, n := at[0], len(at)-1
	t := at[n]
	at[n] = Timer{}
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

func (t *Timer) before(u *Timer) bool {
	if t.Deadline != u.Deadline {
		return t.Deadline < u.Deadline
	}
	return t.compare(*u) < 0
}

// compare orders timers of one clock: the same after any restore.
func (t Timer) compare(u Timer) int {
	return cmp.Or(
		cmp.Compare(t.Deadline, u.Deadline),
		cmp.Compare(t.Site, u.Site),
		cmp.Compare(t.Kind, u.Kind),
		cmp.Compare(t.What, u.What),
	)
}
