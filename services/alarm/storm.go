package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Alarm storm of a site (trade rule 5). Opens when as many alerting alarms as
// the policy's figure (home 4, shop 6, large site 15) came within its window
// (10 min); an alarm alerts when it opens an incident or re-alerts in one, so
// that one chattering zone is no storm. Updated as its alarms double. Ends when
// fewer than end_alarms (2) accepted alarms of any kind came within
// end_window_ms (20 min). While it is open alarms count into their incident
// without re-alerting, except never-suppressed and higher classes.

// storm holds the alarms that the rule looks at, oldest first.
type storm struct {
	open     bool
	alerting []stormAlarm
	recent   []int64
}

type stormAlarm struct {
	at int64
	id ids.ID
}

// stormCounts takes an accepted alarm.
func (w *work) stormCounts(id ids.ID, alerted bool) {
	c, fig := w.seldom(), w.figures()
	s := &c.storm
	s.recent = appendCapped(s.recent, w.at, int(fig.stormEnd))
	if s.open {
		d := w.detection(vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM, 0, "")
		d.prove(id)
		w.updateDetection(d)
		w.watchStormEnd()
		return
	}
	if !alerted {
		return
	}
	s.alerting = appendCapped(s.alerting, stormAlarm{w.at, id}, int(fig.stormAlarms))
	if len(s.alerting) < int(fig.stormAlarms) || w.at-s.alerting[0].at > fig.stormWindow {
		return
	}
	kind := vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM
	d := &detection{
		id: ids.DetectionOfEvent(kindName(kind), w.s.number, id[:]), kind: kind,
		threshold: fig.stormAlarms, windowMS: fig.stormWindow,
	}
	for _, a := range s.alerting {
		d.prove(a.id)
	}
	s.open = true
	s.alerting = nil
	w.openDetection(d)
	for _, inc := range c.incidents {
		w.keep(inc).storm = true
		w.touch(inc)
	}
	w.watchStormEnd()
}

// watchStormEnd sets the timer to when the storm ends if nothing more comes; each
// alarm moves it.
func (w *work) watchStormEnd() {
	w.setTimer(timerStormEnds, 0, w.stormEndsAt())
}

func (w *work) stormEndsAt() int64 {
	s, fig := &w.cold().storm, w.figures()
	if n := len(s.recent); n >= int(fig.stormEnd) {
		return s.recent[n-int(fig.stormEnd)] + fig.stormEndWindow
	}
	return w.at
}

func (w *work) stormEnds() {
	c := w.seldom()
	c.storm = storm{}
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM, 0, ""), closedRateFell)
}
