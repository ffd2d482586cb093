package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Retransmission (design decisions 1, 54). A panel whose ACK was lost sends the
// same message again, on any path, to any receiver. An equal fingerprint within
// the policy's window (5 min) is heard again: life of that path, no second
// effect. Unless between the two the point was restored, or the panel's sequence
// started anew: then, in doubt, it is a new alarm in the same incident. Classes
// never suppressed update their incident even when heard again.

// heard is one message remembered.
type heard struct {
	print ids.ID
	first ids.ID
	at    int64
	// point and family say what a restoral makes us forget.
	point  point
	family vigiev1.EventClass
	alarm  bool
	// account's counter and how often it had started anew.
	counter int16
	epoch   uint32
}

// counter follows the DC-09 sequence of one panel of the site.
type counter struct {
	account ids.ID
	last    uint32
	epoch   uint32
}

// heardAgain recognises a retransmission and remembers what it has not seen. The
// id is the first event's.
func (w *work) heardAgain(ev *vigiev1.Event) (ids.ID, bool) {
	c := w.cold()
	print := idOf(ev.GetFingerprint())
	if len(ev.GetFingerprint()) == 0 {
		print = idOf(ev.GetId())
	}
	k := w.counterOf(ev.GetSource().GetPanel())
	w.forgetBefore(w.at - w.figures().heardAgain)
	for i := range c.remembered {
		m := &c.remembered[i]
		if m.print != print {
			continue
		}
		if k < 0 || int(m.counter) != k || m.epoch == c.counters[k].epoch {
			return m.first, true
		}
		c.remembered = slices.Concat(c.remembered[:i], c.remembered[i+1:])
		break
	}
	m := heard{print: print, first: idOf(ev.GetId()), at: w.at, counter: int16(k)}
	if k >= 0 {
		m.epoch = c.counters[k].follow(ev.GetSource().GetPanel().GetSequence())
	}
	var sig signal
	sig, m.alarm = alarmOf(ev)
	m.point, m.family = sig.point, family(sig.class)
	c.remembered = slideCapped(c.remembered, m, maxRemembered)
	return ids.ID{}, false
}

// counterOf finds the counter of the panel, -1 when the message has no sequence.
func (w *work) counterOf(from *vigiev1.PanelSource) int {
	if from.GetSequence() == 0 {
		return -1
	}
	c := w.cold()
	account := ids.Hash(ids.AccountKey(from.GetLine(), from.GetAccount()))
	for i := range c.counters {
		if c.counters[i].account == account {
			return i
		}
	}
	if len(c.counters) == maxCounters {
		return -1
	}
	c.counters = append(c.counters, counter{account: account})
	return len(c.counters) - 1
}

// follow takes the sequence of a message never seen. Sequences run 1 to 9999 and
// wrap; one that steps back has started anew.
func (k *counter) follow(sequence uint32) uint32 {
	const wrap, half = 9999, 5000
	if k.last != 0 && (sequence+wrap-k.last%wrap)%wrap >= half {
		k.epoch++
	}
	k.last = sequence
	return k.epoch
}

// forgetBefore drops what is older than the window.
func (w *work) forgetBefore(at int64) {
	c := w.cold()
	n := 0
	for n < len(c.remembered) && c.remembered[n].at < at {
		n++
	}
	c.remembered = c.remembered[n:]
}

// forgetAlarms drops the alarms of a point that has been restored.
func (w *work) forgetAlarms(sig signal) {
	c := w.cold()
	gone := func(m heard) bool { return m.alarm && sig.covers(m.point, m.family) }
	if slices.ContainsFunc(c.remembered, gone) {
		c.remembered = slices.DeleteFunc(slices.Clone(c.remembered), gone)
	}
}
