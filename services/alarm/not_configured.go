package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Not configured, événement non paramétré (trade rule 5): a code that no table
// knows, a zone that was not declared, an account that nobody declared. It opens
// an incident of its own group: answered within 180 s when it is like an alarm, else
// a task of the day. Zones and accounts fold for 24 h: what comes again in that
// time joins an open incident or stays silent, while its own alarm, where it is
// one, is handled as any other. Nothing silences a code.
const notConfiguredFolds = 24 * hour

// notConfiguredClock: like an alarm is a Contact ID code of the alarms (1xx), a
// SIA code that ends in A, and whatever cannot be read.
func notConfiguredClock(b *vigiev1.DataReceived) uint8 {
	code := b.GetCode()
	alarmLike := len(code) < 2
	switch {
	case strings.EqualFold(b.GetFormat(), "CID"):
		alarmLike = alarmLike || code[1] == '1'
	case strings.EqualFold(b.GetFormat(), "SIA"):
		alarmLike = alarmLike || code[1] == 'A'
	default:
		alarmLike = true
	}
	if alarmLike {
		return uint8(groupNotConfigured)
	}
	return uint8(groupTechnical)
}

// undeclaredZone: an alarm of a zone that the site's declaration does not have.
func (w *work) undeclaredZone(r raised) {
	c := w.cold()
	declared := func(f zoneFact) bool { return f.zone == r.zone }
	if len(c.zoneFacts) == 0 || r.zone == "" || slices.ContainsFunc(c.zoneFacts, declared) {
		return
	}
	w.notConfigured(r)
}

// notConfigured opens a task of the day, once in 24 h.
func (w *work) notConfigured(r raised) {
	c := w.cold()
	if c.notConfiguredAt != 0 && w.at-c.notConfiguredAt < notConfiguredFolds {
		return
	}
	c.notConfiguredAt = w.at
	r.id = ids.DetectionOfEvent("not-configured", w.s.number, r.id[:]) // The alarm itself has an incident by its own id.
	r.class = vigiev1.EventClass_EVENT_CLASS_NOT_CONFIGURED
	r.grouped, r.group, r.clock = true, groupNotConfigured, uint8(groupTechnical)
	w.raise(r)
}
