package alarm

import (
	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What came with format 2: closures, consignes, tests, supervision.

func (k *cold) packRules(w *sitePacker) {
	c := w.Coder
	packed.List(c, &k.absences, func(a *absence) {
		packed.Int(c, &a.deadline)
		packed.Uint(c, &a.group)
		packed.Uint(c, &a.kind)
	})
	packed.List(c, &k.visits, func(v **visit) { packed.Pointer(c, v, func(v *visit) { v.pack(w) }) })
	c.String(&k.reopening.id)
	packed.List(c, &k.reopening.areas, c.String)
	packed.Int(c, &k.reopening.from)
	packed.Int(c, &k.reopening.to)
	packed.List(c, &k.consignes, func(g *consigne) { g.pack(w) })
	packed.Uint(c, &k.contacts.onSite)
	packed.Uint(c, &k.contacts.elsewhere)
	packed.Int(c, &k.reached)
	packed.List(c, &k.zoneFacts, func(z *zoneFact) {
		z.point.pack(c)
		c.String(&z.technology)
		c.Bool(&z.entry)
		c.Bool(&z.outside)
	})
}

func (k *cold) packHandling(w *sitePacker) {
	c := w.Coder
	packed.List(c, &k.watchedZones, func(z *zoneWatch) {
		z.point.pack(c)
		packed.List(c, &z.negatives, func(at *int64) { packed.Int(c, at) })
		packed.Int(c, &z.credit)
		packed.Int(c, &z.creditAt)
	})
	packed.List(c, &k.flaps, func(f *flap) {
		packed.Uint(c, &f.path)
		packed.List(c, &f.changes, func(at *int64) { packed.Int(c, at) })
	})
	for i := range k.traces {
		packed.Int(c, &k.traces[i].at)
		c.Array(k.traces[i].id[:])
	}
	packed.Int(c, &k.mains.since)
	c.Array(k.mains.event[:])
	packed.Pointer(c, &k.test, func(t *testMode) { t.pack(c) })
	packed.List(c, &k.tests, func(at *int64) { packed.Int(c, at) })
	packed.Int(c, &k.notConfiguredAt)
	packed.Int(c, &k.cyclicTestMS)
	packed.Int(c, &k.testedAt)
	packed.Int(c, &k.stageSince)
}

func (v *visit) pack(w *sitePacker) {
	c := w.Coder
	c.String(&v.id)
	c.String(&v.code)
	packed.List(c, &v.areas, c.String)
	packed.Int(c, &v.from)
	packed.Int(c, &v.to)
	if w.format >= formatPlans {
		c.String(&v.by)
	}
}

func (k *consigne) pack(w *sitePacker) {
	c := w.Coder
	c.String(&k.id)
	c.Array(k.event[:])
	packed.Uint(c, &k.scope)
	c.Bool(&k.permanent)
	packed.Int(c, &k.from)
	packed.Int(c, &k.until)
	packed.Uint(c, &k.priority)
	packed.List(c, &k.steps, func(s **vigiev1.ConsigneStep) { packed.Message(c, s) })
	if w.format >= formatPlans {
		c.Bytes(&k.text)
	}
}

// formatPlans is the format with which calls, the commissioning, the texts of
// consignes and who announced a visit came.
const formatPlans uint32 = 3

// formatFigures is the format with which figures of groups and of sites came.
const formatFigures uint32 = 5

// formatClosureChanged is the format with which a closure's last change came.
const formatClosureChanged uint32 = 6

// packCalls walks over calls and the commissioning.
func (k *cold) packCalls(c *packed.Coder) {
	packed.List(c, &k.calls, func(a *call) {
		c.String(&a.id)
		packed.Int(c, &a.offered)
		packed.Int(c, &a.answered)
		c.String(&a.by)
		c.String(&a.to)
		packed.Uint(c, &a.site)
		c.String(&a.incident)
	})
	packed.Pointer(c, &k.commission, func(m *commissioning) { packed.List(c, &m.seen, c.String) })
}

func (t *testMode) pack(c *packed.Coder) {
	packed.Int(c, &t.since)
	packed.Int(c, &t.until)
	packed.List(c, &t.zones, c.String)
	packed.List(c, &t.areas, c.String)
	packed.List(c, &t.classes, func(v *vigiev1.EventClass) { packed.Int(c, v) })
	packed.List(c, &t.unseen, c.String)
}

func (inc *incident) packHandling(c *packed.Coder) {
	packed.Uint(c, &inc.flavour)
	packed.Int(c, &inc.negativeAt)
	c.Bool(&inc.areaMoved)
	c.String(&inc.consigne)
	c.Array(inc.consigneEvent[:])
	c.Bool(&inc.consigneChanged)
	packed.List(c, &inc.steps, func(s **vigiev1.ConsigneStep) { packed.Message(c, s) })
	packed.Int(c, &inc.occurred)
	c.Bool(&inc.secondHoldUp)
	c.Bool(&inc.persons)
	c.Bool(&inc.cancelled)
	c.Bool(&inc.hideCall)
	c.Bool(&inc.autoClosed)
}
