package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Battery autonomy (trade rule 6): from the mains fault a site lives on its
// battery for autonomy_ms (12 h; 36 h at high risk). Opens as a task, with an
// incident of the technical group, when task_percent (50 %) of it has gone;
// updated when all of it has. Closes when the mains are back. Nothing silences it.

func (w *work) autonomy() int64 {
	if w.cold().highRisk {
		return w.figures().autonomyHigh
	}
	return w.figures().autonomy
}

func (w *work) watchAutonomy() {
	c := w.cold()
	w.setTimer(timerAutonomy, 0, c.mains.since+w.autonomy()*int64(w.figures().autonomyTask)/100)
}

func (w *work) autonomyRuns() {
	c, kind := w.cold(), vigiev1.DetectionKind_DETECTION_KIND_BATTERY_AUTONOMY
	if c.mains.since == 0 {
		return
	}
	end := c.mains.since + w.autonomy()
	if d := w.detection(kind, 0, ""); d != nil {
		w.judge(kind, true, "", "exhausted")
		return
	}
	d := w.fresh(kind, "")
	d.evidence, d.windowMS, d.until, d.facts = []ids.ID{c.mains.event}, w.autonomy(), end, []string{"half"}
	w.openDetection(d)
	w.raise(raised{id: d.id, class: vigiev1.EventClass_EVENT_CLASS_BATTERY, at: w.at, evidence: d.evidence})
	if end > w.at {
		w.setTimer(timerAutonomy, 0, end)
	}
}
