package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Suspected sabotage (trade rule 6). Four things, each within sabotage_window_ms
// (30 min): tamper or mains loss, then silence; intrusion, then the loss of a
// path; jamming, then the loss of a path; one path lost, then an intrusion heard
// on another. A silence begins when the path was last heard, so that long
// intervals hide nothing. Opens with an incident that is answered as an intrusion;
// its facts say which. Closes when every path is back. Nothing silences it.

// What may come before a silence.
const (
	traceTamper = iota
	traceMains
	traceIntrusion
	traceJamming
	traceKinds
)

var traceNames = [traceKinds]string{
	traceTamper: "tamper-then-silence", traceMains: "mains-then-silence",
	traceIntrusion: "intrusion-then-loss", traceJamming: "jamming-then-loss",
}

// trace is the last event of one of those; at 0 when there was none.
type trace struct {
	at int64
	id ids.ID
}

func (w *work) leaveTrace(what int) {
	w.cold().traces[what] = trace{w.at, idOf(w.cause)}
}

// traced is what an alarm leaves.
func (w *work) traced(class vigiev1.EventClass) {
	switch family(class) {
	case vigiev1.EventClass_EVENT_CLASS_TAMPER:
		w.leaveTrace(traceTamper)
		w.mainsTrouble()
	case vigiev1.EventClass_EVENT_CLASS_JAMMING:
		w.leaveTrace(traceJamming)
	case vigiev1.EventClass_EVENT_CLASS_INTRUSION:
		w.leaveTrace(traceIntrusion)
		w.intrusionOnTheOther()
	}
}

// lostAfter judges a path that was just lost; silent when it was the last one.
func (w *work) lostAfter(p *path, silent bool) {
	var facts []string
	var evidence []ids.ID
	for what, t := range w.cold().traces {
		needsSilence := what == traceTamper || what == traceMains
		if t.at == 0 || needsSilence && !silent || t.at < p.heardAt-w.figures().sabotageWindow {
			continue
		}
		facts = append(facts, traceNames[what])
		evidence = append(evidence, t.id)
	}
	w.suspect(facts, evidence)
}

// intrusionOnTheOther: a path was lost just before this intrusion came.
func (w *work) intrusionOnTheOther() {
	for _, d := range w.cold().open {
		if d.kind == vigiev1.DetectionKind_DETECTION_KIND_PATH_LOST && w.at-d.openedAt <= w.figures().sabotageWindow {
			w.suspect([]string{"loss-then-intrusion"}, []ids.ID{idOf(w.cause)})
			return
		}
	}
}

func (w *work) suspect(facts []string, evidence []ids.ID) {
	if len(facts) == 0 {
		return
	}
	kind := vigiev1.DetectionKind_DETECTION_KIND_SUSPECTED_SABOTAGE
	if d := w.detection(kind, 0, ""); d != nil {
		for _, f := range facts {
			if !slices.Contains(d.facts, f) {
				d.facts = append(d.facts, f)
			}
		}
		d.prove(evidence[0])
		w.putDetection(d, vigiev1.DetectionStatus_DETECTION_STATUS_UPDATED, "")
		return
	}
	d := w.fresh(kind, "")
	d.facts, d.windowMS = facts, w.figures().sabotageWindow
	for _, id := range evidence {
		if !slices.Contains(d.evidence, id) {
			d.prove(id)
		}
	}
	w.openDetection(d)
	w.raise(raised{
		id: d.id, class: vigiev1.EventClass_EVENT_CLASS_TAMPER, at: w.at, evidence: d.evidence, priority: 1,
		group: groupIntrusion, grouped: true, clock: uint8(groupIntrusion),
	})
}

func (w *work) sabotageOver(reason string) {
	every := true
	w.s.eachPath(func(p *path) { every = every && (p.status == pathOK || p.status == pathNeverHeard) })
	if every {
		w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_SUSPECTED_SABOTAGE, 0, ""), reason)
	}
}
