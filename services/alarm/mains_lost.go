package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Mains lost (trade rule 6). A mains fault waits before it becomes a row:
// wait_open_ms (60 min) at an open site, wait_closed_ms (15 min) at one that is
// armed or closed, not at all when tamper or communication trouble is within
// trouble_window_ms (30 min), before or after it. It opens an incident of the
// technical group. Closes with the restore. Nothing else silences it. Battery
// autonomy (battery_autonomy.go) counts from the fault, not from the row.

// mains is the fault that runs; since 0 when none does.
type mains struct {
	since int64
	event ids.ID
}

func (w *work) mainsFault() {
	c, fig := w.cold(), w.figures()
	w.leaveTrace(traceMains)
	if c.mains.since != 0 {
		return
	}
	c.mains = mains{since: w.at, event: idOf(w.cause)}
	w.happened(happenedMainsLoss)
	wait := fig.mainsOpen
	if c.closure.running() || c.anyArmed() {
		wait = fig.mainsClosed
	}
	w.watchAutonomy()
	if w.troubleNear() {
		w.mainsLost()
		return
	}
	w.setTimer(timerMains, 0, w.at+wait)
}

// troubleNear: tamper or a communication trouble within the window.
func (w *work) troubleNear() bool {
	c, window := w.cold(), w.figures().mainsTrouble
	tampered := c.traces[traceTamper].at
	near := c.commLost || tampered != 0 && w.at-tampered <= window
	w.s.eachPath(func(p *path) { near = near || p.status == pathLate || p.status == pathLost })
	return near
}

// mainsTrouble: tamper or a loss while a mains fault waits ends the waiting.
func (w *work) mainsTrouble() {
	c := w.cold()
	if c.mains.since != 0 && w.at-c.mains.since <= w.figures().mainsTrouble {
		w.mainsLost()
	}
}

func (w *work) mainsLost() {
	c, kind := w.cold(), vigiev1.DetectionKind_DETECTION_KIND_MAINS_LOST
	w.cancelTimer(timerMains, 0)
	if c.mains.since == 0 || w.detection(kind, 0, "") != nil {
		return
	}
	d := w.fresh(kind, "")
	d.evidence, d.windowMS = []ids.ID{c.mains.event}, w.at-c.mains.since
	w.openDetection(d)
	w.raise(raised{id: d.id, class: vigiev1.EventClass_EVENT_CLASS_MAINS, at: w.at, evidence: d.evidence})
}

func (w *work) mainsRestored() {
	c := w.cold()
	if c.mains.since == 0 {
		return
	}
	c.mains = mains{}
	w.cancelTimer(timerMains, 0)
	w.cancelTimer(timerAutonomy, 0)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_MAINS_LOST, 0, ""), closedRestored)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_BATTERY_AUTONOMY, 0, ""), closedRestored)
}
