package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// applyBeat takes the heartbeats of a beat. A steady one is a write into the
// site's path and nothing more: no allocation, no output, no timer.
func (f *Fold) applyBeat(env Env, b *vigiev1.Beat) {
	if b.GetKind() == vigiev1.WriterKind_WRITER_KIND_DESK {
		return
	}
	group := f.learnReceiver(env, b.GetWriter(), b.GetGroup())
	numbers, received := b.GetSite(), b.GetBaseMs()
	for from := 0; from < len(numbers); from += together {
		few := numbers[from:min(from+together, len(numbers))]
		f.sites.near(few)
		for i, number := range few {
			onPath := uint32(1)
			if paths := b.GetPath(); from+i < len(paths) && paths[from+i] != 0 {
				onPath = paths[from+i]
			}
			if deltas := b.GetReceivedDeltaMs(); from+i < len(deltas) {
				received += deltas[from+i]
			}
			if number == 0 || number >= siteNumbers {
				continue // No site has such a number: nothing to conclude.
			}
			f.heartbeat(env, number, onPath, received, group)
		}
	}
}

// together is how many sites are brought near before the first is written.
const together = 32

func (f *Fold) heartbeat(env Env, number uint64, onPath uint32, received int64, group uint16) {
	s := f.sites.findOrAdd(number)
	if p := s.path(onPath); p != nil && p.status == pathOK && (p.group == group || p.pinned) {
		p.heardS = max(p.heardS, env.SAt(f.groups.list[p.group], received))
		p.heardAt = max(p.heardAt, received)
		return
	}
	t := max(s.last, received)
	ok := f.within(env, s, t, nil, func(w *work) {
		w.advance(t)
		w.at, s.last = t, t
		w.alive(onPath, received, group, nil)
	})
	if !ok {
		f.degrade(env, s, t, nil, func(*work) {})
	}
}

// learnReceiver remembers the group of a receiver and returns its number. Paths
// heard before any group was known are supervised by the first one learnt.
func (f *Fold) learnReceiver(env Env, receiver, group string) uint16 {
	g := f.groups.number(group)
	if have, ok := f.receivers[receiver]; ok && have == g {
		return g
	}
	if len(f.receivers) < maxReceivers {
		f.receivers[receiver] = g
	}
	if g != 0 {
		f.sites.each(func(s *site) {
			s.eachPath(func(p *path) { f.adopt(env, s, p, g) })
		})
	}
	return g
}

func (f *Fold) adopt(env Env, s *site, p *path, group uint16) {
	if p.group != 0 || p.status != pathOK {
		return
	}
	before := *s
	if s.cold != nil {
		before.cold = s.cold.clone(s.cold.epoch)
	}
	defer f.moved(&before, s)
	p.group = group
	p.heardS = env.SAt(f.groups.name(group), p.heardAt)
	p.due = f.deadline(s, p)
	env.Arm(f.pathTimer(s, p))
}
