package alarm

import "github.com/open-vigie/vigie/schemas/vigiev1"

// The end of a declared closure comes near (trade rule 3): a task. Opens end_due_ms
// (3 d) before the end date, is updated end_due_last_ms (1 d) before it, and again
// at the end, which is then to be confirmed. Closes when a person lifts the
// closure or moves its end away. Nothing silences it. A closure without an end
// date has no such task.

func (w *work) judgeEndDue() {
	c, fig := w.cold(), w.figures()
	kind := vigiev1.DetectionKind_DETECTION_KIND_CLOSURE_END_DUE
	w.cancelTimer(timerEndDue, 0)
	if !c.closure.declared() || c.closure.to == 0 {
		w.closeDetection(w.detection(kind, 0, ""), closedNotDue)
		return
	}
	steps := []struct {
		at   int64
		fact string
	}{{c.closure.to - fig.endDue, "first-notice"}, {c.closure.to - fig.endDueLast, "last-notice"}, {c.closure.to, "end-to-confirm"}}
	fact := ""
	for _, s := range steps {
		if w.at < s.at {
			w.setTimer(timerEndDue, 0, s.at)
			break
		}
		fact = s.fact
	}
	if d := w.detection(kind, 0, ""); fact == "" || d != nil && d.until != c.closure.to {
		w.closeDetection(d, closedNotDue)
		if fact == "" {
			return
		}
	}
	until := c.closure.to
	if d := w.detection(kind, 0, ""); d == nil {
		d = w.fresh(kind, "")
		d.facts, d.until, d.windowMS = []string{fact}, until, fig.endDue
		w.openDetection(d)
	}
	w.judge(kind, true, "", fact)
}
