package processor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// tally is a small fold with all that can go wrong in an engine: outputs on
// several topics, state, civil and absence timers that re-arm.
type tally struct {
	events map[uint64]uint64
	heard  map[uint64]int64
}

func newTally() Fold { return &tally{events: map[uint64]uint64{}, heard: map[uint64]int64{}} }

// Snapshot copies the maps: small ones.
func (f *tally) Snapshot() Frozen { return &tally{maps.Clone(f.events), maps.Clone(f.heard)} }

func (f *tally) Next(c *packed.Coder) bool {
	f.pack(c)
	return false
}

func (f *tally) Restore(c *packed.Coder) error {
	f.pack(c)
	return c.End()
}

func (f *tally) pack(c *packed.Coder) {
	events, heard := slices.Sorted(maps.Keys(f.events)), slices.Sorted(maps.Keys(f.heard))
	packed.List(c, &events, func(site *uint64) {
		packed.Uint(c, site)
		n := f.events[*site]
		packed.Uint(c, &n)
		f.events[*site] = n
	})
	packed.List(c, &heard, func(site *uint64) {
		packed.Uint(c, site)
		at := f.heard[*site]
		packed.Int(c, &at)
		f.heard[*site] = at
	})
}

func (f *tally) Version() uint32 { return 1 }
func (f *tally) Counts() Counts  { return Counts{Sites: uint64(len(f.events))} }

func (f *tally) say(ctx *Context, topic string, site uint64, reason string, at int64) {
	ctx.Emit(Output{Topic: topic, Key: topics.SiteKey(site), Urgent: f.events[site]%5 == 0, Value: &vigiev1.EventOutcome{
		Site: site, AtMs: at, Reason: fmt.Sprintf("%s %d", reason, f.events[site]),
	}})
}

func (f *tally) Apply(ctx *Context, r Record) {
	if b := r.Log.GetBeat(); b != nil {
		for _, site := range b.Site {
			f.hear(ctx, site, b.BaseMs)
		}
		return
	}
	if e := r.Log.GetEvent(); e != nil {
		f.events[e.Site]++
		f.say(ctx, topics.Detections, e.Site, "event", e.ReceivedAtMs)
		if f.events[e.Site]%3 == 0 {
			f.say(ctx, topics.SiteStates, e.Site, "state", e.ReceivedAtMs)
			ctx.Arm(Timer{Deadline: e.ReceivedAtMs + 700, Site: e.Site, Kind: 1})
		}
		f.hear(ctx, e.Site, e.ReceivedAtMs)
	}
}

func (f *tally) hear(ctx *Context, site uint64, at int64) {
	deadline := ctx.SAt("g", at) + 1500
	if _, armed := f.heard[site]; !armed {
		ctx.Arm(Timer{Class: Absence, Group: "g", Deadline: deadline, Site: site, Kind: 2})
	}
	f.heard[site] = deadline
}

func (f *tally) Fire(ctx *Context, t Timer) bool {
	if t.Kind == 1 {
		f.say(ctx, topics.Incidents, t.Site, "civil", t.Deadline)
		return true
	}
	if f.heard[t.Site] > t.Deadline {
		t.Deadline = f.heard[t.Site]
		ctx.Arm(t)
		return false
	}
	delete(f.heard, t.Site)
	f.say(ctx, topics.Detections, t.Site, "silent", ctx.W())
	return true
}
