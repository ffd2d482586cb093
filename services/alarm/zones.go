package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Open zones: opened by an alarm, closed by the restore of the same point. A
// restore matches by area, zone and family of codes, not by the exact code
// (DC-03, DC-05). One without zone restores its whole area, without area the site.

// openZone is a zone in alarm.
type openZone struct {
	point  point
	class  vigiev1.EventClass
	since  int64
	alarms uint32
}

// earlyRestore is a restore that came before its alarm (two receivers).
type earlyRestore struct {
	point    point
	family   vigiev1.EventClass
	sequence uint32
	occurred int64
	at       int64
}

// covers tells whether a restore of sig's point restores this one.
func (sig signal) covers(p point, fam vigiev1.EventClass) bool {
	return family(sig.class) == fam &&
		(sig.point.zone == p.zone || sig.point.zone == "") &&
		(sig.point.area == p.area || sig.point.area == "")
}

func (w *work) zoneOpens(sig signal) {
	c := w.seldom()
	for i := range c.zones {
		z := &c.zones[i]
		if z.point == sig.point && family(z.class) == family(sig.class) {
			z.alarms++
			if rank(sig.class) > rank(z.class) {
				z.class = sig.class
			}
			w.changed()
			return
		}
	}
	if len(c.zones) >= maxOpenZones {
		return
	}
	c.zones = append(c.zones, openZone{point: sig.point, class: sig.class, since: w.at, alarms: 1})
	slices.SortFunc(c.zones, func(a, b openZone) int {
		if d := strings.Compare(a.point.area, b.point.area); d != 0 {
			return d
		}
		if d := strings.Compare(a.point.zone, b.point.zone); d != 0 {
			return d
		}
		return int(a.class) - int(b.class)
	})
	w.changed()
}

// pointRestored closes the zones that the restore covers. A restore never closes
// an incident; when its last zone is restored the incident is marked so.
func (w *work) pointRestored(ev *vigiev1.Event, sig signal) {
	c := w.seldom()
	before := len(c.zones)
	c.zones = slices.DeleteFunc(c.zones, func(z openZone) bool { return sig.covers(z.point, family(z.class)) })
	w.forgetAlarms(sig)
	if len(c.zones) != before {
		w.changed()
		w.markRestored(groupOf(sig.class))
		w.restoredProtection()
		return
	}
	c.restores = appendCapped(c.restores, earlyRestore{
		point: sig.point, family: family(sig.class), at: w.at,
		sequence: ev.GetSource().GetPanel().GetSequence(), occurred: ev.GetOccurredAtMs(),
	}, maxEarlyRestores)
}

// restoredEarly tells whether the alarm's restore came before it: the panel
// numbered (or timed) it later. The incident still opens, marked restored
// (design decision 8).
func (w *work) restoredEarly(ev *vigiev1.Event, sig signal) bool {
	c := w.seldom()
	window := w.figures().heardAgain
	sequence := ev.GetSource().GetPanel().GetSequence()
	for i, r := range c.restores {
		sameness := signal{class: r.family, point: r.point}
		if w.at-r.at > window || !sameness.covers(sig.point, family(sig.class)) {
			continue
		}
		if r.follows(sequence, ev.GetOccurredAtMs()) {
			c.restores = slices.Delete(c.restores, i, i+1)
			return true
		}
	}
	return false
}

// follows tells whether the restore was sent just after such an alarm.
func (r *earlyRestore) follows(sequence uint32, occurred int64) bool {
	const wrap, near = 9999, 16
	if r.sequence != 0 && sequence != 0 {
		ahead := (r.sequence + wrap - sequence%wrap) % wrap
		return ahead > 0 && ahead <= near
	}
	return r.occurred != 0 && occurred != 0 && occurred <= r.occurred
}
