package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Incidents and folding (trade rule 5). A site has at most one open incident per
// class group; further alarms fold into it and are counted. A folded alarm
// re-alerts (the row comes back, with sound and a running answer clock) when it
// brings a new zone or a higher class, is never suppressed, comes more than
// after_alarm_ms (15 min) after the previous one or more than after_act_ms (5 min)
// after the last act, after a negative verification, while the incident is parked,
// or when an area was disarmed or armed since. A new technology is a new zone. No
// closure widens this. During a storm a new zone alone does not re-alert.
//
// Beside the live incident of a group stand at most one of late arrivals and one
// on test: neither is ever mixed with what happens now.

// flavour tells the incidents of one class group apart.
type flavour uint8

const (
	live flavour = iota
	lateArrival
	onTest
)

// incident is one open incident.
type incident struct {
	// What each event of the site looks at stands first, in one line of the cache.
	id          string
	holder      string
	parkedUntil int64
	restored    int64
	group       classGroup
	flavour     flavour
	clock       uint8
	// answered: claimed and acted upon since it last alerted (trade rule 9).
	answered, acted bool
	// communication: a lost communication opened it or folded into it.
	communication bool
	// areaMoved: an area was armed or disarmed since the last alarm.
	areaMoved bool

	class    vigiev1.EventClass
	version  uint64
	priority uint32

	opened, displayed, claimed, firstAct, verified, closedAt int64
	lastAlarm, lastAct                                       int64
	atRisk, missed                                           int64

	means    vigiev1.VerificationMeans
	result   vigiev1.VerificationResult
	outcome  vigiev1.IncidentOutcome
	closedBy string

	alarms   uint64
	realerts uint32
	evidence []ids.ID
	storm    bool
	acts     []*vigiev1.IncidentAct
	// points seen, to know a new one; the first is the one shown.
	points []alarmedPoint
	// negative: an alarm since would contradict the verification.
	negative bool
	// negativeAt is when it was last verified negative.
	negativeAt int64

	// The consigne pinned, its event (zero for the class default) and its steps,
	// which are only ever replaced whole.
	consigne        string
	consigneEvent   ids.ID
	consigneChanged bool
	steps           []*vigiev1.ConsigneStep

	occurred int64
	// What the level and the call to the site are judged by (avs.go).
	secondHoldUp, persons, cancelled bool
	hideCall, autoClosed             bool
}

// alarmedPoint is a point of the incident and its last alarm.
type alarmedPoint struct {
	point
	class vigiev1.EventClass
	at    int64
	event ids.ID
}

// seen finds a point of the incident; nil when it is new.
func (inc *incident) seen(p point) *alarmedPoint {
	for i := range inc.points {
		if inc.points[i].point == p {
			return &inc.points[i]
		}
	}
	return nil
}

// what tells the incident's timers apart within the site.
func (inc *incident) what() uint32 { return uint32(inc.group) | uint32(inc.flavour)<<8 }

// raised is what opens an incident or folds into one.
type raised struct {
	// id of the event, or of the detection that a timer opened.
	id         ids.ID
	class      vigiev1.EventClass
	area, zone string
	// at is when Vigie took it, Unix ms UTC: the answer clock starts there.
	at       int64
	evidence []ids.ID
	// grouped: group and clock are given, not those of the class.
	grouped bool
	group   classGroup
	clock   uint8
	// priority, where it is higher than that of the class; 0 when not.
	priority uint32
	flavour  flavour
	occurred int64
}

// raise opens an incident or folds into the open one, and tells whether it
// alerted: an operator would hear it.
func (w *work) raise(r raised) bool {
	if !r.grouped {
		r.group = groupOf(r.class)
		r.clock = uint8(r.group)
	}
	if len(r.evidence) == 0 {
		r.evidence = []ids.ID{r.id}
	}
	inc := w.incidentOf(r.group, r.flavour)
	if inc == nil {
		w.openIncident(r)
		return true
	}
	return w.foldInto(inc, r)
}

// incident is the live one of a group; nil when none is open.
func (w *work) incident(g classGroup) *incident { return w.incidentOf(g, live) }

func (w *work) incidentOf(g classGroup, f flavour) *incident {
	for _, inc := range w.cold().incidents {
		if inc.group == g && inc.flavour == f {
			return w.keep(inc)
		}
	}
	return nil
}

// timed is the incident that a timer belongs to; nil when it is closed.
func (w *work) timed(t civil) *incident {
	return w.incidentOf(classGroup(t.what&0xff), flavour(t.what>>8))
}

func (r raised) priorityAtLeast() uint32 {
	p := priorityOf(r.class, r.group)
	if r.priority != 0 {
		p = min(p, r.priority)
	}
	return p
}

func (w *work) openIncident(r raised) {
	c := w.cold()
	inc := &incident{
		id: ids.Incident(w.s.number, r.id[:]), group: r.group, flavour: r.flavour, clock: r.clock,
		class: r.class, priority: r.priorityAtLeast(),
		opened: r.at, occurred: r.occurred, lastAlarm: w.at, alarms: 1,
		storm:  c.storm.open && r.flavour == live,
		points: []alarmedPoint{{point{r.area, r.zone}, r.class, w.at, r.id}},

		communication: r.class == vigiev1.EventClass_EVENT_CLASS_COMMUNICATION,
	}
	inc.prove(r.evidence)
	c.incidents = append(c.incidents, inc)
	w.pin(inc)
	w.hidesCall(inc, r.class)
	if inc.flavour != onTest {
		w.startAnswerClock(inc, r.at)
	}
	w.touch(inc)
	w.changed()
}

// foldInto counts an alarm in the open incident; true when it re-alerted.
func (w *work) foldInto(inc *incident, r raised) bool {
	again := w.realerts(inc, r) && inc.flavour != onTest
	w.againHeldUp(inc, r)
	inc.alarms++
	inc.lastAlarm = w.at
	inc.restored, inc.areaMoved = 0, false
	inc.communication = inc.communication || r.class == vigiev1.EventClass_EVENT_CLASS_COMMUNICATION
	inc.prove(r.evidence)
	if rank(r.class) > rank(inc.class) {
		inc.class = r.class
	}
	inc.priority = min(inc.priority, r.priorityAtLeast())
	if p := inc.seen(point{r.area, r.zone}); p != nil {
		p.class, p.at, p.event = r.class, w.at, r.id
	} else if len(inc.points) < maxIncidentPoints {
		inc.points = append(inc.points, alarmedPoint{point{r.area, r.zone}, r.class, w.at, r.id})
	}
	w.hidesCall(inc, r.class)
	if again {
		inc.realerts++
		inc.negative, inc.cancelled = false, false
		w.unpark(inc)
		w.alertAgain(inc, r)
	}
	w.touch(inc)
	return again
}

func (w *work) realerts(inc *incident, r raised) bool {
	if neverSuppressed(r.class) || rank(r.class) > rank(inc.class) {
		return true
	}
	fig := w.figures()
	if fig.answers[r.clock].missed < fig.answers[inc.clock].missed {
		return true // It must be answered sooner than what is open.
	}
	newPoint := inc.seen(point{r.area, r.zone}) == nil && len(inc.points) < maxIncidentPoints
	return newPoint && !w.cold().storm.open ||
		inc.parkedUntil != 0 || inc.negative || inc.areaMoved ||
		w.at-inc.lastAlarm > fig.realertAfterAlarm ||
		inc.lastAct != 0 && w.at-inc.lastAct > fig.realertAfterAct
}

func (inc *incident) prove(list []ids.ID) {
	for _, id := range list {
		if len(inc.evidence) < maxEvidence && !slices.Contains(inc.evidence, id) {
			inc.evidence = append(inc.evidence, id)
		}
	}
}

// openFor is the open incident that has taken in the class; nil when none has.
func (w *work) openFor(c vigiev1.EventClass) *incident {
	for _, inc := range w.cold().incidents {
		if inc.group == groupOf(c) {
			return w.keep(inc)
		}
	}
	return nil
}

// repeatInIncident shows a retransmission of a never-suppressed class in its
// incident: evidence, no count.
func (w *work) repeatInIncident(c vigiev1.EventClass, id ids.ID) {
	inc := w.openFor(c)
	inc.prove([]ids.ID{id})
	w.touch(inc)
}

// markRestored marks the group's incident when nothing of it is in alarm any more.
func (w *work) markRestored(g classGroup) {
	c := w.cold()
	if slices.ContainsFunc(c.zones, func(z openZone) bool { return groupOf(z.class) == g }) {
		return
	}
	for _, inc := range c.incidents {
		if inc.group == g && inc.restored == 0 && !(inc.communication && c.commLost) {
			w.keep(inc).restored = w.at
			w.touch(inc)
		}
	}
}

// communicationRestored marks the incident that the loss had opened or joined.
func (w *work) communicationRestored() {
	for _, inc := range w.cold().incidents {
		if inc.communication {
			w.markRestored(inc.group)
		}
	}
}

func (inc *incident) status() vigiev1.IncidentStatus {
	switch {
	case inc.closedAt != 0:
		return vigiev1.IncidentStatus_INCIDENT_STATUS_CLOSED
	case inc.parkedUntil != 0:
		return vigiev1.IncidentStatus_INCIDENT_STATUS_PARKED
	case inc.verified != 0:
		return vigiev1.IncidentStatus_INCIDENT_STATUS_VERIFIED
	case inc.holder != "":
		return vigiev1.IncidentStatus_INCIDENT_STATUS_CLAIMED
	}
	return vigiev1.IncidentStatus_INCIDENT_STATUS_OPEN
}

func (w *work) incidentMessage(inc *incident) *vigiev1.Incident {
	out := w.f.messages.incidents.next()
	*out = vigiev1.Incident{
		Id: inc.id, Site: w.s.number, Version: inc.version, ClassGroup: inc.group.String(), Class: inc.class,
		Status: inc.status(), Priority: inc.priority, ChangedAtMs: inc.changedAt(),
		OpenedAtMs: inc.opened, DisplayedAtMs: inc.displayed, ClaimedAtMs: inc.claimed,
		FirstActAtMs: inc.firstAct, VerifiedAtMs: inc.verified, ClosedAtMs: inc.closedAt, RestoredAtMs: inc.restored,
		ClaimedBy: inc.holder, VerificationMeans: inc.means, VerificationResult: inc.result,
		Outcome: inc.outcome, ClosedBy: inc.closedBy, Alarms: inc.alarms, ReAlerts: inc.realerts,
		Evidence: w.f.messages.show(inc.evidence), Storm: inc.storm, AtRiskAtMs: inc.atRisk, MissedAtMs: inc.missed,
		Acts: inc.acts, Zone: inc.points[0].zone, Area: inc.points[0].area, LastAlarmAtMs: inc.lastAlarm,
		Consigne: inc.consigne, ConsigneEventId: inc.consigneEventID(), ConsigneChanged: inc.consigneChanged, Steps: inc.steps,
		OccurredAtMs: inc.occurred, LateArrival: inc.flavour == lateArrival, OnTest: inc.flavour == onTest,
		Level: inc.level(), CallSiteHidden: inc.hideCall, AutoClosed: inc.autoClosed,
	}
	return out
}

func (inc *incident) consigneEventID() []byte {
	if inc.consigneEvent == (ids.ID{}) {
		return nil
	}
	return inc.consigneEvent[:]
}

// changedAt is the newest of its times.
func (inc *incident) changedAt() int64 {
	at := max(inc.opened, inc.displayed, inc.claimed, inc.firstAct, inc.verified, inc.closedAt, inc.restored, inc.lastAlarm, inc.lastAct)
	if n := len(inc.acts); n > 0 {
		at = max(at, inc.acts[n-1].GetAtMs())
	}
	return at
}
