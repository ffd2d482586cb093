package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Areas (trade rule 2). The area "" is the whole site: panels that have no areas
// say nothing, 0 or 00. It stands alone until a named area is declared or heard;
// that one takes its place, and from then on "" means each named area.
// "Armed" for a closure is every area armed full (or full with inhibited zones):
// armed part means that somebody is in.

// area is the state of one area.
type area struct {
	name string
	mode vigiev1.AreaMode
	// since is when the mode began; occurred the panel's own time of it.
	since, occurred int64
	by              string
	// event brought it.
	event [16]byte
}

func isArmed(m vigiev1.AreaMode) bool {
	return m == vigiev1.AreaMode_AREA_MODE_ARMED_FULL || m == vigiev1.AreaMode_AREA_MODE_ARMED_PART || m == vigiev1.AreaMode_AREA_MODE_ARMED_INHIBITED
}

func isFullyArmed(m vigiev1.AreaMode) bool {
	return m == vigiev1.AreaMode_AREA_MODE_ARMED_FULL || m == vigiev1.AreaMode_AREA_MODE_ARMED_INHIBITED
}

func (c *cold) anyArmed() bool {
	return slices.ContainsFunc(c.areas, func(a area) bool { return isArmed(a.mode) })
}

// armedSince is when the last area became fully armed; false while one is not.
func (c *cold) armedSince() (int64, bool) {
	var since int64
	for _, a := range c.areas {
		if !isFullyArmed(a.mode) {
			return 0, false
		}
		since = max(since, a.since)
	}
	return since, len(c.areas) > 0
}

// areasOf are the areas that a message about this one concerns.
func (w *work) areasOf(name string) []area {
	c := w.cold()
	if name == "" && len(c.areas) > 0 {
		return c.areas
	}
	i := slices.IndexFunc(c.areas, func(a area) bool { return a.name == name })
	if i < 0 {
		i = w.addArea(name)
	}
	if i < 0 {
		return nil
	}
	return c.areas[i : i+1]
}

// addArea adds an area in the state of the whole site, whose place it takes.
func (w *work) addArea(name string) int {
	c := w.cold()
	fresh := area{name: name, mode: vigiev1.AreaMode_AREA_MODE_UNKNOWN, since: w.at}
	if len(c.areas) == 1 && c.areas[0].name == "" {
		fresh = c.areas[0]
		fresh.name = name
		c.areas = c.areas[:0]
	}
	if len(c.areas) >= maxAreas {
		return -1
	}
	c.areas = append(c.areas, fresh)
	slices.SortFunc(c.areas, func(a, b area) int { return strings.Compare(a.name, b.name) })
	w.changed()
	return slices.IndexFunc(c.areas, func(a area) bool { return a.name == name })
}

func (w *work) armed(ev *vigiev1.Event, sig signal, b *vigiev1.Armed) {
	mode := b.GetMode()
	if !isArmed(mode) {
		mode = vigiev1.AreaMode_AREA_MODE_ARMED_FULL
	}
	w.setAreas(ev, sig, mode)
	w.scheduleArmed()
	w.closureArmed()
	w.watchClosure()
}

func (w *work) disarmed(ev *vigiev1.Event, sig signal) {
	moved := w.setAreas(ev, sig, vigiev1.AreaMode_AREA_MODE_DISARMED)
	expected := w.expectedOpening(moved, sig.user)
	w.scheduleDisarmed(moved, expected)
	w.closureDisarmed(moved, expected)
	w.watchClosure()
}

// setAreas changes the mode of the areas concerned and returns those that it
// changed, until the next message. A late arrival, older by the panel's own clock than what is known,
// never moves the state backwards.
func (w *work) setAreas(ev *vigiev1.Event, sig signal, mode vigiev1.AreaMode) (moved []string) {
	c, lateArrival := w.cold(), w.figures().lateArrival
	occurred := ev.GetOccurredAtMs()
	concerned := w.areasOf(sig.point.area)
	moved = w.moved[:0]
	for i := range concerned {
		a := &concerned[i]
		if occurred != 0 && occurred < a.occurred && ev.GetReceivedAtMs()-occurred > lateArrival {
			continue
		}
		next := mode
		if next == vigiev1.AreaMode_AREA_MODE_ARMED_FULL && c.hasInhibited(a.name) {
			next = vigiev1.AreaMode_AREA_MODE_ARMED_INHIBITED
		}
		a.occurred = max(a.occurred, occurred)
		a.event = idOf(ev.GetId())
		if a.mode == next && a.by == sig.user {
			continue
		}
		if isFullyArmed(a.mode) != isFullyArmed(next) || a.mode == vigiev1.AreaMode_AREA_MODE_UNKNOWN || isArmed(a.mode) != isArmed(next) {
			a.since = w.at
		}
		if a.mode != next {
			moved = append(moved, a.name)
		}
		if isArmed(a.mode) != isArmed(next) {
			w.areaMoved()
		}
		a.mode, a.by = next, sig.user
		w.changed()
	}
	w.moved = moved
	return moved
}

// areaMoved: an alarm after it alerts again in an open incident (trade rule 5).
func (w *work) areaMoved() {
	for _, inc := range w.cold().incidents {
		if !inc.areaMoved {
			w.keep(inc).areaMoved = true
		}
	}
}

// hasInhibited tells whether a zone of the area is inhibited.
func (c *cold) hasInhibited(name string) bool {
	return slices.ContainsFunc(c.inhibited, func(p point) bool { return p.area == name || p.area == "" || name == "" })
}

// zoneInhibited follows the zones taken out of protection and back.
func (w *work) zoneInhibited(sig signal, restored bool) {
	c := w.seldom()
	i := slices.Index(c.inhibited, sig.point)
	switch {
	case restored && i >= 0:
		c.inhibited = slices.Delete(c.inhibited, i, i+1)
	case !restored && i < 0:
		c.inhibited = appendCapped(c.inhibited, sig.point, maxInhibited)
	default:
		return
	}
	for i := range c.areas {
		a := &c.areas[i]
		if !isFullyArmed(a.mode) {
			continue
		}
		mode := vigiev1.AreaMode_AREA_MODE_ARMED_FULL
		if c.hasInhibited(a.name) {
			mode = vigiev1.AreaMode_AREA_MODE_ARMED_INHIBITED
		}
		if mode != a.mode {
			a.mode = mode
			w.changed()
		}
	}
	w.zoneOut(sig.point, restored)
}
