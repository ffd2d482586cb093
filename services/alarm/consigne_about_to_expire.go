package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Consigne about to expire (trade rule 3). Opens about_to_expire_ms (48 h) before
// the end of a consigne in force at a site whose closure runs on past that end.
// Closes when the consigne is set anew, ends or is withdrawn, or the closure ends
// or is moved before that end. Nothing silences it.

func (w *work) judgeExpiring() {
	c, fig := w.cold(), w.figures()
	var next *consigne
	for i := range c.consignes {
		k := &c.consignes[i]
		near := k.inForce(w.at) && k.until != 0 && k.until-w.at <= fig.consigneExpiring
		if near && c.closure.runsPast(k.until) && (next == nil || k.until < next.until) {
			next = k
		}
	}
	kind := vigiev1.DetectionKind_DETECTION_KIND_CONSIGNE_ABOUT_TO_EXPIRE
	d := w.detection(kind, 0, "")
	if d != nil && (next == nil || d.until != next.until) {
		reason := closedRenewed
		if !c.closure.running() {
			reason = closedEnded
		}
		w.closeDetection(d, reason)
		d = nil
	}
	if next != nil && d == nil {
		d = w.fresh(kind, next.id)
		d.facts, d.until, d.windowMS = []string{next.id}, next.until, fig.consigneExpiring
		w.openDetection(d)
	}
}

// runsPast tells whether the closure goes on at an instant, as far as is known.
func (c *closure) runsPast(at int64) bool {
	if c.is(vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED) && c.to != 0 {
		return c.to > at
	}
	return c.running()
}
