package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// The incident of a lost communication (trade rule 6; design decision 22). It waits
// hold_back_ms (60 s; 60 to 120 s are meant) for a verdict of the fleet; the detection does not, and
// the answer clock counts from the loss: armed or of high risk 180 s, open 15 min.
//
//	no verdict           it opens
//	a mass of its group  the site is under it: no incident of its own
//	the mass has ended   given back one interval and given_back_ms (5 min) after it,
//	                     when it is still lost then
//
// Never taken under a mass, and never waiting: a site of high risk, and one with
// intrusion, tamper, jamming or mains loss within trouble_window_ms (30 min) before
// it fell silent or since: it opens at once, as it would without a fleet. Nor is one
// taken with a lost path outside the failing group; that is known only then, so it
// waits. So does a site that has nobody of its groups beside it in the partition: the
// others may be in other partitions. Every life of the site ends all of this.

// heldLoss is the loss that waits; since 0 when none does.
type heldLoss struct {
	since     int64
	detection ids.ID
	// under is the group of the mass and 1; 0 while it waits.
	under uint32
}

// waitsForVerdict: the site is one of those that a mass may take.
func (w *work) waitsForVerdict(lastHeard int64) bool {
	c := w.cold()
	if c.highRisk || c.degraded || w.figures().fleet.GetHoldBackMs() < 0 {
		return false
	}
	for _, t := range c.traces {
		if t.at != 0 && t.at >= min(w.at, lastHeard)-w.figures().fleet.GetTroubleWindowMs() {
			return false
		}
	}
	return true
}

// raiseLoss opens the incident of a lost communication, lost at that time.
func (w *work) raiseLoss(d *detection, at int64) {
	clock, group := clockCommunicationOpen, groupTechnical
	if c := w.cold(); c.anyArmed() || c.highRisk {
		clock, group = clockCommunicationArmed, groupTechnicalCritical
	}
	w.raise(raised{
		id: d.id, class: vigiev1.EventClass_EVENT_CLASS_COMMUNICATION, at: at,
		group: group, grouped: true, clock: clock, evidence: d.evidence,
	})
}

// heldBack: the hold-back is over.
func (w *work) heldBack() {
	c := w.cold()
	d := w.detection(vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, 0, "")
	if c.held.since == 0 || d == nil {
		return
	}
	m := w.massOver()
	if m == nil {
		m = w.openLocalMass(d)
	}
	if m == nil {
		since := c.held.since
		c.held = heldLoss{}
		w.raiseLoss(d, since)
		return
	}
	c.held.under = m.group + 1
	d.facts = []string{"under-mass-" + groupKinds[w.f.tally.groups[m.group].kind] + "/" + w.f.tally.groups[m.group].name}
	w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	w.setTimer(timerUnderMass, 0, w.at+w.givenBackAfter())
}

// givenBackAfter is one interval, the longest of the site's paths, and given_back_ms.
func (w *work) givenBackAfter() int64 {
	interval := int64(0)
	w.s.eachPath(func(p *path) { interval = max(interval, w.f.interval(w.s, p)) })
	return interval + w.figures().fleet.GetGivenBackMs()
}

// underMass looks whether the mass has ended long enough ago to give the site back.
func (w *work) underMass() {
	c := w.cold()
	d := w.detection(vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST, 0, "")
	if c.held.under == 0 || d == nil {
		return
	}
	due := w.at
	if m := w.f.massOf(c.held.under - 1); m == nil || m.closed != 0 {
		if other := w.massOver(); other != nil {
			c.held.under = other.group + 1
		}
	}
	if m := w.f.massOf(c.held.under - 1); m != nil && m.closed == 0 {
		due = w.at + w.givenBackAfter()
	} else if m != nil {
		due = m.closed + w.givenBackAfter()
	}
	if due > w.at {
		w.setTimer(timerUnderMass, 0, due)
		return
	}
	c.held = heldLoss{}
	d.facts = []string{"given-back"}
	w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	w.raiseLoss(d, w.at)
}

// letGo: the site lives, or is supervised no longer.
func (w *work) letGo() {
	if w.cold().held.since != 0 {
		w.cold().held = heldLoss{}
		w.cancelTimer(timerHoldBack, 0)
		w.cancelTimer(timerUnderMass, 0)
	}
}
