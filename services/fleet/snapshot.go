package fleet

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// stateFormat is the newest encoding of the state; since 2 it has how receiver groups
// listen. States of every format are read for ever.
const stateFormat uint32 = 2

// Frozen is the state of the fold as it was when Snapshot was called: its bytes, in
// pieces.
type Frozen struct{ pieces [][]byte }

// groupsPerPiece keeps a piece below 1 MB: a group has a level a partition and counts
// of its windows.
const groupsPerPiece = 64

// Snapshot freezes the state. The fleet is small beside its sites: it is encoded at
// once.
func (f *Fold) Snapshot() *Frozen {
	head := packed.Writer(nil)
	f.packHead(head)
	z := &Frozen{pieces: [][]byte{head.Written()}}
	for list := range slices.Chunk(f.groups, groupsPerPiece) {
		c := packed.Writer(nil)
		packed.List(c, &list, func(g **group) { packed.Pointer(c, g, func(g *group) { g.pack(c) }) })
		z.pieces = append(z.pieces, c.Written())
	}
	return z
}

// Next writes the next piece, and says whether it was not the last one.
func (z *Frozen) Next(c *packed.Coder) (more bool) {
	c.Array(z.pieces[0])
	z.pieces = z.pieces[1:]
	return len(z.pieces) > 0
}

// Restore takes in one piece of a snapshot; the first is the head.
func (f *Fold) Restore(c *packed.Coder) error {
	if f.first == 0 && len(f.groups) == 0 && !f.headed {
		f.headed = true
		f.packHead(c)
		return c.End()
	}
	var list []*group
	packed.List(c, &list, func(g **group) { packed.Pointer(c, g, func(g *group) { g.pack(c) }) })
	for _, g := range list {
		if n := len(f.groups); g == nil || n > 0 && f.groups[n-1].compare(g.groupKey) >= 0 {
			c.Fail("fleet: groups of a snapshot are not in order")
			break
		}
		f.groupIndex[g.groupKey] = len(f.groups)
		f.groups = append(f.groups, g)
	}
	return c.End()
}

func (f *Fold) packHead(c *packed.Coder) { f.packHeadAs(c, stateFormat) }

// packHeadAs writes the head in a format; what is read says its own.
func (f *Fold) packHeadAs(c *packed.Coder, format uint32) {
	partitions := uint32(len(f.parts))
	packed.Uint(c, &format)
	packed.Uint(c, &partitions)
	if format == 0 || format > stateFormat || int(partitions) != len(f.parts) {
		c.Fail("fleet: the state has format %d of %d partitions; this program reads formats up to %d, of %d", format, partitions, stateFormat, len(f.parts))
		return
	}
	for i := range f.parts {
		p := &f.parts[i]
		packed.Int(c, &p.reported)
		c.Bool(&p.aside)
		packed.List(c, &p.waiting, func(t **vigiev1.FleetTick) { packed.Message(c, t) })
		if format >= 2 {
			packed.List(c, &p.listening, func(l **vigiev1.FleetListening) { packed.Message(c, l) })
			packed.Int(c, &p.lived)
		} else {
			f.newest = max(f.newest, p.reported)
		}
	}
	packed.Int(c, &f.first)
	packed.Int(c, &f.applied)
	if format >= 2 {
		packed.Int(c, &f.newest)
		packed.Int(c, &f.lived)
	}
	packed.Message(c, &f.figures)
	packed.Uint(c, &f.policy)
	packed.List(c, &f.queues, func(q **queue) { packed.Pointer(c, q, func(q *queue) { q.pack(c) }) })
	packed.List(c, &f.people, func(p **person) { packed.Pointer(c, p, func(p *person) { p.pack(c) }) })
	c.Bool(&f.staffed)
	for _, s := range []*series{&f.calls, &f.alarms, &f.requests, &f.completions} {
		s.pack(c)
	}
	packed.Int(c, &f.backlog)
	packed.Uint(c, &f.handled.ms)
	packed.Uint(c, &f.handled.closed)
	packed.List(c, &f.occupancy, func(o *occupied) {
		packed.Int(c, &o.tick)
		packed.Uint(c, &o.present)
		packed.Uint(c, &o.busy)
	})
	for i := range f.hours {
		f.hours[i].pack(c)
	}
	packed.Int(c, &f.hourAt)
	packed.List(c, &f.open, func(d **detection) { packed.Pointer(c, d, func(d *detection) { d.pack(c, format) }) })
	packed.Uint(c, &f.said)
	if slices.Contains(f.queues, nil) || slices.Contains(f.people, nil) || slices.Contains(f.open, nil) {
		c.Fail("fleet: something of a snapshot is not there")
	}
}

func (g *group) pack(c *packed.Coder) {
	c.String(&g.kind)
	c.String(&g.name)
	packed.List(c, &g.levels, func(l *level) {
		packed.Uint(c, &l.partition)
		packed.Uint(c, &l.sites)
		packed.Uint(c, &l.lost)
	})
	packed.Uint(c, &g.sites)
	packed.Uint(c, &g.lost)
	for _, s := range []*series{&g.losses, &g.mains, &g.alarms, &g.closures} {
		s.pack(c)
	}
	for _, list := range []*[]exposedSite{&g.high, &g.exposed} {
		packed.List(c, list, func(e *exposedSite) {
			packed.Int(c, &e.tick)
			packed.Uint(c, &e.site)
		})
	}
}

func (s *series) pack(c *packed.Coder) {
	packed.List(c, &s.counts, func(n *tickCount) {
		packed.Int(c, &n.tick)
		packed.Uint(c, &n.n)
	})
	packed.Uint(c, &s.sum)
	packed.Uint(c, &s.usual)
	packed.Uint(c, &s.learnt)
	packed.Int(c, &s.learnAt)
}

func (q *queue) pack(c *packed.Coder) {
	c.String(&q.class)
	packed.List(c, &q.levels, func(l *queueLevel) {
		packed.Uint(c, &l.partition)
		packed.Uint(c, &l.waiting)
		packed.Uint(c, &l.late)
	})
	packed.Uint(c, &q.waiting)
	packed.Uint(c, &q.late)
}

func (p *person) pack(c *packed.Coder) {
	c.String(&p.name)
	c.Bool(&p.present)
	packed.List(c, &p.levels, func(l *heldLevel) {
		packed.Uint(c, &l.partition)
		packed.Uint(c, &l.held)
	})
	packed.Uint(c, &p.held)
	p.claimed.pack(c)
}

func (h *hourly) pack(c *packed.Coder) {
	packed.Uint(c, &h.alarms)
	packed.Uint(c, &h.calls)
	packed.Uint(c, &h.learnt)
	packed.Uint(c, &h.nowAlarms)
	packed.Uint(c, &h.nowCalls)
	packed.Int(c, &h.short)
}

func (d *detection) pack(c *packed.Coder, format uint32) {
	c.String(&d.groupKey.kind)
	c.String(&d.name)
	c.Array(d.id[:])
	packed.Int(c, &d.kind)
	packed.Int(c, &d.openedAt)
	for _, n := range []*uint64{&d.count, &d.said, &d.peak, &d.of, &d.before, &d.usual, &d.policy} {
		packed.Uint(c, n)
	}
	packed.Uint(c, &d.threshold)
	packed.Int(c, &d.window)
	packed.List(c, &d.facts, c.String)
	packed.List(c, &d.exposed, func(s *uint64) { packed.Uint(c, s) })
	if format >= 2 {
		packed.Int(c, &d.heard)
	}
}
