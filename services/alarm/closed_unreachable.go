package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Closed site unreachable, injoignable (trade rule 3). Opens while a closure runs
// and there is no usable contact, or only contacts on the site itself, or nobody
// has been reached for unreached_ms (30 d), counted from the start of the closure
// when nobody ever was. The facts say which. Closes when contacts elsewhere are set or
// somebody is reached, or the closure ends. Nothing silences it.

// contacts is how many can be used: on the site and elsewhere.
type contacts struct{ onSite, elsewhere uint32 }

func (w *work) setContacts(b *vigiev1.ContactsSet) decided {
	w.cold().contacts = contacts{b.GetOnSite(), b.GetElsewhere()}
	w.judgeClosure()
	return accepted("")
}

func (w *work) judgeUnreachable() {
	c, fig := w.cold(), w.figures()
	kind := vigiev1.DetectionKind_DETECTION_KIND_CLOSED_UNREACHABLE
	w.cancelTimer(timerUnreached, 0)
	if !c.closure.running() {
		w.judge(kind, false, closedEnded)
		return
	}
	var facts []string
	switch {
	case c.contacts.onSite+c.contacts.elsewhere == 0:
		facts = append(facts, "no-usable-contact")
	case c.contacts.elsewhere == 0:
		facts = append(facts, "only-on-site")
	}
	since := c.closure.since
	if c.reached != 0 {
		since = c.reached
	}
	due := since + fig.unreached
	if due > w.at {
		w.setTimer(timerUnreached, 0, due)
	} else {
		facts = append(facts, "nobody-reached")
	}
	w.judge(kind, len(facts) > 0, closedReached, facts...)
}

// contactReached: somebody answered on the phone.
func (w *work) contactReached() {
	w.cold().reached = w.at
	w.judgeUnreachable()
}
