package alarm

import (
	"slices"
	"strings"

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
	// by is who account is the hash of; nobody until a message of it came.
	by saidBy
}

// saidBy is a panel by its line and account, as it writes it.
type saidBy struct {
	line    uint32
	account string
}

// heardAgain recognises a retransmission and remembers what it has not seen. The
// id is the first event's.
func (w *work) heardAgain(ev *vigiev1.Event, sig signal, isAlarm bool) (ids.ID, bool) {
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
	m := heard{print: print, first: idOf(ev.GetId()), at: w.at, counter: int16(k), point: sig.point, family: family(sig.class), alarm: isAlarm}
	if k >= 0 {
		m.epoch = c.counters[k].follow(ev.GetSource().GetPanel().GetSequence())
	}
	c.remembered = slideCapped(c.remembered, m, maxRemembered)
	return ids.ID{}, false
}

// counterOf finds the counter of the panel, -1 when the message has no sequence.
func (w *work) counterOf(from *vigiev1.PanelSource) int {
	if from.GetSequence() == 0 {
		return -1
	}
	c := w.cold()
	by := saidBy{from.GetLine(), from.GetAccount()}
	for i := range c.counters {
		if c.counters[i].by == by && by.account != "" {
			return i
		}
	}
	account := ids.Hash(ids.AccountKey(by.line, by.account))
	i := slices.IndexFunc(c.counters, func(k counter) bool { return k.account == account })
	if i < 0 && len(c.counters) == maxCounters {
		return -1
	}
	if i < 0 {
		i = len(c.counters)
		c.counters = append(c.counters, counter{account: account})
	}
	if len(by.account) <= maxText {
		c.counters[i].by = saidBy{by.line, strings.Clone(by.account)}
	}
	return i
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
