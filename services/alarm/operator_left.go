package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Ending a shift releases claims (trade rule 9), in every partition: the fleet hears
// of it from the partition that has the shifts, and tells all. What was claimed or
// acted upon after that tick is of a new shift, and stays. The idle rule of claims is
// the net below: it gives back what this does not reach.
func (f *Fold) operatorLeft(env Env, b *vigiev1.Broadcast, user string) {
	i := slices.IndexFunc(f.tally.people, func(p personTally) bool { return p.name == user })
	if user == "" || i < 0 || f.tally.people[i].held == 0 {
		return
	}
	ev := &vigiev1.Event{Id: b.GetId(), Body: &vigiev1.Event_IncidentReleased{}}
	f.sites.each(func(s *site) {
		if s.cold == nil || !slices.ContainsFunc(s.cold.incidents, func(inc *incident) bool { return inc.holder == user && inc.lastAct <= b.GetAtMs() }) {
			return
		}
		at := max(s.last, env.W())
		do := func(w *work) {
			w.advance(at)
			w.at, s.last = at, at
			for _, inc := range slices.Clone(w.cold().incidents) {
				if inc.holder == user && inc.lastAct <= b.GetAtMs() {
					w.release(w.keep(inc), ev, user, "")
				}
			}
		}
		if !f.within(env, s, at, b.GetId(), do) {
			f.degrade(env, s, at, b.GetId(), func(*work) {})
		}
	})
}
