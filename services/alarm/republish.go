package alarm

import (
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Republish says the public state of every site anew, as it was said last: bindings of
// accounts, the directory, open incidents, states. It is for a log that begins with
// this state and whose topics are empty; nobody who knew it learns anything from it.
// The fleet, which begins with nothing, is told everything at the next tick.
func (f *Fold) Republish(env Env) {
	f.tally.ticks = 0
	f.sites.each(func(s *site) {
		w := &work{f: f, env: env, s: s, at: s.last}
		f.messages.nothing()
		w.republish()
		w.flush()
	})
}

func (w *work) republish() {
	if c := w.s.cold; c != nil {
		if c.binding != nil {
			w.putBinding()
		}
		if c.directoryVersion > 0 {
			w.put(topics.Directory, &vigiev1.DirectoryRecord{Site: w.s.number, Version: c.directoryVersion, Declared: w.declaration(), Stage: c.stage}, false)
		}
		for _, inc := range c.incidents {
			w.outs = append(w.outs, output{topics.Incidents, []byte(inc.id), w.incidentMessage(inc), false})
		}
	}
	if w.s.version > 0 && w.s.number != 0 {
		w.put(topics.SiteStates, w.siteState(), false)
	}
}
