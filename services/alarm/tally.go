package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What leaves a partition for the fleet: counts by group, one record a tick of
// TickMS of the watermark (tick.go). A site belongs to the groups of its
// declaration (carrier, region, installer, panel model), to the line that its
// panels use, and by each path that was heard to a receiver group and a carrier.
// It counts once in a group however many of its paths are there, and is lost in
// it when one of those paths is; in the others when all are.
//
// Levels and losses come from comparing a site before and after each record, so
// that no rule has to remember to count; alarms, mains losses and closures are
// told by their rules. Nothing is counted for a record that failed.

// Kinds of groups, by number.
const (
	groupAll uint8 = iota
	groupCarrier
	groupReceiver
	groupLine
	groupRegion
	groupInstaller
	groupPanelModel
)

var groupKinds = [...]string{"all", "carrier", "receiver", "line", "region", "installer", "panel-model"}

// tally is what is counted, part of the partition's state.
type tally struct {
	// ticked is the last tick told, Unix ms UTC; ticks how many since all was told.
	ticked int64
	ticks  uint32
	// policy is the version last told.
	policy uint64

	groups []groupTally
	index  map[groupKey]uint32
	queues [groupNotConfigured + 1]queueTally
	people []personTally

	calls                callTally
	requested, completed uint32
}

type groupKey struct {
	kind uint8
	name string
}

type groupTally struct {
	groupKey
	sites, lost                                      uint64
	losses, restorals, mainsLosses, alarms, closures uint32
	high, exposed                                    []uint64
	changed                                          bool
	// recent are the losses of the last ticks, for who must judge alone.
	recent []tickLosses
}

type tickLosses struct {
	tick   int64
	losses uint32
}

type callTally struct{ offered, answered, abandoned, transferred, ended uint32 }

type queueTally struct {
	waiting, late  uint64
	opened, closed uint32
	handling       uint64
	changed        bool
}

type personTally struct {
	name          string
	presence      presence
	said, changed bool
	held, claimed uint32
}

// presence of a person.
type presence uint8

const (
	away presence = iota
	present
	// left: the shift was ended, and the fleet is to hear of it.
	left
)

func newTally() tally {
	t := tally{index: map[groupKey]uint32{}}
	t.group(groupAll, "")
	return t
}

// group is the number of a group, given now if it is new; past maxTallied every
// further one counts with all alone.
func (t *tally) group(kind uint8, name string) uint32 {
	k := groupKey{kind, name}
	if i, ok := t.index[k]; ok {
		return i
	}
	if len(t.groups) >= maxTallied {
		return 0
	}
	i := uint32(len(t.groups))
	t.groups = append(t.groups, groupTally{groupKey: groupKey{kind, strings.Clone(name)}})
	t.index[t.groups[i].groupKey] = i
	return i
}

// membership of a site in a group, as of one moment.
type membership struct {
	group uint32
	lost  bool
}

// memberships of a site, each group once; none while no path of it was heard.
func (f *Fold) memberships(s *site, list []membership) []membership {
	list = list[:0]
	heard := false
	s.eachPath(func(p *path) { heard = heard || p.status != pathNeverHeard })
	if !heard {
		return list
	}
	silent := s.cold != nil && s.cold.commLost
	list = append(list, membership{0, silent})
	if s.cold != nil {
		for _, g := range s.cold.memberOf {
			list = join(list, membership{g, silent})
		}
	}
	s.eachPath(func(p *path) {
		if p.status == pathNeverHeard {
			return
		}
		lost := p.status == pathLost
		if p.group != 0 {
			list = join(list, membership{f.tally.group(groupReceiver, f.groups.name(p.group)), lost})
		}
		if p.carrier != 0 {
			list = join(list, membership{f.tally.group(groupCarrier, f.carriers.name(p.carrier)), lost})
		}
	})
	return list
}

func join(list []membership, m membership) []membership {
	for i := range list {
		if list[i].group == m.group {
			list[i].lost = list[i].lost || m.lost && m.group != 0
			return list
		}
	}
	return append(list, m)
}

// sameShape says that a record moved nothing that memberships depend on.
func sameShape(a, b *site) bool {
	if !a.first.sameShape(&b.first) {
		return false
	}
	x, y := a.cold, b.cold
	if x == nil || y == nil {
		return y == nil || len(y.paths) == 0 && len(y.memberOf) == 0 && !y.commLost
	}
	return x.commLost == y.commLost && slices.Equal(x.memberOf, y.memberOf) &&
		slices.EqualFunc(x.paths, y.paths, func(p, q path) bool { return p.sameShape(&q) })
}

func (p *path) sameShape(q *path) bool {
	return p.number == q.number && p.group == q.group && p.carrier == q.carrier && p.status == q.status
}

// moved counts what a record changed in a site's groups.
func (f *Fold) moved(before, s *site) {
	if sameShape(before, s) {
		return
	}
	f.was, f.is = f.memberships(before, f.was), f.memberships(s, f.is)
	for _, m := range f.was {
		g := &f.tally.groups[m.group]
		g.sites--
		g.changed = true
		if m.lost {
			g.lost--
		}
	}
	for _, m := range f.is {
		g := &f.tally.groups[m.group]
		g.sites++
		g.changed = true
		if m.lost {
			g.lost++
		}
		i := slices.IndexFunc(f.was, func(w membership) bool { return w.group == m.group })
		switch wasLost := i >= 0 && f.was[i].lost; {
		case m.lost && !wasLost:
			g.losses++
			g.expose(s)
		case !m.lost && wasLost:
			g.restorals++
		}
	}
}

// expose lists a lost site for the guard rounds when it is of high risk, armed or
// closed: nobody is there who would call.
func (g *groupTally) expose(s *site) {
	c := s.cold
	switch {
	case c == nil:
	case c.highRisk && len(g.high) < maxExposed:
		g.high = append(g.high, s.number)
	case !c.highRisk && (c.closure.running() || c.anyArmed()) && len(g.exposed) < maxExposed:
		g.exposed = append(g.exposed, s.number)
	}
}

// regroup finds the groups of a site's declaration and line.
func (w *work) regroup(declared *vigiev1.SiteDeclared) {
	c, t := w.cold(), &w.f.tally
	c.memberOf = nil
	add := func(kind uint8, name string) {
		if name == "" {
			return
		}
		if g := t.group(kind, clip(name)); g != 0 && !slices.Contains(c.memberOf, g) {
			c.memberOf = append(c.memberOf, g)
		}
	}
	if c.lineKnown {
		add(groupLine, itoa(c.line))
	}
	add(groupRegion, declared.GetRegion())
	add(groupInstaller, declared.GetInstaller())
	add(groupPanelModel, declared.GetPanelModel())
	carrier := w.f.carriers.number(clip(declared.GetCarrier()))
	w.s.eachPath(func(p *path) { p.carrier = carrier })
	for _, d := range declared.GetPaths() {
		name := d.GetCarrier()
		if name == "" {
			name = declared.GetCarrier()
		}
		if p := w.s.path(d.GetPath()); p != nil {
			p.carrier = w.f.carriers.number(clip(name))
		}
	}
}

// siteCarrier carries a path that is heard and was not declared.
func (w *work) siteCarrier() uint16 {
	return w.f.carriers.number(clip(w.declaration().GetCarrier()))
}

// onLine notes the line of a panel's message; a site has that of the last one.
func (w *work) onLine(line uint32) {
	c := w.cold()
	if c.lineKnown && c.line == line {
		return
	}
	c.line, c.lineKnown = line, true
	w.regroup(w.declaration())
}

// happening is what a rule tells to be counted.
type happening struct {
	what     happenedWhat
	user     string
	presence presence
	step     vigiev1.CallStep_Step
}

type happenedWhat uint8

const (
	happenedAlarm happenedWhat = iota
	happenedMainsLoss
	happenedClosure
	happenedRequest
	happenedCompletion
	happenedCall
	happenedPresence
)

func (w *work) happened(what happenedWhat) {
	w.happenings = append(w.happenings, happening{what: what})
}

// count takes what happened to a site, once its record has been applied whole.
func (f *Fold) count(s *site, list []happening) {
	for _, h := range list {
		switch h.what {
		case happenedRequest:
			f.tally.requested++
		case happenedCompletion:
			f.tally.completed++
		case happenedCall:
			f.tally.call(h.step)
		case happenedPresence:
			if p := f.tally.person(h.user); p != nil {
				p.presence, p.said, p.changed = h.presence, true, true
			}
		default:
			f.tally.groups[0].happened(h.what)
			for _, g := range s.cold.memberOf {
				f.tally.groups[g].happened(h.what)
			}
			s.eachPath(func(p *path) {
				if p.carrier != 0 && p == &s.first {
					f.tally.groups[f.tally.group(groupCarrier, f.carriers.name(p.carrier))].happened(h.what)
				}
			})
		}
	}
}

func (g *groupTally) happened(what happenedWhat) {
	g.changed = true
	switch what {
	case happenedAlarm:
		g.alarms++
	case happenedMainsLoss:
		g.mainsLosses++
	case happenedClosure:
		g.closures++
	}
}

func (t *tally) call(step vigiev1.CallStep_Step) {
	switch step {
	case vigiev1.CallStep_STEP_OFFERED:
		t.calls.offered++
	case vigiev1.CallStep_STEP_ANSWERED:
		t.calls.answered++
	case vigiev1.CallStep_STEP_ABANDONED:
		t.calls.abandoned++
	case vigiev1.CallStep_STEP_TRANSFERRED:
		t.calls.transferred++
	case vigiev1.CallStep_STEP_ENDED:
		t.calls.ended++
	}
}

// person in order of name; nil past maxPeople or without a name.
func (t *tally) person(name string) *personTally {
	i, found := slices.BinarySearchFunc(t.people, name, func(p personTally, n string) int { return strings.Compare(p.name, n) })
	if !found {
		if name == "" || len(t.people) >= maxPeople {
			return nil
		}
		t.people = slices.Insert(t.people, i, personTally{name: strings.Clone(name)})
	}
	return &t.people[i]
}

// handled counts what a record changed in a site's incidents.
func (f *Fold) handled(before, s *site, dirty []*incident) {
	var old []*incident
	if before.cold != nil {
		old = before.cold.incidents
	}
	if s.cold == nil || len(old) == 0 && len(s.cold.incidents) == 0 {
		return
	}
	// What nobody kept is as it was: as a rule that is all of it.
	if len(dirty) == 0 && slices.Equal(old, s.cold.incidents) && slices.Equal(before.cold.open, s.cold.open) {
		for _, inc := range old {
			f.queueStands(inc)
		}
		return
	}
	for _, inc := range old {
		f.queue(before, inc, false)
	}
	for _, inc := range s.cold.incidents {
		f.queue(s, inc, true)
		if was := sameIncident(old, inc.id); was == nil {
			f.tally.queues[inc.group].opened++
		} else if inc.holder == "" || inc.holder == was.holder {
			continue
		}
		if p := f.tally.person(inc.holder); p != nil {
			p.claimed++
		}
	}
	for _, inc := range dirty {
		if inc.closedAt == 0 {
			continue
		}
		q := &f.tally.queues[inc.group]
		q.closed++
		if inc.claimed != 0 {
			q.handling += uint64(max(0, inc.closedAt-inc.claimed))
		}
	}
}

func sameIncident(list []*incident, id string) *incident {
	for _, inc := range list {
		if inc.id == id {
			return inc
		}
	}
	return nil
}

// queueStands is queue for an incident taken off and added again as it was.
func (f *Fold) queueStands(inc *incident) {
	if inc.flavour == onTest {
		return
	}
	f.tally.queues[inc.group].changed = true
	if p := f.tally.person(inc.holder); p != nil && inc.parkedUntil == 0 {
		p.changed = true
	}
}

// queue adds an incident to what waits and to what its holder has, or takes it off.
func (f *Fold) queue(s *site, inc *incident, there bool) {
	if inc.flavour == onTest {
		return
	}
	q, by := &f.tally.queues[inc.group], uint64(1)
	if !there {
		by = ^uint64(0)
	}
	q.changed = true
	if !inc.answered {
		q.waiting += by
		if s.cold.detection(vigiev1.DetectionKind_DETECTION_KIND_ANSWER_LATE, 0, inc.id) != nil ||
			s.cold.detection(vigiev1.DetectionKind_DETECTION_KIND_ANSWER_MISSED, 0, inc.id) != nil {
			q.late += by
		}
	}
	if p := f.tally.person(inc.holder); p != nil && inc.parkedUntil == 0 {
		p.held += uint32(by)
		p.changed = true
	}
}
