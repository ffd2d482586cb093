package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Why detections close. Wire values: changing one changes the fold's version.
const (
	closedRestored      = "restored"
	closedOurDelay      = "our delay"
	closedLost          = "lost"
	closedNotSupervised = "no longer supervised"
	closedDisarmed      = "disarmed"
	closedLifted        = "lifted"
	closedRateFell      = "rate fell"
	closedAnswered      = "answered"
	closedMissed        = "missed"
	closedIncident      = "incident closed"
	closedBound         = "bound"
	closedUnbound       = "unbound"
	closedDeclared      = "declared"
	closedSilent        = "silent"
	closedExpired       = "expired"
	closedArmed         = "armed"
	closedHours         = "opening hours"
	closedNextTime      = "next scheduled time"
	closedClosure       = "closed around the clock"
	closedSchedule      = "schedule changed"
	closedEnded         = "closure ended"
	closedCalledBack    = "called back"
	closedReopened      = "reopened as planned"
	closedConsigne      = "consigne in force"
	closedRenewed       = "renewed"
	closedReached       = "reachable"
	closedNotDue        = "not due any more"
	closedComplete      = "complete"
	closedApplied       = "applied"
	closedResolved      = "resolved"
	closedInhibited     = "inhibited"
	closedReturned      = "back in the queue"
	closedMerged        = "merged"
)

// detection is an open fact about the site.
type detection struct {
	// What each event of the site looks at stands first, in one line of the cache.
	kind     vigiev1.DetectionKind
	path     uint32
	incident string
	// shown is the id as states show it; "" until it was.
	shown    shownID
	id       ids.ID
	openedAt int64
	evidence []ids.ID
	count    uint64
	// published is the evidence count last put out.
	published uint64

	zone, area string
	intervalMS int64
	threshold  uint32
	windowMS   int64
	lastHeard  int64
	policy     uint64
	facts      []string
	until      int64
}

// shownID follows from an id.
type shownID string

// name is the id as states show it.
func (d *detection) name() string {
	if d.shown != "" {
		return string(d.shown)
	}
	return d.id.String()
}

// prove adds an event to the evidence; past maxEvidence it is only counted.
func (d *detection) prove(id ids.ID) {
	d.count++
	if len(d.evidence) < maxEvidence {
		d.evidence = append(d.evidence, id)
	}
}

// kindName is the kind in kebab case: path-late.
func kindName(k vigiev1.DetectionKind) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k.String(), "DETECTION_KIND_")), "_", "-")
}

// openDetection opens d. Its id is already set.
func (w *work) openDetection(d *detection) *detection {
	d.openedAt, d.shown = w.at, shownID(d.id.String())
	d.policy = w.f.policy.version
	d.count = max(d.count, uint64(len(d.evidence)))
	w.cold().open = append(w.cold().open, d)
	w.f.openDetections++
	w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_OPENED, "")
	w.changed()
	return d
}

// fresh is a detection of a kind, opened now: its id derives from the timer being
// fired, else from the event; what tells several of one kind and cause apart.
func (w *work) fresh(kind vigiev1.DetectionKind, what string) *detection {
	if w.due != 0 || w.cause == nil {
		deadline := w.due
		if deadline == 0 {
			deadline = w.at
		}
		return &detection{id: ids.DetectionOfTimer(kindName(kind), w.s.number, what, deadline), kind: kind}
	}
	return &detection{
		id: ids.DetectionOfEvent(kindName(kind), w.s.number, append(slices.Clone(w.cause), what...)), kind: kind,
		evidence: []ids.ID{idOf(w.cause)},
	}
}

// judge opens the site's detection of a kind when it holds, and closes it when it
// does not. An open one is put out anew when its facts
// have changed.
func (w *work) judge(kind vigiev1.DetectionKind, holds bool, reason string, facts ...string) {
	d := w.detection(kind, 0, "")
	switch {
	case holds && d == nil:
		w.openUntil(kind, 0, facts...)
	case holds && !slices.Equal(d.facts, facts):
		d.facts = facts
		w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	case !holds:
		w.closeDetection(d, reason)
	}
}

// openUntil opens the site's detection of a kind with its facts and a deadline,
// Unix ms UTC, 0 for none.
func (w *work) openUntil(kind vigiev1.DetectionKind, until int64, facts ...string) {
	d := w.fresh(kind, "")
	d.facts, d.until = facts, until
	w.openDetection(d)
}

// updateDetection puts out an open detection whose evidence has doubled since.
func (w *work) updateDetection(d *detection) {
	if d.count >= 2*max(d.published, 1) {
		w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	}
}

// closeDetection closes it; nil is no detection.
func (w *work) closeDetection(d *detection, reason string) {
	if d == nil {
		return
	}
	c := w.cold()
	i := slices.Index(c.open, d)
	if i < 0 {
		return
	}
	c.open = slices.Delete(c.open, i, i+1)
	w.f.openDetections--
	w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED, reason)
	w.changed()
}

// detection finds the open one of a kind, for a path or an incident where the
// kind has several; nil when there is none. It may be changed.
func (w *work) detection(kind vigiev1.DetectionKind, path uint32, incident string) *detection {
	d := w.s.cold.detection(kind, path, incident)
	if d == nil {
		return nil
	}
	return w.keepDetection(d)
}

// detection is the same, to be read only.
func (c *cold) detection(kind vigiev1.DetectionKind, path uint32, incident string) *detection {
	if c == nil {
		return nil
	}
	for _, d := range c.open {
		if d.kind == kind && d.path == path && d.incident == incident {
			return d
		}
	}
	return nil
}

func (w *work) putDetection(d *detection, status vigiev1.DetectionStatus, reason string) {
	d.published = d.count
	m := w.f.messages.detections.next()
	*m = vigiev1.Detection{
		Id: d.id[:], Site: w.s.number, Kind: d.kind, Status: status,
		AtMs: w.at, OpenedAtMs: d.openedAt, EvidenceCount: d.count,
		Path: d.path, Zone: d.zone, Area: d.area,
		IntervalMs: d.intervalMS, Threshold: d.threshold, WindowMs: d.windowMS,
		PolicyVersion: d.policy, LastHeardMs: d.lastHeard, Incident: d.incident, CloseReason: reason,
		Facts: d.facts, UntilMs: d.until,
	}
	if d.kind == vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS {
		m.GroupKind, m.Group, m.Area, m.Zone = d.area, d.zone, "", ""
	}
	if status == vigiev1.DetectionStatus_DETECTION_STATUS_OPENED {
		m.Given = w.figures().givenTo(d.kind)
	}
	if status == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
		m.ClosedAtMs = w.at
	}
	m.Evidence = w.f.messages.show(d.evidence)
	w.put(topics.Detections, m, true)
}
