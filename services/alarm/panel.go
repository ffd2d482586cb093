package alarm

import (
	"bytes"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// signal is what a panel said about a point.
type signal struct {
	class vigiev1.EventClass
	point point
	user  string
}

// isPanelEvent tells what panels say from what people and the system do.
func isPanelEvent(ev *vigiev1.Event) bool {
	if ev.GetSource().GetPanel() != nil {
		return true
	}
	return ev.GetSource() == nil && len(ev.GetFingerprint()) > 0
}

// panelEvent takes what a panel said. Whatever it is, it proves its path alive,
// except what may be another's.
func (w *work) panelEvent(ev *vigiev1.Event) {
	from := ev.GetSource().GetPanel()
	c := w.cold()
	if c.account == "" && from.GetAccount() != "" {
		c.account = clip(from.GetAccount())
		w.changed()
	}
	if poll := ev.GetHeartbeat(); poll != nil {
		w.poll(ev, poll)
		return
	}
	if ev.GetTransmissionSuspect() == nil {
		w.alive(max(from.GetPath(), 1), ev.GetReceivedAtMs(), w.f.receivers[from.GetReceiver()], ev.GetId())
	}
	sig, isAlarm := alarmOf(ev)
	if first, again := w.heardAgain(ev, sig, isAlarm); again && !(isAlarm && neverSuppressed(sig.class) && w.openFor(sig.class) == nil) {
		w.outcome(decided{status: vigiev1.OutcomeStatus_OUTCOME_STATUS_HEARD_AGAIN, first: bytes.Clone(first[:])})
		if isAlarm && neverSuppressed(sig.class) {
			w.repeatInIncident(sig.class, idOf(ev.GetId()))
		}
		return
	}
	c.accepted++
	w.onLine(from.GetLine())
	w.unknownAccount(ev, isAlarm)
	w.commissionSees(ev)
	if isAlarm && c.degraded {
		w.minimal(ev)
		return
	}
	if isAlarm {
		w.alarm(ev, sig)
		return
	}
	w.panelState(ev)
}

// panelState takes what is not an alarm.
func (w *work) panelState(ev *vigiev1.Event) {
	switch b := ev.GetBody().(type) {
	case *vigiev1.Event_AlarmRestored:
		w.pointRestored(ev, signalOf(b.AlarmRestored.GetSignal()))
	case *vigiev1.Event_TestReceived:
		if b.TestReceived.GetPeriodic() {
			w.cyclicTestCame(ev)
		}
	case *vigiev1.Event_FaultRaised:
		if b.FaultRaised.GetSignal().GetClass() == vigiev1.EventClass_EVENT_CLASS_MAINS {
			w.mainsFault()
		}
	case *vigiev1.Event_FaultRestored:
		if b.FaultRestored.GetSignal().GetClass() == vigiev1.EventClass_EVENT_CLASS_MAINS {
			w.mainsRestored()
		}
		w.pointRestored(ev, signalOf(b.FaultRestored.GetSignal()))
	case *vigiev1.Event_Tamper:
		w.pointRestored(ev, tamperOf(b.Tamper))
	case *vigiev1.Event_AlarmCancelled:
		w.cancelledByUser(ev, signalOf(b.AlarmCancelled.GetSignal()))
	case *vigiev1.Event_Armed:
		w.armed(ev, signalOf(b.Armed.GetSignal()), b.Armed)
	case *vigiev1.Event_Disarmed:
		w.disarmed(ev, signalOf(b.Disarmed.GetSignal()))
	case *vigiev1.Event_ZoneInhibited:
		w.zoneInhibited(signalOf(b.ZoneInhibited.GetSignal()), b.ZoneInhibited.GetRestored())
	}
}

// poll is a heartbeat that came as a record of its own.
func (w *work) poll(ev *vigiev1.Event, poll *vigiev1.Heartbeat) {
	from := ev.GetSource().GetPanel()
	number := max(poll.GetPath(), from.GetPath(), 1)
	w.alive(number, ev.GetReceivedAtMs(), w.f.receivers[from.GetReceiver()], ev.GetId())
	p := w.s.path(number)
	if p == nil || p.declared || poll.GetIntervalMs() <= 0 || poll.GetIntervalMs() > maxIntervalMS {
		return
	}
	if agreed := uint32(poll.GetIntervalMs()); p.interval != agreed {
		p.interval = agreed
		w.changed()
		w.rearm(p)
	}
}

// rearm sets the path's deadline anew after its figures changed.
func (w *work) rearm(p *path) {
	if due := w.f.deadline(w.s, p); due != 0 && (p.due == 0 || due < p.due) {
		p.due = due
		w.arms = append(w.arms, w.f.pathTimer(w.s, p))
	}
}

// alarmOf is the signal of an event that alarms. A fault of an alarm's class
// (jamming, flood) is one; a tamper is one until it is restored; a suspect
// transmission is one of class substitution; a code that no table knows is one of
// class "not configured".
func alarmOf(ev *vigiev1.Event) (signal, bool) {
	switch b := ev.GetBody().(type) {
	case *vigiev1.Event_AlarmRaised:
		sig := signalOf(b.AlarmRaised.GetSignal())
		return sig, sig.class != vigiev1.EventClass_EVENT_CLASS_TEST && sig.class != vigiev1.EventClass_EVENT_CLASS_INFORMATION
	case *vigiev1.Event_FaultRaised:
		sig := signalOf(b.FaultRaised.GetSignal())
		return sig, neverSuppressed(sig.class) || sig.class == vigiev1.EventClass_EVENT_CLASS_TECHNICAL_CRITICAL
	case *vigiev1.Event_Tamper:
		return tamperOf(b.Tamper), !b.Tamper.GetRestored()
	case *vigiev1.Event_TransmissionSuspect:
		return signal{class: vigiev1.EventClass_EVENT_CLASS_SUBSTITUTION}, true
	case *vigiev1.Event_DataReceived:
		return signal{
			class: vigiev1.EventClass_EVENT_CLASS_NOT_CONFIGURED,
			point: pointOf(b.DataReceived.GetArea(), b.DataReceived.GetZone()),
		}, true
	}
	return signal{}, false
}

func tamperOf(t *vigiev1.Tamper) signal {
	sig := signalOf(t.GetSignal())
	if t.GetSignal().GetClass() == vigiev1.EventClass_EVENT_CLASS_UNSPECIFIED {
		sig.class = vigiev1.EventClass_EVENT_CLASS_TAMPER
	}
	return sig
}

func signalOf(s *vigiev1.Signal) signal {
	class := s.GetClass()
	if class == vigiev1.EventClass_EVENT_CLASS_UNSPECIFIED {
		class = vigiev1.EventClass_EVENT_CLASS_NOT_CONFIGURED
	}
	return signal{class: class, point: pointOf(s.GetArea(), s.GetZone()), user: clip(s.GetUser())}
}

// point is a place of a site: a zone of an area.
type point struct{ area, zone string }

func pointOf(area, zone string) point { return point{areaName(area), clip(zone)} }

// areaName is "" for the whole site, which panels write as nothing, 0 or 00.
func areaName(area string) string {
	if area == "" || strings.Trim(area, "0") == "" {
		return ""
	}
	return clip(area)
}

// alarm is an accepted alarm: the point opens, the storm counts, an incident
// opens or takes it in.
func (w *work) alarm(ev *vigiev1.Event, sig signal) {
	// What no table knows has no restore, nor has a suspicion, and neither is a point.
	known := ev.GetDataReceived() == nil && ev.GetTransmissionSuspect() == nil
	early := known && w.restoredEarly(ev, sig)
	if known && !early {
		w.zoneOpens(sig)
	}
	id := idOf(ev.GetId())
	r := raised{
		id: id, class: sig.class, area: sig.point.area, zone: sig.point.zone,
		at: ev.GetReceivedAtMs(), occurred: ev.GetOccurredAtMs(), evidence: []ids.ID{id}, flavour: w.flavourOf(ev, sig),
	}
	if !known && ev.GetDataReceived() != nil {
		r.grouped, r.group, r.clock = true, groupNotConfigured, notConfiguredClock(ev.GetDataReceived())
	}
	realert := w.raise(r)
	if early {
		w.markRestored(groupOf(sig.class))
	}
	if r.flavour != live {
		return
	}
	w.happened(happenedAlarm)
	if known {
		w.stormCounts(id, realert)
		w.chatters(sig)
		w.undeclaredZone(r)
	}
	w.confirms(r)
	w.traced(sig.class)
}

// flavourOf tells what happens now from what is on test and from what is old: it
// occurred more than late_arrival_ms (5 min) before the panel sent it, by the
// panel's own clock; where the frame has no stamp, before it came.
func (w *work) flavourOf(ev *vigiev1.Event, sig signal) flavour {
	if t := w.cold().test; t.covers(sig) {
		w.testSees(sig)
		return onTest
	}
	sent := ev.GetSource().GetPanel().GetSentAtMs()
	if sent == 0 {
		sent = ev.GetReceivedAtMs()
	}
	if ev.GetOccurredAtMs() != 0 && sent-ev.GetOccurredAtMs() > w.figures().lateArrival {
		return lateArrival
	}
	return live
}
