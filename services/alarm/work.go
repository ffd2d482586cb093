package alarm

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// work is one record (or timer) being applied to one site. Outputs and timers
// wait in it until the record has been applied whole, so that a record that
// fails leaves nothing behind.
type work struct {
	f   *Fold
	env Env
	s   *site
	// at is the time of the change, Unix ms UTC; cause the event, nil for a timer.
	at    int64
	cause []byte
	// due is the deadline of the timer being fired, 0 outside of one.
	due int64

	// key is the site's, once something was put under it.
	key    []byte
	outs   []output
	arms   []Timer
	dirty  []*incident
	moved  []string
	state  bool
	urgent bool
	// happenings are counted for the fleet when the record has been applied.
	happenings []happening
	// decided is the outcome of the record; it is put out last.
	decided *vigiev1.EventOutcome
}

type output struct {
	topic  string
	key    []byte
	value  proto.Message
	urgent bool
}

// within applies do to a site as one piece. When do panics the site is as it was
// before and nothing was put out; within returns false.
func (f *Fold) within(env Env, s *site, at int64, cause []byte, do func(*work)) (ok bool) {
	w := &f.work
	*w = work{f: f, env: env, s: s, at: at, cause: cause, outs: w.outs[:0], arms: w.arms[:0], dirty: w.dirty[:0], moved: w.moved[:0], happenings: w.happenings[:0]}
	f.messages.nothing()
	before, detectionsBefore := f.begin(s), f.openDetections
	defer func() {
		if ok {
			return
		}
		f.failure = fmt.Sprintf("%s: %v", ids.Site(s.number), recover())
		before.back(s)
		f.openDetections = detectionsBefore
	}()
	do(w)
	w.finish()
	ok = true // What follows is the engine's; a panic there is not the site's.
	f.moved(&before.site, s)
	f.handled(&before.site, s, w.dirty)
	f.count(s, w.happenings)
	w.flush()
	return ok
}

// finish turns what changed into outputs, in a fixed order.
func (w *work) finish() {
	for _, inc := range w.dirty {
		inc.version++
		w.outs = append(w.outs, output{topics.Incidents, []byte(inc.id), w.incidentMessage(inc), w.urgent})
	}
	if w.state && w.s.number != 0 {
		w.publishState()
	}
	if w.decided != nil {
		w.put(topics.Outcomes, w.decided, true)
	}
}

// publishState puts the site's public state out. A bound account is no site any
// more: once nothing is open on it its state ends with a tombstone, and what was
// never shown is not shown for being bound.
func (w *work) publishState() {
	c := w.s.cold
	if c == nil || c.binding == nil || len(c.incidents) > 0 || len(c.open) > 0 {
		if c != nil && (w.s.version == 0 || c.closure.changed == 0) {
			c.closure.changed = w.at
		}
		w.s.version++
		w.put(topics.SiteStates, w.siteState(), w.urgent)
		return
	}
	if w.s.version > 0 {
		w.s.version = 0
		w.put(topics.SiteStates, nil, w.urgent)
	}
}

// flush hands outputs and timers to the engine; it is past any failure of ours.
func (w *work) flush() {
	for _, o := range w.outs {
		w.env.Emit(o.topic, o.key, o.value, o.urgent)
	}
	for _, t := range w.arms {
		w.env.Arm(t)
	}
}

// put queues an output under the site's key.
func (w *work) put(topic string, value proto.Message, urgent bool) {
	if w.key == nil {
		w.key = topics.SiteKey(w.s.number)
	}
	w.outs = append(w.outs, output{topic, w.key, value, urgent})
}

// changed marks the site's public state as materially changed.
func (w *work) changed() { w.state = true }

// touch marks an incident as changed; it is put out once, at the end.
func (w *work) touch(inc *incident) {
	if !slices.Contains(w.dirty, inc) {
		w.dirty = append(w.dirty, inc)
	}
	if inc.group <= groupIntrusion {
		w.urgent = true
	}
}

// cold gives the site its rarer part.
func (w *work) cold() *cold {
	if w.s.cold == nil {
		w.s.cold = newCold(w.f.sites.epoch)
	}
	return w.s.cold
}

func (w *work) figures() *figures { return w.f.figuresOf(w.s) }

// outcome says what became of the event being applied.
func (w *work) outcome(o decided) {
	w.decided = &w.f.messages.outcome
	*w.decided = vigiev1.EventOutcome{
		EventId: w.cause, Site: w.s.number, Status: o.status, AtMs: w.at,
		Reason: o.reason, Incident: o.incident, Holder: o.holder, FirstEventId: o.first, Call: o.call,
	}
}

// degrade keeps a site on which the fold failed by a minimal rule (design
// decision 55): its state before the record, marked, and its alarms as incidents.
func (f *Fold) degrade(env Env, s *site, at int64, cause []byte, minimal func(*work)) {
	ok := f.within(env, s, at, cause, func(w *work) {
		s.last = at
		if c := w.cold(); !c.degraded {
			c.degraded = true
			w.changed()
		}
		minimal(w)
	})
	if !ok {
		panic("alarm: the minimal rule failed too: " + f.failure)
	}
	f.degraded++
	if f.degraded > maxDegraded {
		panic(fmt.Sprintf("alarm: the fold failed more than %d times in this partition; the last time: %s", maxDegraded, f.failure))
	}
}

// minimal opens or updates an incident from an alarm, judges nothing else, and
// tells a person that the act was not taken.
func (w *work) minimal(ev *vigiev1.Event) {
	if !isPanelEvent(ev) {
		w.outcome(refused("site-degraded"))
		return
	}
	if sig, isAlarm := alarmOf(ev); isAlarm {
		w.raise(raised{id: idOf(ev.GetId()), class: sig.class, area: sig.point.area, zone: sig.point.zone, at: ev.GetReceivedAtMs()})
	}
}
