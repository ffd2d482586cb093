package alarm

import "slices"

// A record that fails leaves nothing behind, and a snapshot goes on reading the state
// as it was. Before a record is applied the site is copied, into memory that is used
// again for every record; only the first one after a snapshot leaves the old state to
// it and goes on with a new one.
//
// What most records leave alone is copied when a rule is about to change it, so that a
// rule asks for it: an incident or a detection by the methods of work that find it, or
// by keep and keepDetection; a list of seldom by work.seldom. The tests take every
// event back once, and find what nobody asked for.

// before is a site as it was before the record being applied.
type before struct {
	site
	// room is where its rarer part stands, unless a snapshot has it. What few records
	// change is not there before the change: keep, keepDetection, seldom.
	room       cold
	seldomKept bool
	incidents  pool[incident]
	detections pool[detection]
}

// begin keeps the site as it is now, to compare with and to go back to.
func (f *Fold) begin(s *site) *before {
	b := &f.before
	b.site = *s
	b.incidents.n, b.detections.n, b.seldomKept = 0, 0, false
	if s.cold == nil || f.own(s) {
		b.room.incidents, b.room.open = b.room.incidents[:0], b.room.open[:0]
		return b
	}
	s.cold.flatTo(&b.room)
	fill(&b.room.incidents, s.cold.incidents)
	fill(&b.room.open, s.cold.open)
	b.cold = &b.room
	return b
}

// keep copies an incident that is about to be changed: it must be called before.
func (w *work) keep(inc *incident) *incident {
	b := &w.f.before
	if i := slices.Index(b.room.incidents, inc); i >= 0 && inc != nil {
		b.room.incidents[i] = b.incidents.next()
		inc.copyTo(b.room.incidents[i])
	}
	return inc
}

// keepDetection does the same with a detection.
func (w *work) keepDetection(d *detection) *detection {
	b := &w.f.before
	if i := slices.Index(b.room.open, d); i >= 0 && d != nil {
		b.room.open[i] = b.detections.next()
		d.copyTo(b.room.open[i])
	}
	return d
}

// seldom is cold for a rule that changes one of the lists of that name.
func (w *work) seldom() *cold {
	c := w.cold()
	if b := &w.f.before; b.cold == &b.room && !b.seldomKept {
		c.seldom.copyTo(&b.room.seldom)
		b.seldomKept = true
	}
	return c
}

// back makes the site what it was. The memory stays b's: the site gets a copy.
func (b *before) back(s *site) {
	now := s.cold
	*s = b.site
	if b.cold == &b.room {
		if !b.seldomKept {
			now.seldom.copyTo(&b.room.seldom)
		}
		s.cold = b.room.clone(b.room.epoch)
	}
}

// own leaves the site's rarer part to the snapshots that may read it, where one was
// taken since it was made: true when the site now has another.
func (f *Fold) own(s *site) bool {
	if s.cold.epoch == f.sites.epoch {
		return false
	}
	s.cold = s.cold.clone(f.sites.epoch)
	return true
}

func (c *cold) clone(e epoch) *cold {
	k := newCold(e)
	c.copyTo(k)
	k.epoch = e
	return k
}

// copyTo makes k a copy of c. What is only ever replaced whole (declaration, zone facts,
// schedule, test, commissioning, visits, steps, texts, binding) is shared; so is what was
// remembered, which only grows (slideCapped).
func (c *cold) copyTo(k *cold) {
	c.flatTo(k)
	c.seldom.copyTo(&k.seldom)
	k.incidents = copyEach(k.incidents, c.incidents, (*incident).copyTo)
	k.open = copyEach(k.open, c.open, (*detection).copyTo)
}

// flatTo copies what every record may change, into the memory that k has.
func (c *cold) flatTo(k *cold) {
	k.epoch, k.whole = c.epoch, c.whole
	fill(&k.paths, c.paths)
	fill(&k.heardBy, c.heardBy)
	fill(&k.counters, c.counters)
	fill(&k.areas, c.areas)
	fill(&k.timers, c.timers)
	fill(&k.absences, c.absences)
	fill(&k.memberOf, c.memberOf)
}

func (l *seldom) copyTo(k *seldom) {
	fill(&k.zones, l.zones)
	fill(&k.inhibited, l.inhibited)
	fill(&k.restores, l.restores)
	fill(&k.acts, l.acts)
	fill(&k.closed, l.closed)
	fill(&k.visits, l.visits)
	fill(&k.consignes, l.consignes)
	fill(&k.tests, l.tests)
	fill(&k.calls, l.calls)
	fillInner(&k.watchedZones, l.watchedZones, (*zoneWatch).copyTo)
	fillInner(&k.flaps, l.flaps, (*flap).copyTo)
	k.storm.open = l.storm.open
	fill(&k.storm.alerting, l.storm.alerting)
	fill(&k.storm.recent, l.storm.recent)
}

// fill copies a list into the memory of another. Most are empty on both sides.
func fill[T any](to *[]T, list []T) {
	if len(list)+len(*to) > 0 {
		*to = append((*to)[:0], list...)
	}
}

// fillInner is fill for values that have lists of their own.
func fillInner[T any](to *[]T, list []T, copyTo func(*T, *T)) {
	if len(list) > cap(*to) {
		*to = append(make([]T, 0, len(list)), (*to)[:cap(*to)]...)
	}
	*to = (*to)[:len(list)]
	for i := range list {
		copyTo(&list[i], &(*to)[i])
	}
}

// copyEach copies what pointers point to, into new memory. A nil stays one.
func copyEach[T any](to, list []*T, copyTo func(*T, *T)) []*T {
	for _, v := range list {
		var k *T
		if v != nil {
			k = new(T)
			copyTo(v, k)
		}
		to = append(to, k)
	}
	return to
}

func (inc *incident) copyTo(k *incident) {
	evidence, acts, points := k.evidence, k.acts, k.points
	*k = *inc
	k.evidence = append(evidence[:0], inc.evidence...)
	k.acts = append(acts[:0], inc.acts...)
	k.points = append(points[:0], inc.points...)
}

func (d *detection) copyTo(k *detection) {
	evidence, facts := k.evidence, k.facts
	*k = *d
	k.evidence = append(evidence[:0], d.evidence...)
	k.facts = append(facts[:0], d.facts...)
}

func (z *zoneWatch) copyTo(k *zoneWatch) {
	negatives := k.negatives
	*k = *z
	k.negatives = append(negatives[:0], z.negatives...)
}

func (f *flap) copyTo(k *flap) {
	changes := k.changes
	*k = *f
	k.changes = append(changes[:0], f.changes...)
}
