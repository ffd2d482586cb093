package alarm

// A record that fails leaves nothing behind, and a snapshot goes on reading the state
// as it was. Neither asks a rule for anything: before a record is applied the site is
// copied, all of it that a rule may change.
//
// The copy is into memory that is used again for every record. Only the first record
// of a site after a snapshot leaves the old state to it and goes on with a new one.

// before is a site as it was before the record being applied.
type before struct {
	site
	// room is where its rarer part stands, unless a snapshot has it.
	room cold
}

// begin keeps the site as it is now, to compare with and to go back to.
func (f *Fold) begin(s *site) *before {
	b := &f.before
	b.site = *s
	if s.cold != nil && !f.own(s) {
		s.cold.copyTo(&b.room)
		b.cold = &b.room
	}
	return b
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

// back makes the site what it was. The memory stays b's: the site gets a copy.
func (b *before) back(s *site) {
	*s = b.site
	if b.cold == &b.room {
		s.cold = b.room.clone(b.room.epoch)
	}
}

func (c *cold) clone(e epoch) *cold {
	k := &cold{}
	c.copyTo(k)
	k.epoch = e
	return k
}

// copyTo makes k a copy of c, in the memory that k has. What is only ever replaced
// whole (declaration, zone facts, schedule, test, commissioning, visits, steps, texts,
// binding) is shared; so is what was remembered, which only grows (slideCapped).
func (c *cold) copyTo(k *cold) {
	room, storm := k.lists, k.storm
	*k = *c
	k.lists = c.lists.in(&room)
	k.storm.alerting = append(storm.alerting[:0], c.storm.alerting...)
	k.storm.recent = append(storm.recent[:0], c.storm.recent...)
}

func (l *lists) in(room *lists) lists {
	return lists{
		paths:     append(room.paths[:0], l.paths...),
		heardBy:   append(room.heardBy[:0], l.heardBy...),
		counters:  append(room.counters[:0], l.counters...),
		areas:     append(room.areas[:0], l.areas...),
		timers:    append(room.timers[:0], l.timers...),
		absences:  append(room.absences[:0], l.absences...),
		memberOf:  append(room.memberOf[:0], l.memberOf...),
		zones:     append(room.zones[:0], l.zones...),
		inhibited: append(room.inhibited[:0], l.inhibited...),
		restores:  append(room.restores[:0], l.restores...),
		acts:      append(room.acts[:0], l.acts...),
		closed:    append(room.closed[:0], l.closed...),
		visits:    append(room.visits[:0], l.visits...),
		consignes: append(room.consignes[:0], l.consignes...),
		tests:     append(room.tests[:0], l.tests...),
		calls:     append(room.calls[:0], l.calls...),

		incidents:    copyEach(room.incidents, l.incidents, (*incident).copyTo),
		open:         copyEach(room.open, l.open, (*detection).copyTo),
		watchedZones: copyInner(room.watchedZones, l.watchedZones, (*zoneWatch).copyTo),
		flaps:        copyInner(room.flaps, l.flaps, (*flap).copyTo),
	}
}

// copyEach copies what pointers point to, into what those of the room point to. A nil
// stays one: no rule makes it, a snapshot can carry it.
func copyEach[T any](room, list []*T, copyTo func(*T, *T)) []*T {
	if len(list) > cap(room) {
		room = append(make([]*T, 0, len(list)), room[:cap(room)]...)
	}
	room = room[:cap(room)]
	for i, v := range list {
		switch {
		case v == nil:
			room[i] = nil
		case room[i] == nil:
			room[i] = new(T)
			fallthrough
		default:
			copyTo(v, room[i])
		}
	}
	return room[:len(list)]
}

// copyInner copies a list of values that have lists of their own.
func copyInner[T any](room, list []T, copyTo func(*T, *T)) []T {
	if len(list) > cap(room) {
		room = append(make([]T, 0, len(list)), room[:cap(room)]...)
	}
	room = room[:cap(room)]
	for i := range list {
		copyTo(&list[i], &room[i])
	}
	return room[:len(list)]
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
