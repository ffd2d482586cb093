package alarm

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// TickMS is the step of the fleet's time, ms (design decision 58).
const TickMS = 5 * second

const (
	// wholeEvery is after how many ticks everything is told anew, 1 h: whoever
	// begins to read then knows all levels after it.
	wholeEvery = 720
	// recentTicks is how far back a partition knows its own losses, 5 min.
	recentTicks = 60
)

// tick tells the fleet what was counted, once the watermark has passed the end of
// a tick. Over an outage of ours the watermark jumps: that is one record. Where two
// people set the clocks back it goes back, and the fleet hears of it as a tick that
// ends before it begins, with all levels in it.
func (f *Fold) tick(env Env, partition int32) {
	t := &f.tally
	tick := env.W() / TickMS * TickMS
	if tick == t.ticked {
		return
	}
	if tick < t.ticked {
		t.ticks = 0
	}
	out := &vigiev1.FleetTick{
		Partition: uint32(partition), SinceMs: t.ticked, TickMs: tick, Whole: t.ticks == 0,
		ConnectionsRequested: t.requested, ConnectionsCompleted: t.completed,
	}
	if c := t.calls; c != (callTally{}) {
		out.Calls = &vigiev1.FleetCalls{Offered: c.offered, Answered: c.answered, Abandoned: c.abandoned, Transferred: c.transferred, Ended: c.ended}
		t.calls = callTally{}
	}
	if out.Whole || t.policy != f.policy.version {
		t.policy = f.policy.version
		out.Policy, out.PolicyVersion = f.figures[0].fleet, t.policy
	}
	f.tellGroups(out)
	tellListening(env, out)
	t.tellQueues(out)
	t.tellPeople(out)
	t.requested, t.completed, t.ticked = 0, 0, tick
	t.ticks = (t.ticks + 1) % wholeEvery
	f.localMassesEnd(env, tick)
	env.Emit(topics.Fleet, strconv.AppendInt(nil, int64(partition), 10),
		&vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_FleetTick{FleetTick: out}}, false)
}

func (f *Fold) tellGroups(out *vigiev1.FleetTick) {
	for i := range f.tally.groups {
		g := &f.tally.groups[i]
		if g.losses > 0 {
			g.recent = append(g.recent, tickLosses{out.TickMs, g.losses})
		}
		g.recent = slices.DeleteFunc(g.recent, func(l tickLosses) bool { return l.tick <= out.TickMs-recentTicks*TickMS || l.tick > out.TickMs })
		if !g.changed && !(out.Whole && g.sites > 0) {
			continue
		}
		out.Groups = append(out.Groups, &vigiev1.FleetGroup{
			Kind: groupKinds[g.kind], Group: g.name, Sites: g.sites, Lost: g.lost,
			Losses: g.losses, Restorals: g.restorals, MainsLosses: g.mainsLosses, Alarms: g.alarms, Closures: g.closures,
			ExposedHigh: slices.Clone(g.high), Exposed: slices.Clone(g.exposed),
		})
		g.losses, g.restorals, g.mainsLosses, g.alarms, g.closures, g.changed = 0, 0, 0, 0, 0, false
		g.high, g.exposed = g.high[:0], g.exposed[:0]
	}
	slices.SortFunc(out.Groups, func(a, b *vigiev1.FleetGroup) int {
		return compareNames(a.GetKind(), b.GetKind(), a.GetGroup(), b.GetGroup())
	})
}

// tellListening tells of receiver groups whose silence is ours, or may be. It is told
// at every tick anew for as long as it is so.
func tellListening(env Env, out *vigiev1.FleetTick) {
	for _, l := range env.Listening() {
		if l.SilentSinceMS == 0 && l.BlindSinceMS == 0 && len(l.Lost) == 0 {
			continue
		}
		out.Listening = append(out.Listening, &vigiev1.FleetListening{
			Group: l.Group, SilentSinceMs: l.SilentSinceMS, BackMs: l.BackMS, BlindSinceMs: l.BlindSinceMS,
			Receivers: uint32(l.Receivers), Lost: l.Lost,
		})
	}
}

func (t *tally) tellQueues(out *vigiev1.FleetTick) {
	for i := range t.queues {
		q := &t.queues[i]
		if !q.changed && !out.Whole {
			continue
		}
		out.Queues = append(out.Queues, &vigiev1.FleetQueue{
			ClassGroup: classGroup(i).String(), Waiting: q.waiting, Late: q.late, Opened: q.opened, Closed: q.closed, HandlingMs: q.handling,
		})
		q.opened, q.closed, q.handling, q.changed = 0, 0, 0, false
	}
	slices.SortFunc(out.Queues, func(a, b *vigiev1.FleetQueue) int {
		return compareNames(a.GetClassGroup(), b.GetClassGroup(), "", "")
	})
}

func (t *tally) tellPeople(out *vigiev1.FleetTick) {
	for i := range t.people {
		p := &t.people[i]
		if !p.changed && p.claimed == 0 && !out.Whole {
			continue
		}
		o := &vigiev1.FleetOperator{User: p.name, Held: p.held, Claimed: p.claimed}
		if p.said {
			o.Presence = [...]uint32{away: 1, present: 2, left: 3}[p.presence]
		}
		if p.presence == left {
			p.presence = away
		}
		out.Operators = append(out.Operators, o)
		p.claimed, p.changed = 0, false
	}
	t.people = slices.DeleteFunc(t.people, func(p personTally) bool { return p.held == 0 && p.presence != present })
}

func compareNames(a, b, c, d string) int { return cmp.Or(strings.Compare(a, b), strings.Compare(c, d)) }
