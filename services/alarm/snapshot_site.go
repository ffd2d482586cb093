package alarm

import (
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm/hours"
)

// The bytes of what is rarer than heartbeats. Order and width of fields are the
// format: a new field comes with a new one, and older bytes are read without it. A test fills every
// field of these types and finds the one that was forgotten here.

func (k *cold) pack(w *sitePacker) {
	c := w.Coder
	c.Bytes(&k.declaration)
	c.String(&k.zone)
	c.Bool(&k.highRisk)
	packed.Uint(c, &k.directoryVersion)
	packed.Int(c, &k.stage)
	c.String(&k.account)
	packed.Uint(c, &k.accepted)
	c.Bool(&k.degraded)
	packed.List(c, &k.paths, w.path)
	packed.List(c, &k.heardBy, func(h *heardBy) {
		packed.Uint(c, &h.path)
		packed.Int(c, &h.at)
		c.Array(h.id[:])
	})
	c.Bool(&k.commLost)
	packed.List(c, &k.areas, func(a *area) { a.pack(c) })
	packed.List(c, &k.zones, func(z *openZone) { z.pack(c) })
	packed.List(c, &k.inhibited, func(p *point) { p.pack(c) })
	packed.List(c, &k.restores, func(r *earlyRestore) { r.pack(c) })
	packed.List(c, &k.counters, func(n *counter) {
		c.Array(n.account[:])
		packed.Uint(c, &n.last)
		packed.Uint(c, &n.epoch)
	})
	packed.List(c, &k.remembered, func(h *heard) { h.pack(c) })
	packed.List(c, &k.acts, func(a *rememberedAct) { a.pack(c) })
	k.packOpen(w)
}

// packOpen walks over what is open and what is due.
func (k *cold) packOpen(w *sitePacker) {
	c := w.Coder
	k.storm.pack(c)
	k.closure.pack(w)
	packed.Pointer(c, &k.schedule, func(s *hours.Schedule) { packSchedule(w, s) })
	packed.List(c, &k.incidents, func(inc **incident) { packed.Pointer(c, inc, func(i *incident) { i.pack(w) }) })
	packed.List(c, &k.closed, c.String)
	packed.List(c, &k.open, func(d **detection) { packed.Pointer(c, d, func(d *detection) { d.pack(w) }) })
	packed.List(c, &k.timers, func(t *civil) {
		packed.Int(c, &t.deadline)
		packed.Uint(c, &t.what)
		packed.Uint(c, &t.kind)
	})
	packed.Pointer(c, &k.binding, func(b *binding) {
		packed.Uint(c, &b.to)
		c.Array(b.event[:])
	})
	packed.Uint(c, &k.bindingVersion)
	packed.Uint(c, &k.policyVersion)
	if w.format >= 2 {
		k.packRules(w)
		k.packHandling(w)
	}
	if w.format >= formatPlans {
		k.packCalls(w.Coder)
	}
	if w.format >= formatFleet {
		packed.Uint(c, &k.line)
		c.Bool(&k.lineKnown)
		packed.List(c, &k.memberOf, func(g *uint32) { packed.Uint(c, g) })
		packed.Int(c, &k.held.since)
		c.Array(k.held.detection[:])
		packed.Uint(c, &k.held.under)
	}
	if w.format >= formatFigures {
		packed.Message(c, &k.own)
		if c.Reading() && proto.Size(k.own) == 0 {
			k.own = nil
		}
	}
}

func (p *point) pack(c *packed.Coder) {
	c.String(&p.area)
	c.String(&p.zone)
}

func (a *area) pack(c *packed.Coder) {
	c.String(&a.name)
	packed.Int(c, &a.mode)
	packed.Int(c, &a.since)
	packed.Int(c, &a.occurred)
	c.String(&a.by)
	c.Array(a.event[:])
}

func (z *openZone) pack(c *packed.Coder) {
	z.point.pack(c)
	packed.Int(c, &z.class)
	packed.Int(c, &z.since)
	packed.Uint(c, &z.alarms)
}

func (r *earlyRestore) pack(c *packed.Coder) {
	r.point.pack(c)
	packed.Int(c, &r.family)
	packed.Uint(c, &r.sequence)
	packed.Int(c, &r.occurred)
	packed.Int(c, &r.at)
}

func (h *heard) pack(c *packed.Coder) {
	c.Array(h.print[:])
	c.Array(h.first[:])
	packed.Int(c, &h.at)
	h.point.pack(c)
	packed.Int(c, &h.family)
	c.Bool(&h.alarm)
	packed.Int(c, &h.counter)
	packed.Uint(c, &h.epoch)
}

func (a *rememberedAct) pack(c *packed.Coder) {
	c.Array(a.id[:])
	packed.Int(c, &a.at)
	c.String(&a.reason)
	c.String(&a.incident)
	c.String(&a.holder)
}

func (s *storm) pack(c *packed.Coder) {
	c.Bool(&s.open)
	packed.List(c, &s.alerting, func(a *stormAlarm) {
		packed.Int(c, &a.at)
		c.Array(a.id[:])
	})
	packed.List(c, &s.recent, func(at *int64) { packed.Int(c, at) })
}

func (l *closure) pack(w *sitePacker) {
	c := w.Coder
	packed.Int(c, &l.status)
	packed.Int(c, &l.since)
	c.String(&l.id)
	packed.Int(c, &l.from)
	packed.Int(c, &l.to)
	c.Array(l.event[:])
	packed.Int(c, &l.lifted)
	if w.format >= 2 {
		packed.Int(c, &l.calledBack)
	}
	if w.format >= formatClosureChanged {
		packed.Int(c, &l.changed)
	}
}

func packSchedule(w *sitePacker, s *hours.Schedule) {
	c := w.Coder
	packed.List(c, &s.Hours, func(h **vigiev1.OpeningHours) { packed.Message(c, h) })
	c.Bool(&s.None)
	packed.Int(c, &s.Cycle.Period)
	packed.Int(c, &s.Cycle.Epoch)
	packed.List(c, &s.Temporary, func(t **vigiev1.ScheduleSet) { packed.Message(c, t) })
	packed.List(c, &s.Holidays, func(h **vigiev1.HolidaySet) { packed.Message(c, h) })
	if w.format >= 2 {
		packed.Int(c, &s.Cycle.Open)
	}
}

func (inc *incident) pack(w *sitePacker) {
	c := w.Coder
	c.String(&inc.id)
	packed.Uint(c, &inc.group)
	packed.Uint(c, &inc.clock)
	packed.Int(c, &inc.class)
	packed.Uint(c, &inc.version)
	packed.Uint(c, &inc.priority)
	for _, at := range []*int64{
		&inc.opened, &inc.displayed, &inc.claimed, &inc.firstAct, &inc.verified, &inc.closedAt, &inc.restored,
		&inc.lastAlarm, &inc.lastAct, &inc.parkedUntil, &inc.atRisk, &inc.missed,
	} {
		packed.Int(c, at)
	}
	c.Bool(&inc.answered)
	c.Bool(&inc.acted)
	c.String(&inc.holder)
	packed.Int(c, &inc.means)
	packed.Int(c, &inc.result)
	packed.Int(c, &inc.outcome)
	c.String(&inc.closedBy)
	packed.Uint(c, &inc.alarms)
	packed.Uint(c, &inc.realerts)
	packed.List(c, &inc.evidence, id(c))
	c.Bool(&inc.storm)
	packed.List(c, &inc.acts, func(a **vigiev1.IncidentAct) { packed.Message(c, a) })
	c.Bool(&inc.communication)
	packed.List(c, &inc.points, func(p *alarmedPoint) {
		p.pack(c)
		if w.format >= 2 {
			packed.Int(c, &p.class)
			packed.Int(c, &p.at)
			c.Array(p.event[:])
		}
	})
	c.Bool(&inc.negative)
	if w.format >= 2 {
		inc.packHandling(c)
	}
}

func (d *detection) pack(w *sitePacker) {
	c := w.Coder
	c.Array(d.id[:])
	if c.Reading() {
		d.shown = shownID(d.id.String())
	}
	packed.Int(c, &d.kind)
	packed.Uint(c, &d.path)
	c.String(&d.incident)
	packed.Int(c, &d.openedAt)
	packed.List(c, &d.evidence, id(c))
	packed.Uint(c, &d.count)
	packed.Uint(c, &d.published)
	c.String(&d.zone)
	c.String(&d.area)
	packed.Int(c, &d.intervalMS)
	packed.Uint(c, &d.threshold)
	packed.Int(c, &d.windowMS)
	packed.Int(c, &d.lastHeard)
	packed.Uint(c, &d.policy)
	if w.format >= 2 {
		packed.List(c, &d.facts, c.String)
		packed.Int(c, &d.until)
	}
}
