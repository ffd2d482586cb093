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
// 15 min after the previous one or more than 5 min after the last act, after a
// negative verification, or while the incident is parked. During a storm only
// never-suppressed and higher classes re-alert.
const (
	realertAfterAlarm = 15 * minute
	realertAfterAct   = 5 * minute
)

// incident is one open incident.
type incident struct {
	id       string
	group    classGroup
	clock    uint8
	class    vigiev1.EventClass
	version  uint64
	priority uint32

	opened, displayed, claimed, firstAct, verified, closedAt, restored int64
	lastAlarm, lastAct, parkedUntil                                    int64
	atRisk, missed                                                     int64
	// answered: claimed and acted upon since it last alerted (trade rule 9).
	answered, acted bool

	holder   string
	means    vigiev1.VerificationMeans
	result   vigiev1.VerificationResult
	outcome  vigiev1.IncidentOutcome
	closedBy string

	alarms   uint64
	realerts uint32
	evidence []ids.ID
	storm    bool
	acts     []*vigiev1.IncidentAct
	// communication: a lost communication opened it or folded into it.
	communication bool
	// points seen, to know a new one; the first is the one shown.
	points []point
	// negative: an alarm since would contradict the verification.
	negative bool
}

func (inc *incident) clone() *incident {
	k := *inc
	k.evidence = slices.Clone(inc.evidence)
	k.acts = slices.Clone(inc.acts)
	k.points = slices.Clone(inc.points)
	return &k
}

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
	inc := w.cold().incident(r.group)
	if inc == nil {
		w.openIncident(r)
		return true
	}
	return w.foldInto(inc, r)
}

func (c *cold) incident(g classGroup) *incident {
	for _, inc := range c.incidents {
		if inc.group == g {
			return inc
		}
	}
	return nil
}

func (w *work) openIncident(r raised) {
	c := w.cold()
	inc := &incident{
		id: ids.Incident(w.s.number, r.id[:]), group: r.group, clock: r.clock,
		class: r.class, priority: priorityOf(r.class, r.group),
		opened: r.at, lastAlarm: w.at, alarms: 1,
		storm:  c.storm.open,
		points: []point{{r.area, r.zone}},

		communication: r.class == vigiev1.EventClass_EVENT_CLASS_COMMUNICATION,
	}
	inc.prove(r.evidence)
	c.incidents = append(c.incidents, inc)
	w.startAnswerClock(inc, r.at)
	w.touch(inc)
	w.changed()
}

// foldInto counts an alarm in the open incident; true when it re-alerted.
func (w *work) foldInto(inc *incident, r raised) bool {
	again := w.realerts(inc, r)
	inc.alarms++
	inc.lastAlarm = w.at
	inc.restored = 0
	inc.communication = inc.communication || r.class == vigiev1.EventClass_EVENT_CLASS_COMMUNICATION
	inc.prove(r.evidence)
	if rank(r.class) > rank(inc.class) {
		inc.class = r.class
	}
	inc.priority = min(inc.priority, priorityOf(r.class, r.group))
	if p := (point{r.area, r.zone}); !slices.Contains(inc.points, p) && len(inc.points) < maxIncidentPoints {
		inc.points = append(inc.points, p)
	}
	if again {
		inc.realerts++
		inc.negative = false
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
	if w.cold().storm.open {
		return false
	}
	return !slices.Contains(inc.points, point{r.area, r.zone}) && len(inc.points) < maxIncidentPoints ||
		inc.parkedUntil != 0 || inc.negative ||
		w.at-inc.lastAlarm > realertAfterAlarm ||
		inc.lastAct != 0 && w.at-inc.lastAct > realertAfterAct
}

func (inc *incident) prove(list []ids.ID) {
	for _, id := range list {
		if len(inc.evidence) < maxEvidence && !slices.Contains(inc.evidence, id) {
			inc.evidence = append(inc.evidence, id)
		}
	}
}

// inOpenIncident tells whether the class has an open incident.
func (w *work) inOpenIncident(c vigiev1.EventClass) bool {
	return w.cold().incident(groupOf(c)) != nil
}

// repeatInIncident shows a retransmission of a never-suppressed class in its
// incident: evidence, no count.
func (w *work) repeatInIncident(c vigiev1.EventClass, id ids.ID) {
	inc := w.cold().incident(groupOf(c))
	inc.prove([]ids.ID{id})
	w.touch(inc)
}

// markRestored marks the group's incident when nothing of it is in alarm any more.
func (w *work) markRestored(g classGroup) {
	c := w.cold()
	inc := c.incident(g)
	if inc == nil || inc.restored != 0 || inc.communication && c.commLost {
		return
	}
	if !slices.ContainsFunc(c.zones, func(z openZone) bool { return groupOf(z.class) == g }) {
		inc.restored = w.at
		w.touch(inc)
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

// cancelledByUser notes a cancel at the keypad. It lowers the priority of an
// intrusion that nothing confirmed; the call-back stays due (trade rule 9).
func (w *work) cancelledByUser(ev *vigiev1.Event, sig signal) {
	inc := w.cold().incident(groupIntrusion)
	if inc == nil || groupOf(sig.class) == groupLife {
		return
	}
	if inc.class == vigiev1.EventClass_EVENT_CLASS_INTRUSION {
		inc.priority = max(inc.priority, priorityOf(inc.class, inc.group)+1)
	}
	inc.acts = appendCapped(inc.acts, &vigiev1.IncidentAct{EventId: slices.Clone(ev.GetId()), AtMs: w.at, Act: "cancelled-by-user"}, maxIncidentActs)
	w.touch(inc)
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

func (inc *incident) message() *vigiev1.Incident {
	site, _ := ids.IncidentSite(inc.id) // We made the id.
	return &vigiev1.Incident{
		Id: inc.id, Site: site, Version: inc.version, ClassGroup: inc.group.String(), Class: inc.class,
		Status: inc.status(), Priority: inc.priority, ChangedAtMs: inc.changedAt(),
		OpenedAtMs: inc.opened, DisplayedAtMs: inc.displayed, ClaimedAtMs: inc.claimed,
		FirstActAtMs: inc.firstAct, VerifiedAtMs: inc.verified, ClosedAtMs: inc.closedAt, RestoredAtMs: inc.restored,
		ClaimedBy: inc.holder, VerificationMeans: inc.means, VerificationResult: inc.result,
		Outcome: inc.outcome, ClosedBy: inc.closedBy, Alarms: inc.alarms, ReAlerts: inc.realerts,
		Evidence: showEvidence(inc.evidence), Storm: inc.storm, AtRiskAtMs: inc.atRisk, MissedAtMs: inc.missed,
		Acts: slices.Clone(inc.acts), Zone: inc.points[0].zone, Area: inc.points[0].area, LastAlarmAtMs: inc.lastAlarm,
	}
}

// changedAt is the newest of its times.
func (inc *incident) changedAt() int64 {
	at := max(inc.opened, inc.displayed, inc.claimed, inc.firstAct, inc.verified, inc.closedAt, inc.restored, inc.lastAlarm, inc.lastAct)
	if n := len(inc.acts); n > 0 {
		at = max(at, inc.acts[n-1].GetAtMs())
	}
	return at
}
