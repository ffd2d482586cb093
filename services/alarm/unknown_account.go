package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Unknown account (trade rule 5). Opens with the first event of a site that
// nobody declared: in an onboarding rush that is where real alarms arrive. It
// folds: one detection, counting, until 24 h have passed without an event
// ("silent"), or the account is bound or the site declared. Nothing silences it.
const unknownAccountFolds = 24 * hour

func (w *work) unknownAccount(ev *vigiev1.Event, isAlarm bool) {
	c := w.cold()
	if w.s.number < ids.FirstUndeclared || c.binding != nil {
		return
	}
	kind := vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT
	w.setTimer(timerUnknownAccount, 0, w.at+unknownAccountFolds)
	if d := w.detection(kind, 0, ""); d != nil {
		d.prove(idOf(ev.GetId()))
		w.updateDetection(d)
		return
	}
	w.openDetection(&detection{
		id: ids.DetectionOfEvent(kindName(kind), w.s.number, ev.GetId()), kind: kind,
		evidence: []ids.ID{idOf(ev.GetId())}, windowMS: unknownAccountFolds,
	})
	if !isAlarm { // An alarm opens its own incident.
		w.notConfigured(raised{id: idOf(ev.GetId()), at: ev.GetReceivedAtMs()})
	}
}

func (w *work) unknownAccountSilent() {
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT, 0, ""), closedSilent)
}

func (w *work) unknownAccountKnown(reason string) {
	w.cancelTimer(timerUnknownAccount, 0)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_UNKNOWN_ACCOUNT, 0, ""), reason)
}
