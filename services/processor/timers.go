package processor

import (
	"cmp"
	"container/heap"
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
		heap.Push(&q.civil, t)
		return
	}
	i, found := slices.BinarySearchFunc(q.absence, t.Group, func(g groupTimers, name string) int {
		return strings.Compare(g.group, name)
	})
	if !found {
		q.absence = slices.Insert(q.absence, i, groupTimers{group: t.Group})
	}
	heap.Push(&q.absence[i].timers, t)
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
		if f(heap.Pop(&q.absence[i].timers).(Timer)) {
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
		if f(heap.Pop(h).(Timer)) {
			left--
		}
	}
	return left
}

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].compare(h[j]) < 0 }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(Timer)) }

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	return t
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
