package alarm

import (
	"fmt"
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Supervision of paths (trade rule 6; design decisions 8, 48).
//
//	path late           nothing heard on the path for its interval
//	path lost           nor for the grace after it; takes the place of "late"
//	communication lost  every path ever heard is lost; opens an incident
//
// Parameters: the interval agreed for the path, else the policy's (default 24 h),
// and the policy's grace (1 h). Any message proves only its own path. Deadlines
// stand on the supervision clock S of the path's receiver group, which does not
// run while we were the ones who did not listen: that is what silences the rule.
// Closed by the next proof of life: "restored", or "our delay" when it had been
// taken in time and was only applied late. A path declared but never heard is
// shown as such and concludes nothing.
const (
	pathNeverHeard = uint8(vigiev1.PathStatus_PATH_STATUS_NEVER_HEARD)
	pathOK         = uint8(vigiev1.PathStatus_PATH_STATUS_OK)
	pathLate       = uint8(vigiev1.PathStatus_PATH_STATUS_LATE)
	pathLost       = uint8(vigiev1.PathStatus_PATH_STATUS_LOST)
)

// interval of a path, ms: the agreed one, else the policy's.
func (f *Fold) interval(s *site, p *path) int64 {
	if p.interval != 0 {
		return int64(p.interval)
	}
	return f.figuresOf(s).interval
}

// deadline of the path's next step on its group's S; 0 when it has none.
func (f *Fold) deadline(s *site, p *path) int64 {
	switch p.status {
	case pathOK:
		return p.heardS + f.interval(s, p)
	case pathLate:
		return p.heardS + f.interval(s, p) + f.figuresOf(s).grace
	}
	return 0
}

func (f *Fold) pathTimer(s *site, p *path) Timer {
	kind := timerPathLate
	if p.status == pathLate {
		kind = timerPathLost
	}
	return Timer{Absence: true, Group: f.groups.name(p.group), Deadline: p.due, Site: s.number, Kind: kind, What: p.number}
}

// fireAbsence concludes from silence, or arms again when the path was heard
// since. Timers are lazy: a heartbeat moves no timer.
func (f *Fold) fireAbsence(env Env, s *site, t Timer) bool {
	if t.Kind != timerPathLate && t.Kind != timerPathLost {
		return f.fireSilence(env, s, t)
	}
	p := s.path(t.What)
	if p == nil || p.due != t.Deadline || f.pathTimer(s, p) != t {
		return false
	}
	if due := f.deadline(s, p); due > t.Deadline {
		p.due = due
		env.Arm(f.pathTimer(s, p))
		return false
	}
	at := max(s.last, env.W())
	ok := f.within(env, s, at, nil, func(w *work) {
		w.advance(at)
		w.at, s.last = at, at
		p := s.path(t.What)
		if p.status == pathOK {
			w.pathLate(p, t)
		} else {
			w.pathLost(p, t)
		}
	})
	if !ok {
		f.degrade(env, s, at, nil, func(*work) {})
	}
	return true
}

// alive takes a proof of life of one path. id is the event's, nil for a poll.
func (w *work) alive(number uint32, received int64, group uint16, id []byte) {
	if w.s.cold != nil && w.s.cold.binding != nil {
		return // The account belongs to a site now; its life is that site's.
	}
	p := w.s.path(number)
	if p == nil {
		p = w.addPath(path{number: number, group: group, carrier: w.siteCarrier(), status: pathNeverHeard})
		if p == nil {
			return
		}
	}
	if p.group != group && !p.pinned {
		p.group, p.heardS, p.due = group, 0, 0
	}
	if id != nil {
		w.heardByEvent(number, received, idOf(id))
	}
	heardS := w.env.SAt(w.f.groups.name(p.group), received)
	if was := p.status; was != pathOK {
		w.restored(p, was, heardS < w.concludedAt(p))
		p.due = 0
	}
	p.heardS = max(p.heardS, heardS)
	p.heardAt = max(p.heardAt, received)
	if due := w.f.deadline(w.s, p); p.due == 0 || due < p.due {
		p.due = due
		w.arms = append(w.arms, w.f.pathTimer(w.s, p))
	}
}

// concludedAt is the deadline whose passing gave the path its status, on S.
func (w *work) concludedAt(p *path) int64 {
	at := p.heardS + w.f.interval(w.s, p)
	if p.status == pathLost {
		at += w.figures().grace
	}
	return at
}

// addPath adds a path, nil past maxPaths. The pointer holds until the next one.
func (w *work) addPath(p path) *path {
	if w.s.first.number == 0 {
		w.s.first = p
		w.changed()
		return &w.s.first
	}
	c := w.cold()
	if len(c.paths)+1 >= maxPaths {
		return nil
	}
	c.paths = append(c.paths, p)
	w.changed()
	return &c.paths[len(c.paths)-1]
}

func (w *work) heardByEvent(number uint32, at int64, id ids.ID) {
	c := w.cold()
	for i := range c.heardBy {
		if c.heardBy[i].path == number {
			c.heardBy[i].at, c.heardBy[i].id = at, id
			return
		}
	}
	c.heardBy = append(c.heardBy, heardBy{path: number, at: at, id: id})
}

func (w *work) pathLate(p *path, t Timer) {
	p.status = pathLate
	w.pathChanged(p)
	if !w.flapping(p) {
		w.openPath(p, vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE, t.Deadline, w.f.interval(w.s, p))
	}
	p.due = w.f.deadline(w.s, p)
	w.arms = append(w.arms, w.f.pathTimer(w.s, p))
}

func (w *work) pathLost(p *path, t Timer) {
	p.status, p.due = pathLost, 0
	late := w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE, p.number, "")
	w.closeDetection(late, closedLost)
	lost := w.pathDetection(p, vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST, t.Deadline, w.f.interval(w.s, p))
	if !w.flapping(p) {
		w.openDetection(lost)
	}
	every := true
	w.s.eachPath(func(o *path) { every = every && (o.status == pathLost || o.status == pathNeverHeard) })
	if every && !w.cold().commLost {
		w.communicationLost(lost, t)
	}
	w.judgeDegraded()
	w.mainsTrouble()
	w.lostAfter(p, every)
}

// openPath opens a detection of a path that a deadline of its own concluded.
func (w *work) openPath(p *path, kind vigiev1.DetectionKind, deadline, interval int64) {
	w.openDetection(w.pathDetection(p, kind, deadline, interval))
}

func (w *work) pathDetection(p *path, kind vigiev1.DetectionKind, deadline, interval int64) *detection {
	// A pause of S can give two silences one deadline: when it was heard tells them apart.
	what := fmt.Sprintf("%d@%d", p.number, p.heardAt)
	d := &detection{
		id: ids.DetectionOfTimer(kindName(kind), w.s.number, what, deadline), kind: kind,
		path: p.number, intervalMS: interval, lastHeard: p.heardAt,
	}
	for _, h := range w.cold().heardBy {
		if h.path == p.number && h.at == p.heardAt {
			d.prove(h.id)
		}
	}
	if kind == vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST {
		d.windowMS = w.figures().grace
	}
	return d
}

// communicationLost concludes for the site. Its incident waits for a verdict of the
// fleet (held_loss.go).
func (w *work) communicationLost(last *detection, t Timer) {
	c := w.cold()
	c.commLost = true
	kind := vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST
	d := &detection{
		id: ids.DetectionOfTimer(kindName(kind), w.s.number, fmt.Sprintf("%d@%d", last.path, last.lastHeard), t.Deadline), kind: kind,
		intervalMS: last.intervalMS, windowMS: last.windowMS, evidence: slices.Clone(last.evidence),
	}
	w.s.eachPath(func(p *path) { d.lastHeard = max(d.lastHeard, p.heardAt) })
	w.openDetection(d)
	if w.waitsForVerdict(d.lastHeard) {
		c.held = heldLoss{since: w.at, detection: d.id}
		w.setTimer(timerHoldBack, 0, w.at+w.figures().fleet.GetHoldBackMs())
		return
	}
	w.raiseLoss(d, w.at)
}

// restored closes what silence had opened on the path.
func (w *work) restored(p *path, was uint8, inTime bool) {
	p.status = pathOK
	w.changed()
	c := w.s.cold
	if c == nil || was == pathNeverHeard {
		w.checkReopening()
		return
	}
	w.pathChanged(p)
	reason := closedRestored
	if inTime {
		reason = closedOurDelay
	}
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE, p.number, ""), reason)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST, p.number, ""), reason)
	if c.commLost {
		c.commLost = false
		w.letGo()
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, 0, ""), reason)
		w.communicationRestored()
		w.restoredProtection()
	}
	w.judgeDegraded()
	w.sabotageOver(reason)
	w.checkReopening()
}

// stopSupervising drops paths for which keep is false, with what was open on them.
func (w *work) stopSupervising(keep func(*path) bool, reason string) {
	c := w.cold()
	var kept []path
	w.s.eachPath(func(p *path) {
		if keep(p) {
			kept = append(kept, *p)
			return
		}
		w.changed()
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_LATE, p.number, ""), reason)
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST, p.number, ""), reason)
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_PATH_FLAPPING, p.number, ""), reason)
		w.cancelTimer(timerFlapEnds, p.number)
	})
	w.s.first, c.paths = path{}, nil
	if len(kept) > 0 {
		w.s.first, c.paths = kept[0], kept[1:]
	}
	if c.commLost && !slices.ContainsFunc(kept, func(p path) bool { return p.status == pathLost }) {
		c.commLost = false
		w.letGo()
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, 0, ""), reason)
		w.communicationRestored()
	}
	w.judgeDegraded()
	w.sabotageOver(reason)
}
