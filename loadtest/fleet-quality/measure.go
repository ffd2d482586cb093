package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/fleet"
)

// ticksOf is what the partitions tell: all their groups in the first tick, later those
// that moved.
func ticksOf(tick int, levels map[counted]*vigiev1.FleetGroup, moved map[counted]bool) []*vigiev1.FleetTick {
	all := make([]*vigiev1.FleetTick, partitions)
	for p := range all {
		all[p] = &vigiev1.FleetTick{Partition: uint32(p), TickMs: start + int64(tick+1)*tickMS}
		if tick == 0 {
			all[p].Policy, all[p].PolicyVersion = figures(), 1
		}
	}
	for k, g := range levels {
		if tick == 0 || moved[k] {
			all[k.partition].Groups = append(all[k.partition].Groups, proto.CloneOf(g))
			g.Losses, g.Restorals = 0, 0
		}
	}
	for _, t := range all {
		slices.SortFunc(t.Groups, func(a, b *vigiev1.FleetGroup) int {
			return cmp.Or(cmp.Compare(a.GetKind(), b.GetKind()), cmp.Compare(a.GetGroup(), b.GetGroup()))
		})
	}
	return all
}

// figures are those of trade rule 6.
func figures() *vigiev1.FleetPolicy {
	return &vigiev1.FleetPolicy{Communication: &vigiev1.FleetSurge{Least: 20, SharePermille: 30, Factor: 5, WindowMs: 300_000}}
}

// alarmed is what a detector said of a day.
type alarmed struct {
	// found is whether the outage's carrier was named, after so many ticks from its
	// first loss on; false counts what was named besides.
	found bool
	after int
	false int
}

// scored is one detector over all days.
type scored struct {
	name                 string
	hits, misses, alarms int
	delays               []int
	smallFound, smallAll int
	byShare              [3][2]int // found, all: below 10 %, below 50 %, above
}

func (s *scored) add(o outage, a alarmed) {
	s.alarms += a.false
	if !o.mass() {
		s.smallAll++
		if a.found {
			s.smallFound++
		}
		return
	}
	band := 2
	switch {
	case o.share < 0.1:
		band = 0
	case o.share < 0.5:
		band = 1
	}
	s.byShare[band][1]++
	if !a.found {
		s.misses++
		return
	}
	s.byShare[band][0]++
	s.hits++
	s.delays = append(s.delays, a.after)
}

// measure plays the days and scores the fold of the fleet and fixed thresholds.
func measure(seed uint64, days int) []*scored {
	all := []*scored{{name: "vigie"}, {name: "fixed: 20 in 5 min"}, {name: "fixed: 50 in 5 min"}, {name: "fixed: 100 in 5 min"}}
	for n := range days {
		d := newDay(seed, n)
		judges := []judge{newFold(), newFixed(20), newFixed(50), newFixed(100)}
		d.play(func(_ int, ticks []*vigiev1.FleetTick) {
			for _, j := range judges {
				j.tick(ticks)
			}
		})
		for i, j := range judges {
			all[i].add(d.outage, weigh(d.outage, j.opened()))
		}
	}
	return all
}

// opening is a mass loss that a detector named.
type opening struct {
	kind, group string
	tick        int
}

type judge interface {
	tick([]*vigiev1.FleetTick)
	opened() []opening
}

// weigh compares what was named with what was injected. The carrier within its outage
// is the hit; another name for it within those minutes is a false one, as is any other.
func weigh(o outage, named []opening) (a alarmed) {
	for _, n := range named {
		own := n.kind == "carrier" && n.group == carriers[o.carrier].name && n.tick >= o.at && n.tick < o.at+o.lasts
		switch {
		case own && !a.found:
			a.found, a.after = true, n.tick-o.at
		case own:
		default:
			a.false++
		}
	}
	return a
}

// folded is the fold of the fleet.
type folded struct {
	fold  *fleet.Fold
	named []opening
}

func newFold() *folded { return &folded{fold: fleet.New(partitions)} }

func (f *folded) tick(ticks []*vigiev1.FleetTick) {
	for _, t := range ticks {
		f.fold.Apply(f, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_FleetTick{FleetTick: t}})
	}
}

func (f *folded) Emit(_ string, _ []byte, m proto.Message) {
	d, ok := m.(*vigiev1.Detection)
	if ok && d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS && d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_OPENED {
		f.named = append(f.named, opening{d.GetGroupKind(), d.GetGroup(), int((d.GetAtMs()-start)/tickMS) - 1})
	}
}

func (f *folded) Broadcast(*vigiev1.Broadcast) {}
func (f *folded) opened() []opening            { return f.named }

// fixed is the baseline: a number of losses of a group within 5 min, whatever the
// group; it closes when fewer than half came.
type fixed struct {
	least  int
	window map[[2]string][]int
	open   map[[2]string]bool
	named  []opening
	n      int
}

func newFixed(least int) *fixed {
	return &fixed{least: least, window: map[[2]string][]int{}, open: map[[2]string]bool{}}
}

func (f *fixed) tick(ticks []*vigiev1.FleetTick) {
	for _, t := range ticks {
		for _, g := range t.GetGroups() {
			k := [2]string{g.GetKind(), g.GetGroup()}
			for range g.GetLosses() {
				f.window[k] = append(f.window[k], f.n)
			}
		}
	}
	for k, lost := range f.window {
		i := 0
		for i < len(lost) && lost[i] <= f.n-60 {
			i++
		}
		f.window[k] = lost[i:]
		switch n := len(lost) - i; {
		case n >= f.least && !f.open[k]:
			f.open[k] = true
			f.named = append(f.named, opening{k[0], k[1], f.n})
		case n*2 < f.least:
			f.open[k] = false
		}
	}
	f.n++
}

func (f *fixed) opened() []opening {
	slices.SortFunc(f.named, func(a, b opening) int { return cmp.Or(a.tick-b.tick, cmp.Compare(a.kind+a.group, b.kind+b.group)) })
	return f.named
}

// report writes a table in Markdown.
func report(w io.Writer, all []*scored) {
	fmt.Fprintln(w, "| | found | missed | false | precision | recall | delay median, p90 | share < 10 % | < 50 % | ≥ 50 % | too small, named all the same |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range all {
		slices.Sort(s.delays)
		delay := "–"
		if n := len(s.delays); n > 0 {
			delay = fmt.Sprintf("%d s, %d s", s.delays[n/2]*5, s.delays[n*9/10]*5)
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d | %s | %s | %s |", s.name, s.hits, s.misses, s.alarms, share(s.hits, s.hits+s.alarms), share(s.hits, s.hits+s.misses), delay)
		for _, band := range s.byShare {
			fmt.Fprintf(w, " %d of %d |", band[0], band[1])
		}
		fmt.Fprintf(w, " %d of %d |\n", s.smallFound, s.smallAll)
	}
}

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}
