package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Protection not restored, remise en état (trade rule 9). Opens when an incident
// is closed while the site is not whole: not armed full in a closure or outside
// its hours, a zone in alarm, a zone inhibited, communication lost; its facts say
// which. It has an owner (the one named at closing, else who closed) and a deadline
// (the one named, else restore_ms, 24 h; default, unverified). At the deadline it
// opens an incident. Updated as the list gets shorter, closed when it is empty.
// Nothing silences it. An open shop that is disarmed in its hours owes nothing.

func (w *work) protectionOwed(inc *incident, b *vigiev1.IncidentClosed, user string) {
	missing := w.protectionMissing()
	kind := vigiev1.DetectionKind_DETECTION_KIND_PROTECTION_NOT_RESTORED
	if len(missing) == 0 || w.detection(kind, 0, "") != nil {
		return
	}
	owner, until := clip(b.GetRestoreOwner()), b.GetRestoreByMs()
	if owner == "" {
		owner = user
	}
	if until <= w.at {
		until = w.at + w.figures().restoreWithin
	}
	d := w.fresh(kind, "")
	d.facts, d.until = append(missing, "owner-"+owner), until
	d.prove(inc.evidence[0])
	w.openDetection(d)
	w.setTimer(timerRestoreBy, 0, until)
}

func (w *work) protectionMissing() (missing []string) {
	c := w.cold()
	_, full := c.armedSince()
	open, known := w.inHours(w.at)
	if !full && len(c.areas) > 0 && (c.closure.running() || known && !open) {
		missing = append(missing, "not-armed")
	}
	if len(c.zones) > 0 {
		missing = append(missing, "zone-in-alarm")
	}
	if len(c.inhibited) > 0 {
		missing = append(missing, "zone-inhibited")
	}
	if c.commLost {
		missing = append(missing, "communication-lost")
	}
	return missing
}

// restoredProtection crosses off what is whole again.
func (w *work) restoredProtection() {
	d := w.detection(vigiev1.DetectionKind_DETECTION_KIND_PROTECTION_NOT_RESTORED, 0, "")
	if d == nil {
		return
	}
	missing := w.protectionMissing()
	if len(missing) == 0 {
		w.cancelTimer(timerRestoreBy, 0)
		w.closeDetection(d, closedRestored)
		return
	}
	w.judge(d.kind, true, "", append(missing, d.facts[len(d.facts)-1])...)
}

func (w *work) restoreOverdue() {
	d := w.detection(vigiev1.DetectionKind_DETECTION_KIND_PROTECTION_NOT_RESTORED, 0, "")
	if d == nil {
		return
	}
	w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
	w.raise(raised{id: d.id, class: vigiev1.EventClass_EVENT_CLASS_TECHNICAL_CRITICAL, at: w.at, evidence: slices.Clone(d.evidence)})
}
