package fleet

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// asideAfter is how far behind the others a partition may report, in ticks of the
	// log's time, before the fleet goes on without it: 2 min. It is less than the
	// shortest window, so that what it tells later still counts where it belongs. A
	// jump of time is one tick: it proves that one partition is back from an outage of
	// ours, not that the others have been silent for so long.
	asideAfter = 2 * minute
	// maxWaiting bounds the reports of a partition that wait for others; beyond, the
	// slowest is set aside whatever the time.
	maxWaiting = 4_096
)

// part is one partition as the fleet knows it.
type part struct {
	// reported is the last tick that it told.
	reported int64
	// lived is how much time had passed then, as Fold.lived has it.
	lived   int64
	aside   bool
	waiting []*vigiev1.FleetTick
	// listening is what its last tick told of receiver groups.
	listening []*vigiev1.FleetListening
}

// report takes what a partition tells, and applies the ticks that are complete. A
// record that came before is without effect, as one of an unknown partition is.
func (f *Fold) report(env Env, t *vigiev1.FleetTick) {
	n := int(t.GetPartition())
	if n >= len(f.parts) {
		return
	}
	p := &f.parts[n]
	if back := t.GetSinceMs(); back > t.GetTickMs() && back == p.reported {
		f.setBack(p, t)
	}
	if t.GetTickMs() <= p.reported {
		return
	}
	if t.GetTickMs() > f.newest {
		f.lived += min(t.GetTickMs()-f.newest, TickMS)
		f.newest = t.GetTickMs()
	}
	p.reported, p.lived = t.GetTickMs(), f.lived
	p.waiting = append(p.waiting, clone(t))
	if f.first == 0 {
		f.first = t.GetTickMs()
	}
	if p.aside {
		p.aside = false
		f.sayAside(env, n, true, t.GetTickMs())
	}
	f.setAside(env, len(p.waiting) > maxWaiting)
	f.advance(env)
}

// setBack follows the clocks of the log, which two people have set back: the partition
// tells earlier ticks than before, and what it has told already counts in the first of
// them. With the first partition that says so the fleet's time goes back. Windows begin
// anew then, since what stands in them would stay for too long; the own rates are known
// still, and the hour that runs is not learnt. What is open stays open.
func (f *Fold) setBack(p *part, t *vigiev1.FleetTick) {
	for _, w := range p.waiting {
		w.TickMs = min(w.TickMs, t.GetTickMs()-TickMS)
	}
	p.reported = t.GetTickMs() - TickMS
	f.first, f.newest = min(f.first, t.GetTickMs()), min(f.newest, p.reported)
	if f.applied <= t.GetTickMs() || f.applied+asideAfter < t.GetSinceMs() {
		return // It has gone back already.
	}
	f.applied = t.GetTickMs() - TickMS
	for _, g := range f.groups {
		for _, s := range []*series{&g.losses, &g.mains, &g.alarms, &g.closures} {
			s.begin()
		}
		g.high, g.exposed = nil, nil
	}
	for _, s := range []*series{&f.calls, &f.alarms, &f.requests, &f.completions} {
		s.begin()
	}
	for _, p := range f.people {
		p.claimed.begin()
	}
	f.occupancy, f.hourAt, f.hours[0].short = nil, 0, 0
	for h := range f.hours {
		f.hours[h].nowAlarms, f.hours[h].nowCalls = 0, 0
	}
}

// setAside lets the fleet go on without who has been silent for too long.
func (f *Fold) setAside(env Env, full bool) {
	for n := range f.parts {
		p := &f.parts[n]
		if behind := f.lived - p.lived; !p.aside && (behind > asideAfter || full && behind > 0 && len(p.waiting) == 0) {
			p.aside = true
			f.sayAside(env, n, false, f.newest)
		}
	}
}

// sayAside makes it a fact of the log.
func (f *Fold) sayAside(env Env, n int, back bool, tick int64) {
	f.said++
	env.Broadcast(&vigiev1.Broadcast{
		Id:      slices.Clone(idOf("vigie set aside", strconv.Itoa(n), strconv.FormatBool(back), strconv.FormatInt(tick, 10))),
		Version: f.said, AtMs: tick,
		Body: &vigiev1.Broadcast_FleetSetAside{FleetSetAside: &vigiev1.FleetSetAside{Partition: uint32(n), Back: back, TickMs: tick}},
	})
}

func idOf(parts ...string) []byte {
	id := ids.Hash(parts...)
	return id[:]
}

// advance applies, tick by tick, what all partitions have told.
func (f *Fold) advance(env Env) {
	upTo := int64(0)
	for i := range f.parts {
		if p := &f.parts[i]; !p.aside && (upTo == 0 || p.reported < upTo) {
			upTo = max(p.reported, 1)
		}
	}
	var ready []*vigiev1.FleetTick
	for i := range f.parts {
		p := &f.parts[i]
		k := 0
		for k < len(p.waiting) && p.waiting[k].GetTickMs() <= upTo {
			k++
		}
		ready = append(ready, p.waiting[:k]...)
		p.waiting = slices.Delete(p.waiting, 0, k)
	}
	slices.SortStableFunc(ready, func(a, b *vigiev1.FleetTick) int {
		return cmp.Or(cmp.Compare(a.GetTickMs(), b.GetTickMs()), cmp.Compare(a.GetPartition(), b.GetPartition()))
	})
	for i, t := range ready {
		f.take(env, t)
		if i+1 < len(ready) && ready[i+1].GetTickMs() == t.GetTickMs() || t.GetTickMs() <= f.applied {
			continue // More of this tick follows, or it comes late: the next tick sees it.
		}
		f.applied = t.GetTickMs()
		f.judge(env, f.applied)
	}
}

// take adds what a partition tells of a tick.
func (f *Fold) take(env Env, t *vigiev1.FleetTick) {
	if t.GetPolicy() != nil && t.GetPolicyVersion() > f.policy {
		f.policy, f.figures = t.GetPolicyVersion(), t.GetPolicy()
	}
	f.parts[t.GetPartition()].listening = t.GetListening()
	for _, g := range t.GetGroups() {
		f.groupOf(groupKey{g.GetKind(), g.GetGroup()}).take(t, g)
	}
	for _, q := range t.GetQueues() {
		f.takeQueue(t, q)
	}
	for _, o := range t.GetOperators() {
		f.takePerson(env, t, o)
	}
	f.calls.add(t.GetTickMs(), t.GetCalls().GetOffered())
	f.requests.add(t.GetTickMs(), t.GetConnectionsRequested())
	f.completions.add(t.GetTickMs(), t.GetConnectionsCompleted())
	f.backlog += int64(t.GetConnectionsRequested()) - int64(t.GetConnectionsCompleted())
}
