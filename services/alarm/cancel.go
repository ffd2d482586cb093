package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Cancel at the keypad, MHS après alarme (trade rule 9). It lowers the priority of
// an intrusion that nothing confirmed; the call-back stays due. Only a policy with
// auto_close closes the incident by itself (default: none does), and then only an
// intrusion, cancelled by a code within auto_close_within_ms (90 s) of its alarm,
// in opening hours, never during a closure and never after a confirmed alarm. A
// restore alone never closes one.

func (w *work) cancelledByUser(ev *vigiev1.Event, sig signal) {
	inc := w.incident(groupIntrusion)
	if inc == nil || groupOf(sig.class) == groupLife {
		return
	}
	if inc.class == vigiev1.EventClass_EVENT_CLASS_INTRUSION {
		inc.priority = max(inc.priority, priorityOf(inc.class, inc.group)+1)
		inc.cancelled = true
	}
	inc.acts = appendCapped(inc.acts, &vigiev1.IncidentAct{EventId: slices.Clone(ev.GetId()), AtMs: w.at, Act: "cancelled-by-user"}, maxIncidentActs)
	w.touch(inc)
	if w.closesItself(inc, sig) {
		inc.outcome, inc.closedBy, inc.closedAt = vigiev1.IncidentOutcome_INCIDENT_OUTCOME_USER_ERROR, closedByPolicy, w.at
		inc.autoClosed = true
		w.unpark(inc)
		w.endIncident(inc)
	}
}

// closedByPolicy stands where a person's name would.
const closedByPolicy = "policy"

func (w *work) closesItself(inc *incident, sig signal) bool {
	fig := w.figures()
	open, known := w.inHours(w.at)
	onlyIntrusion := inc.class == vigiev1.EventClass_EVENT_CLASS_INTRUSION &&
		!slices.ContainsFunc(inc.points, func(p alarmedPoint) bool { return p.class != vigiev1.EventClass_EVENT_CLASS_INTRUSION })
	return fig.autoClose && onlyIntrusion && sig.user != "" && w.at-inc.lastAlarm <= fig.autoCloseWithin &&
		known && open && !w.cold().closure.running()
}
