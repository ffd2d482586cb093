package alarm

import (
	"strings"

	"github.com/open-vigie/vigie/schemas/packed"
)

// formatFleet is the format with which what is counted for the fleet came.
const formatFleet uint32 = 4

func (f *Fold) packFleet(c *packed.Coder) {
	packed.List(c, &f.carriers.list, c.String)
	t := &f.tally
	packed.Int(c, &t.ticked)
	packed.Uint(c, &t.ticks)
	packed.Uint(c, &t.policy)
	packed.List(c, &t.groups, func(g *groupTally) { g.pack(c) })
	for i := range t.queues {
		t.queues[i].pack(c)
	}
	packed.List(c, &t.people, func(p *personTally) {
		c.String(&p.name)
		packed.Uint(c, &p.presence) // As the boolean that earlier releases wrote.
		if p.presence > left {
			c.Fail("alarm: %q is neither there nor away", p.name)
		}
		c.Bool(&p.said)
		c.Bool(&p.changed)
		packed.Uint(c, &p.held)
		packed.Uint(c, &p.claimed)
	})
	for _, n := range []*uint32{
		&t.calls.offered, &t.calls.answered, &t.calls.abandoned, &t.calls.transferred, &t.calls.ended, &t.requested, &t.completed,
	} {
		packed.Uint(c, n)
	}
	packed.List(c, &f.masses, func(m *mass) {
		packed.Uint(c, &m.group)
		c.Array(m.detection[:])
		packed.Int(c, &m.opened)
		packed.Int(c, &m.closed)
		packed.Uint(c, &m.site)
		packed.Uint(c, &m.before)
		if int(m.group) >= len(t.groups) {
			c.Fail("alarm: a mass is of the group %d of %d", m.group, len(t.groups))
		}
	})
	if c.Reading() && (len(t.groups) == 0 || t.groups[0].groupKey != groupKey{}) {
		c.Fail("alarm: the groups counted do not begin with all")
	}
}

func (g *groupTally) pack(c *packed.Coder) {
	packed.Uint(c, &g.kind)
	if int(g.kind) >= len(groupKinds) {
		c.Fail("alarm: a group has the unknown kind %d", g.kind)
	}
	c.String(&g.name)
	packed.Uint(c, &g.sites)
	packed.Uint(c, &g.lost)
	for _, n := range []*uint32{&g.losses, &g.restorals, &g.mainsLosses, &g.alarms, &g.closures} {
		packed.Uint(c, n)
	}
	packed.List(c, &g.high, func(s *uint64) { packed.Uint(c, s) })
	packed.List(c, &g.exposed, func(s *uint64) { packed.Uint(c, s) })
	c.Bool(&g.changed)
	packed.List(c, &g.recent, func(l *tickLosses) {
		packed.Int(c, &l.tick)
		packed.Uint(c, &l.losses)
	})
}

func (q *queueTally) pack(c *packed.Coder) {
	packed.Uint(c, &q.waiting)
	packed.Uint(c, &q.late)
	packed.Uint(c, &q.opened)
	packed.Uint(c, &q.closed)
	packed.Uint(c, &q.handling)
	c.Bool(&q.changed)
}

func (t *tally) reindex() {
	if len(t.groups) == 0 {
		*t = newTally() // Of a format before it was counted.
		return
	}
	clear(t.index)
	for i, g := range t.groups {
		t.index[groupKey{g.kind, strings.Clone(g.name)}] = uint32(i)
	}
}
