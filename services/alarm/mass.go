package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Masses as a partition knows them: verdicts of the fleet (package fleet finds
// them), which come as broadcasts and may come twice, and its own where none came.
//
// A verdict opens one incident for the group, in the partition of the group's
// number. A partition opens a local mass when a hold-back ends without a verdict
// and its own losses in a group of the site within 5 min pass the policy's figures,
// least and share, against the sites that it holds: that site's incident stands for
// it, with a detection of its own, and the others come under it. It ends when fewer
// than half of least were lost within 5 min and are lost beyond those of before; a
// verdict takes its place.

// mass is a mass of a group; closed 0 while it stands.
type mass struct {
	group     uint32
	detection ids.ID
	opened    int64
	closed    int64
	// site holds the incident of a local one; 0 for a verdict. before is how many of
	// the group were lost before it.
	site, before uint64
}

// massOf is the mass of a group, the open one first; nil when none is known.
func (f *Fold) massOf(group uint32) *mass {
	var found *mass
	for i := range f.masses {
		m := &f.masses[i]
		if m.group == group && (found == nil || m.closed == 0 || m.closed > found.closed && found.closed != 0) {
			found = m
		}
	}
	return found
}

// massOver is the open mass that the site comes under: one of its groups, in which
// every lost path lies. nil when there is none.
func (w *work) massOver() *mass {
	for i := range w.f.masses {
		if m := &w.f.masses[i]; m.closed == 0 && w.lies(m.group) {
			return m
		}
	}
	return nil
}

// lies: the site is in the group with all that is lost of it.
func (w *work) lies(group uint32) bool {
	g := &w.f.tally.groups[group]
	if g.kind != groupReceiver && g.kind != groupCarrier {
		return slices.Contains(w.cold().memberOf, group)
	}
	every := true
	w.s.eachPath(func(p *path) {
		name := w.f.carriers.name(p.carrier)
		if g.kind == groupReceiver {
			name = w.f.groups.name(p.group)
		}
		every = every && (p.status == pathNeverHeard || name == g.name)
	})
	return every
}

// hear takes a broadcast; one that came before is without effect.
func (f *Fold) hear(env Env, partition int32, b *vigiev1.Broadcast) {
	f.broadcast = max(f.broadcast, b.GetVersion())
	if o := b.GetOperatorLeft(); o != nil {
		f.operatorLeft(env, b, clip(o.GetUser()))
	}
	v := b.GetFleetVerdict()
	if v == nil || len(v.GetDetection()) != len(ids.ID{}) {
		return
	}
	kind := slices.Index(groupKinds[:], v.GetGroupKind())
	if kind < 0 {
		return // A kind of a later release: its sites keep incidents of their own.
	}
	group := f.tally.group(uint8(kind), clip(v.GetGroup()))
	if group == 0 && kind != int(groupAll) {
		return
	}
	id := idOf(v.GetDetection())
	i := slices.IndexFunc(f.masses, func(m mass) bool { return m.site == 0 && m.detection == id })
	mine := partition == int32(v.GetPartition())
	switch {
	case v.GetOpen() && i < 0:
		f.mergeLocal(env, group)
		f.remember(mass{group: group, detection: id, opened: v.GetOpenedTickMs()})
		if mine {
			f.massIncident(env, v, id)
		}
	case !v.GetOpen() && i >= 0 && f.masses[i].closed == 0:
		f.masses[i].closed = max(v.GetClosedTickMs(), 1)
		if mine {
			f.massRestored(env, v)
		}
	}
}

func (f *Fold) remember(m mass) {
	if len(f.masses) >= maxMasses {
		first := 0
		for i := range f.masses {
			if c := f.masses[i].closed; c != 0 && (f.masses[first].closed == 0 || c < f.masses[first].closed) {
				first = i
			}
		}
		f.masses = slices.Delete(f.masses, first, first+1)
	}
	f.masses = append(f.masses, m)
}

// massIncident opens the one incident of a verdict on the group's own number.
func (f *Fold) massIncident(env Env, v *vigiev1.FleetVerdict, id ids.ID) {
	f.onGroup(env, v, func(w *work) {
		w.cold().account = clip(v.GetGroupKind() + " " + v.GetGroup())
		w.raise(raised{
			id: id, class: vigiev1.EventClass_EVENT_CLASS_COMMUNICATION, area: v.GetGroupKind(), zone: clip(v.GetGroup()), at: w.at,
			group: groupTechnicalCritical, grouped: true, clock: clockCommunicationArmed, priority: 2,
		})
	})
}

func (f *Fold) massRestored(env Env, v *vigiev1.FleetVerdict) {
	f.onGroup(env, v, func(w *work) {
		if inc := w.incident(groupTechnicalCritical); inc != nil && inc.restored == 0 {
			inc.restored = w.at
			w.touch(inc)
		}
	})
}

func (f *Fold) onGroup(env Env, v *vigiev1.FleetVerdict, do func(*work)) {
	if v.GetGroupNumber() < ids.FirstUndeclared || v.GetGroupNumber() >= siteNumbers {
		return
	}
	s := f.sites.findOrAdd(v.GetGroupNumber())
	at := max(s.last, env.W())
	ok := f.within(env, s, at, v.GetDetection(), func(w *work) {
		w.advance(at)
		w.at, s.last = at, at
		do(w)
	})
	if !ok {
		f.degrade(env, s, at, v.GetDetection(), func(*work) {})
	}
}

// openLocalMass opens one when the partition's own losses say so; nil when not.
func (w *work) openLocalMass(d *detection) *mass {
	fig := w.f.figures[0].fleet.GetCommunication()
	group, found := w.failingHere(fig)
	if !found {
		return nil
	}
	g := &w.f.tally.groups[group]
	local := w.fresh(vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS, groupKinds[g.kind]+"/"+g.name)
	local.area, local.zone, local.threshold, local.windowMS = groupKinds[g.kind], g.name, fig.GetLeast(), fig.GetWindowMs()
	local.facts = []string{"local"}
	w.openDetection(local)
	w.raiseLoss(d, w.cold().held.since)
	w.f.remember(mass{group: group, detection: local.id, opened: w.at, site: w.s.number, before: g.lost - min(g.lost, g.lostLately())})
	return &w.f.masses[len(w.f.masses)-1]
}

// failingHere is the group of the site of which this partition lost the greatest
// share of late, the larger one of equal shares, when it passes the figures.
func (w *work) failingHere(fig *vigiev1.FleetSurge) (group uint32, found bool) {
	var most, lost uint64
	for _, m := range w.f.memberships(w.s, nil) {
		g := &w.f.tally.groups[m.group]
		n, share := g.lostLately(), g.lostLately()*1000/max(g.sites, 1)
		if g.kind == groupAll || !w.lies(m.group) || n < uint64(fig.GetLeast()) || share < uint64(fig.GetSharePermille()) {
			continue
		}
		if share > most || share == most && n > lost {
			group, found, most, lost = m.group, true, share, n
		}
	}
	return group, found
}

func (g *groupTally) lostLately() uint64 {
	n := uint64(g.losses)
	for _, l := range g.recent {
		n += uint64(l.losses)
	}
	return n
}

// localMassesEnd closes those whose losses have fallen.
func (f *Fold) localMassesEnd(env Env, tick int64) {
	for i := range f.masses {
		m := &f.masses[i]
		g, few := &f.tally.groups[m.group], uint64(f.figures[0].fleet.GetCommunication().GetLeast()+1)/2
		if m.site != 0 && m.closed == 0 && g.lostLately() < few && g.lost < m.before+few {
			m.closed = tick
			f.closeLocal(env, *m, closedRateFell)
		}
	}
}

// mergeLocal puts a verdict in the place of a local mass of the same sites, whatever
// the group that the partition saw in them.
func (f *Fold) mergeLocal(env Env, group uint32) {
	for i := len(f.masses) - 1; i >= 0; i-- {
		m := f.masses[i]
		if m.site == 0 || m.closed != 0 {
			continue
		}
		w := work{f: f, s: f.sites.find(m.site)}
		if m.group == group || w.s != nil && w.s.cold != nil && w.lies(group) {
			f.masses = slices.Delete(f.masses, i, i+1)
			f.closeLocal(env, m, closedMerged)
		}
	}
}

func (f *Fold) closeLocal(env Env, m mass, reason string) {
	s := f.sites.find(m.site)
	if s == nil {
		return
	}
	at := max(s.last, env.W())
	f.within(env, s, at, nil, func(w *work) {
		w.advance(at)
		w.at, s.last = at, at
		for _, d := range slices.Clone(w.cold().open) {
			if d.id == m.detection {
				w.closeDetection(w.keepDetection(d), reason)
			}
		}
	})
}
