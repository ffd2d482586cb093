package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Tests are written on a time axis: at(…) moves the log's time, each partition
// telling an empty tick each 5 s on the way; what happens is put into the next tick
// of a partition; expect(…) names, in order, what was put out since the last expect.

// axisStart is Monday 2026-11-23 00:00 UTC.
const axisStart int64 = 1_795_392_000_000

type axis struct {
	t     *testing.T
	fold  *Fold
	now   int64
	parts int
	// next is what each partition tells in its next tick, whole its levels.
	next   []*vigiev1.FleetTick
	levels []map[groupKey]*vigiev1.FleetGroup
	held   []map[string]uint32
	silent map[int]bool
	// listening is what each partition tells of receiver groups.
	listening [2][]*vigiev1.FleetListening

	outs  []*vigiev1.Detection
	casts []*vigiev1.Broadcast
	seen  int
	// ticks are all that was told, in order.
	ticks []*vigiev1.FleetTick
}

// figures are those of the trade.
func figures() *vigiev1.FleetPolicy {
	surge := func(least, permille, factor uint32, window int64) *vigiev1.FleetSurge {
		return &vigiev1.FleetSurge{Least: least, SharePermille: permille, Factor: factor, WindowMs: window}
	}
	return &vigiev1.FleetPolicy{
		Communication: surge(20, 30, 5, 5*minute), Mains: surge(20, 0, 5, 10*minute), Alarms: surge(20, 0, 5, 10*minute),
		Closures: surge(20, 30, 5, hour), Onboarding: surge(20, 0, 3, day), Calls: surge(10, 0, 3, 15*minute),
		Operators: 2, OccupancyPercent: 85, OccupancyWindowMs: 15 * minute, FloodAlarms: 10, FloodWindowMs: 10 * minute,
		AlarmHandlingMs: 3 * minute, CallHandlingMs: 3 * minute, PatienceMs: 2 * minute,
		AlarmSharePercent: 80, AlarmWithinMs: 90 * second, CallSharePercent: 80, CallWithinMs: 20 * second,
	}
}

// newAxis is a log of two partitions that hold so many sites of each group.
func newAxis(t *testing.T, sites map[groupKey]uint64) *axis {
	a := &axis{t: t, fold: New(2), parts: 2, silent: map[int]bool{}}
	for range a.parts {
		a.next = append(a.next, &vigiev1.FleetTick{Whole: true, Policy: figures(), PolicyVersion: 1})
		a.levels = append(a.levels, map[groupKey]*vigiev1.FleetGroup{})
		a.held = append(a.held, map[string]uint32{})
	}
	for k, n := range sites {
		for p := range a.parts {
			a.group(p, k).Sites = n / 2
		}
	}
	a.tell()
	return a
}

func (a *axis) Emit(_ string, _ []byte, value proto.Message) {
	a.outs = append(a.outs, value.(*vigiev1.Detection))
}

func (a *axis) Broadcast(b *vigiev1.Broadcast) { a.casts = append(a.casts, b) }

// group is what a partition tells of a group in its next tick.
func (a *axis) group(p int, k groupKey) *vigiev1.FleetGroup {
	for _, g := range a.next[p].Groups {
		if g.GetKind() == k.kind && g.GetGroup() == k.name {
			return g
		}
	}
	g := &vigiev1.FleetGroup{Kind: k.kind, Group: k.name}
	if was := a.levels[p][k]; was != nil {
		g.Sites, g.Lost = was.Sites, was.Lost
	}
	a.next[p].Groups = append(a.next[p].Groups, g)
	a.levels[p][k] = g
	return g
}

// tell lets every partition that is not silent tell its tick.
func (a *axis) tell() {
	for p := range a.parts {
		if a.silent[p] {
			continue
		}
		t := a.next[p]
		t.Partition, t.TickMs, t.Listening = uint32(p), axisStart+a.now, a.listening[p]
		a.apply(t)
		a.next[p] = &vigiev1.FleetTick{}
	}
}

func (a *axis) apply(t *vigiev1.FleetTick) {
	a.ticks = append(a.ticks, t)
	a.fold.Apply(a, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_FleetTick{FleetTick: t}})
}

// at moves to a time after the start, ms.
func (a *axis) at(to int64) *axis {
	for a.now+TickMS <= to {
		a.now += TickMS
		a.tell()
	}
	return a
}

// back sets the log's clocks back: each partition's next tick ends before it begins.
func (a *axis) back(by int64) *axis {
	for p := range a.parts {
		a.next[p].SinceMs = axisStart + a.now
	}
	a.now -= by
	return a
}

// lose lets n sites of each group be lost, by halves in both partitions.
func (a *axis) lose(n int, keys ...groupKey) *axis {
	for i := range n {
		for _, k := range keys {
			g := a.group(i%2, k)
			g.Lost++
			g.Losses++
		}
	}
	return a
}

func (a *axis) restore(n int, keys ...groupKey) *axis {
	for i := range n {
		for _, k := range keys {
			g := a.group(i%2, k)
			g.Lost--
			g.Restorals++
		}
	}
	return a
}

func (a *axis) happen(n int, k groupKey, do func(*vigiev1.FleetGroup)) *axis {
	for i := range n {
		do(a.group(i%2, k))
	}
	return a
}

// present says who is there.
func (a *axis) present(there bool, users ...string) *axis {
	for _, u := range users {
		presence := uint32(1)
		if there {
			presence = 2
		}
		a.next[0].Operators = append(a.next[0].Operators, &vigiev1.FleetOperator{User: u, Presence: presence, Held: a.held[0][u]})
	}
	return a
}

// claim lets a person take n incidents in a partition and hold as many.
func (a *axis) claim(user string, n, held uint32) *axis {
	a.held[1][user] = held
	a.next[1].Operators = append(a.next[1].Operators, &vigiev1.FleetOperator{User: user, Claimed: n, Held: held})
	return a
}

// expect names what was put out: "opened mass-communication-loss carrier/orange 20 of 100".
func (a *axis) expect(want ...string) *axis {
	a.t.Helper()
	var got []string
	for _, d := range a.outs[a.seen:] {
		s := fmt.Sprintf("%s %s", strings.ToLower(strings.TrimPrefix(d.GetStatus().String(), "DETECTION_STATUS_")), kindName(d.GetKind()))
		if d.GetGroupKind() != kindAll {
			s += " " + d.GetGroupKind() + "/" + d.GetGroup()
		}
		got = append(got, fmt.Sprintf("%s %d of %d", s, d.GetCount(), d.GetOf()))
	}
	a.seen = len(a.outs)
	if !slices.Equal(got, want) {
		a.t.Fatalf("at %d s put out\n\t%s\nwant\n\t%s", a.now/second, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return a
}

func (a *axis) facts() []string { return a.outs[len(a.outs)-1].GetFacts() }
