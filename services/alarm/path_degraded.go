package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Dual path degraded (trade rule 6; EN 50136-1): one path is lost and another one
// still carries. Opens with the loss, closes when every path is back, or when the
// last one is lost too. Nothing silences it. Parameters: those of the paths.

func (w *work) judgeDegraded() {
	lost, carries := uint32(0), false
	w.s.eachPath(func(p *path) {
		if p.status == pathLost && lost == 0 {
			lost = p.number
		}
		carries = carries || p.status == pathOK || p.status == pathLate
	})
	kind := vigiev1.DetectionKind_DETECTION_KIND_PATH_DEGRADED
	holds := lost != 0 && carries
	open := w.detection(kind, 0, "")
	if !holds && open == nil {
		return // As a rule: the proof of life of a site with one path.
	}
	reason := closedRestored
	if lost != 0 {
		reason = closedLost
	}
	var facts []string
	if holds {
		facts = []string{"lost-" + itoa(lost)}
	}
	w.judge(kind, holds, reason, facts...)
}
