package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// Closed site without consigne (trade rule 3): a task for the shift leader before
// the alarm comes. Opens while a closure runs and no consigne of any scope is in
// force. Closes when one is, or the closure ends. Nothing silences it.
// Parameters: none.

func (w *work) judgeWithoutConsigne() {
	c := w.cold()
	reason := closedConsigne
	if !c.closure.running() {
		reason = closedEnded
	}
	holds := c.closure.running() && c.consigneInForce(w.at) == nil
	w.judge(vigiev1.DetectionKind_DETECTION_KIND_CLOSED_WITHOUT_CONSIGNE, holds, reason)
}
