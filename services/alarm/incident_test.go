package alarm

import (
	"strconv"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func TestIncidents(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 5: an alarm opens an incident", "shop", func(a *axis) {
			a.alarm(intrusion, "1").expect("incident intrusion open")
			inc := a.lastIncident()
			if inc.GetPriority() != 2 || inc.GetZone() != "1" || len(inc.GetEvidence()) != 1 || inc.GetOpenedAtMs() != a.now {
				a.t.Fatalf("the incident is %v", inc)
			}
			if s := a.state(); len(s.GetOpenIncidents()) != 1 || len(s.GetOpenZones()) != 1 {
				a.t.Fatalf("the state is %v", s)
			}
		}},
		{"trade 5: at most one open incident per class group", "shop", func(a *axis) {
			a.alarm(intrusion, "1").alarm(tamper, "2").alarm(fire, "3").alarm(flood, "4").expect(
				"incident intrusion open", "incident intrusion open, 2 alarms, 1 re-alerts", "incident life open", "incident technical-critical open")
		}},
		{"trade 5: the same zone folds without alerting", "shop", func(a *axis) {
			a.alarm(intrusion, "1").at(minute).alarm(intrusion, "1").expect("incident intrusion open", "incident intrusion open, 2 alarms")
		}},
		{"trade 5: a new zone re-alerts", "shop", func(a *axis) {
			a.alarm(intrusion, "1").at(second).alarm(intrusion, "2").expect("incident intrusion open", "incident intrusion open, 2 alarms, 1 re-alerts")
		}},
		{"trade 5: a higher class re-alerts and sets the priority", "shop", func(a *axis) {
			a.alarm(intrusion, "1").at(second).alarm(confirmed, "1").expect("incident intrusion open", "incident intrusion open, 2 alarms, 1 re-alerts")
			if inc := a.lastIncident(); inc.GetPriority() != 1 || inc.GetClass() != confirmed {
				a.t.Fatalf("the incident is %v", inc)
			}
		}},
		{"trade 5: more than 15 min since the previous alarm re-alerts", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.at(15*minute).alarm(intrusion, "1").expectIncidents("incident intrusion open, 2 alarms")
			a.at(30*minute+1).alarm(intrusion, "1").expectIncidents("incident intrusion open, 3 alarms, 1 re-alerts")
		}},
		{"trade 5: the last act more than 5 min old re-alerts", "shop", func(a *axis) {
			a.alarm(intrusion, "1").call().forget()
			a.at(5*minute).alarm(intrusion, "1").expectIncidents("incident intrusion open, 2 alarms")
			a.at(5*minute+1).alarm(intrusion, "1").expectIncidents("incident intrusion open, 3 alarms, 1 re-alerts")
		}},
		{"trade 5: an alarm after a negative verification re-alerts", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().verify(negative).forget()
			a.at(second).alarm(intrusion, "1").expect("incident intrusion verified, 2 alarms, 1 re-alerts")
		}},
		{"trade 5: an alarm wakes a parked incident", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().call().park(a.now + 20*minute).forget()
			a.at(minute).alarm(intrusion, "1").expect("incident intrusion claimed, 2 alarms, 1 re-alerts")
			a.call().release().forget()
			a.at(30 * minute).expectIncidents()
		}},
		{"trade 1: a repeated hold-up always re-alerts", "shop", func(a *axis) {
			a.alarm(holdUp, "1").at(second).alarm(holdUp, "1").expect("incident life open", "incident life open, 2 alarms, 1 re-alerts")
		}},
	})
}

func TestRestoresAndCancels(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 9: a restore never closes, it marks", "shop", func(a *axis) {
			a.alarm(intrusion, "1").alarm(intrusion, "2").restore(intrusion, "1").forget()
			a.restore(intrusion, "2").expect("incident intrusion open, 2 alarms, 1 re-alerts, restored")
			a.alarm(intrusion, "1").expect("incident intrusion open, 3 alarms, 1 re-alerts")
		}},
		{"decision 8: a restore that arrives before its alarm: the incident opens, marked restored", "shop", func(a *axis) {
			a.sequence = 11
			a.panelAt(restoreBody(intrusion, "", "1"), 11, 1).expect()
			a.at(second).panelAt(alarmBody(intrusion, "", "1"), 10, 2).expect("incident intrusion open, restored")
			if len(a.state().GetOpenZones()) != 0 {
				a.t.Fatalf("a restored zone is open")
			}
		}},
		{"decision 8: an alarm after a stray restore is live", "shop", func(a *axis) {
			a.restore(intrusion, "1").alarm(intrusion, "1").expect("incident intrusion open")
			if len(a.state().GetOpenZones()) != 1 {
				a.t.Fatalf("the zone is not open")
			}
		}},
		{"DC-03: a restore without zone restores its area", "shop", func(a *axis) {
			a.area = "2"
			a.alarm(intrusion, "1").alarm(intrusion, "2").forget()
			a.restore(intrusion, "").expect("incident intrusion open, 2 alarms, 1 re-alerts, restored")
		}},
		{"DC-05: a restore of another family leaves the zone open", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.restore(tamper, "1").expect()
			if len(a.state().GetOpenZones()) != 1 {
				a.t.Fatalf("the zone is closed")
			}
		}},
		{"trade 9: a cancel at the keypad lowers an intrusion's priority; it stays open", "shop", func(a *axis) {
			a.alarm(intrusion, "1").panel(&vigiev1.Event{Body: &vigiev1.Event_AlarmCancelled{AlarmCancelled: &vigiev1.AlarmCancelled{Signal: sig(intrusion, "", "")}}})
			if inc := a.lastIncident(); inc.GetPriority() != 3 || inc.GetStatus() != vigiev1.IncidentStatus_INCIDENT_STATUS_OPEN {
				a.t.Fatalf("the incident is %v", inc)
			}
		}},
	})
}

func TestWhatOpensAnIncident(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 5: an unknown code is an incident that is not configured", "shop", func(a *axis) {
			body := &vigiev1.Event{Body: &vigiev1.Event_DataReceived{DataReceived: &vigiev1.DataReceived{Token: "SIA-DCS", Code: "ZQ"}}}
			a.panel(body).panel(body).expect("incident not-configured open", "incident not-configured open, 2 alarms")
			if len(a.state().GetOpenZones()) != 0 {
				a.t.Fatalf("what has no restore opened a zone")
			}
		}},
		{"trade 1: a wrong key is an incident, on a disarmed site too, and proves no path alive", "shop", func(a *axis) {
			wrongKey := &vigiev1.Event{Body: &vigiev1.Event_TransmissionSuspect{TransmissionSuspect: &vigiev1.TransmissionSuspect{Suspicion: vigiev1.Suspicion_SUSPICION_WRONG_KEY}}}
			a.disarm().forget()
			before := a.state().GetPaths()[0].GetLastHeardMs()
			a.at(minute).panel(wrongKey).at(2*minute).panel(wrongKey).expect("incident intrusion open", "incident intrusion open, 2 alarms, 1 re-alerts")
			if heard := a.state().GetPaths()[0].GetLastHeardMs(); heard != before || len(a.state().GetOpenZones()) != 0 {
				a.t.Fatalf("heard at %d, before %d; open zones %v", heard, before, a.state().GetOpenZones())
			}
		}},
		{"trade 1: jamming reported as a fault is an alarm", "shop", func(a *axis) {
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: sig(vigiev1.EventClass_EVENT_CLASS_JAMMING, "", "")}}}).expect("incident intrusion open")
		}},
		{"a test, a fault and information open nothing", "shop", func(a *axis) {
			a.alarm(vigiev1.EventClass_EVENT_CLASS_TEST, "1")
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_TestReceived{TestReceived: &vigiev1.TestReceived{Periodic: true}}})
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: sig(vigiev1.EventClass_EVENT_CLASS_MAINS, "", "")}}})
			a.panel(&vigiev1.Event{Body: &vigiev1.Event_PanelClockOff{PanelClockOff: &vigiev1.PanelClockOff{OffsetMs: 90_000}}})
			a.panel(&vigiev1.Event{})
			a.expect()
		}},
		{"evidence is bounded, the count is not", "large", func(a *axis) {
			for i := range 100 {
				a.alarm(intrusion, strconv.Itoa(i%3))
			}
			if inc := a.lastIncident(); len(inc.GetEvidence()) != maxEvidence || inc.GetAlarms() != 100 {
				a.t.Fatalf("%d in evidence, %d alarms", len(inc.GetEvidence()), inc.GetAlarms())
			}
		}},
	})
}

func TestActs(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"design 6: two claims are decided by log order, the loser is told who holds it", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().expect("incident intrusion open", "incident intrusion claimed", "accepted")
			a.by("bob").claim().expect("refused: already-claimed (alice)")
		}},
		{"a claim by who holds it is accepted and changes nothing", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().forget()
			a.claim().expect("accepted")
		}},
		{"a released incident can be claimed by another", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().forget()
			a.by("bob").release().expect("refused: already-claimed (alice)")
			a.by("alice").release().expect("incident intrusion open", "accepted")
			a.release().expect("refused: not-claimed")
			a.by("bob").claim().expect("incident intrusion claimed", "accepted")
		}},
		{"handed over, the other holds it", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim()
			a.person(&vigiev1.Event{Body: &vigiev1.Event_IncidentHandedOver{IncidentHandedOver: &vigiev1.IncidentHandedOver{Incident: a.incident(), ToUser: "bob"}}}).forget()
			a.call().verify(negative).expect("incident intrusion claimed", "accepted", "refused: already-claimed (bob)")
		}},
		{"an unknown incident is refused", "shop", func(a *axis) {
			a.claim().expect("refused: no-such-incident")
		}},
		{"a closed incident is told apart from an unknown one", "shop", func(a *axis) {
			a.alarm(flood, "1").close(userError, false).forget()
			a.claim().expect("refused: already-closed")
		}},
		{"decision 4: a repeated id repeats the first outcome", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().forget()
			a.repeat().expect("repeated")
			a.by("bob").claim().repeat().expect("refused: already-claimed (alice)", "repeated: already-claimed (alice)")
			a.by("alice").release().forget()
		}},
		{"decision 4: the memory of acts ends after 24 h", "shop", func(a *axis) {
			a.poll(1, 0).alarm(flood, "1").claim().call().forget()
			act := a.last
			a.at(day).forget()
			a.repeat().expect("repeated")
			a.at(day + 1).forget()
			a.last = act
			a.repeat().expectIncidents("incident technical-critical open, 1 re-alerts")
		}},
	})
}

func TestActsThatEndOrPark(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 9: closing needs an outcome", "shop", func(a *axis) {
			a.alarm(flood, "1").restore(flood, "1").forget()
			a.close(vigiev1.IncidentOutcome_INCIDENT_OUTCOME_UNSPECIFIED, true).expect("refused: outcome-required")
			a.close(userError, false).expect("incident technical-critical closed, restored", "accepted")
		}},
		{"trade 9: closing an intrusion needs a verification or a reason", "shop", func(a *axis) {
			a.alarm(intrusion, "1").restore(intrusion, "1").forget()
			a.close(userError, false).expect("refused: verification-or-reason-required")
			a.close(userError, true).expect("incident intrusion closed, restored", "accepted")
			a.alarm(intrusion, "1").restore(intrusion, "1").forget()
			a.verify(negative).close(userError, false).expect(
				"incident intrusion verified, restored", "accepted", "incident intrusion closed, restored", "accepted")
		}},
		{"trade 9: closing a hold-up needs a verification or a reason", "shop", func(a *axis) {
			a.alarm(holdUp, "1").forget()
			a.close(userError, false).expect("refused: verification-or-reason-required")
		}},
		{"a verification needs means and result", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.verify(vigiev1.VerificationResult_VERIFICATION_RESULT_UNSPECIFIED).expect("refused: result-required")
			a.person(&vigiev1.Event{Body: &vigiev1.Event_VerificationMade{VerificationMade: &vigiev1.VerificationMade{Incident: a.incident(), Result: positive}}}).expect("refused: means-required")
		}},
		{"trade 9: life is never parked", "shop", func(a *axis) {
			a.alarm(holdUp, "1").forget()
			a.park(a.now + minute).expect("refused: cannot-be-parked")
		}},
		{"trade 9: an intrusion is parked for at most 30 min, to a wake-up", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().call().forget()
			a.park(0).park(a.now+30*minute+1).expect("refused: wake-up-required", "refused: wake-up-too-late")
			a.park(a.now+30*minute).expect("incident intrusion parked", "accepted")
			a.at(30 * minute).expect("incident intrusion claimed, 1 re-alerts")
		}},
		{"a call to the police is recorded whoever holds the incident", "shop", func(a *axis) {
			a.alarm(holdUp, "1").claim().forget()
			a.by("bob").person(&vigiev1.Event{Body: &vigiev1.Event_PoliceOrFireCalled{PoliceOrFireCalled: &vigiev1.PoliceOrFireCalled{Incident: a.incident()}}})
			a.expect("opened police-call-without-ground", "incident life claimed", "accepted")
			acts := a.lastIncident().GetActs()
			if last := acts[len(acts)-1]; last.GetAct() != "police-or-fire-called" || last.GetBy() != "bob" {
				a.t.Fatalf("the act is %v", last)
			}
		}},
		{"the history of an incident is bounded, newest kept", "shop", func(a *axis) {
			a.alarm(flood, "1").claim()
			for range 100 {
				a.call()
			}
			if n := len(a.lastIncident().GetActs()); n != maxIncidentActs {
				a.t.Fatalf("%d acts are shown", n)
			}
		}},
		{"what no rule concerns is accepted", "shop", func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ShiftStarted{ShiftStarted: &vigiev1.ShiftStarted{Place: "station"}}}).expect("accepted")
		}},
		{"the system's accepted acts have no outcome, its refused ones do", "shop", func(a *axis) {
			system := &vigiev1.Source{Origin: &vigiev1.Source_System{System: &vigiev1.SystemSource{Component: "demo"}}}
			for _, minute := range []uint32{540, 2000} {
				a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
					Id: a.eventID(), Site: 7, Source: system, ReceivedAtMs: a.now, Body: &vigiev1.Event_ScheduleSet{ScheduleSet: weekdays(minute, 1080)},
				}}})
			}
			a.expect("refused: bad-hours")
		}},
	})
}

func TestAnswerClocks(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 9: a hold-up is late after 30 s, missed after 60 s", "shop", func(a *axis) {
			a.alarm(holdUp, "1").forget()
			a.at(30*second - 1).expect()
			a.at(30 * second).expect("opened answer-late")
			a.at(60*second).expect("closed answer-late: missed", "opened answer-missed")
		}},
		{"trade 9: an intrusion is late after 90 s, missed after 180 s", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.at(90 * second).expect("opened answer-late")
			a.at(180*second).expect("closed answer-late: missed", "opened answer-missed")
		}},
		{"trade 9: technical critical is late after 5 min, missed after 10", "shop", func(a *axis) {
			a.alarm(flood, "1").forget()
			a.at(5 * minute).expect("opened answer-late")
			a.at(10*minute).expect("closed answer-late: missed", "opened answer-missed")
		}},
		{"trade 9: comfort has 4 h and a day", "shop", func(a *axis) {
			a.declare("shop")
			a.panel(alarmBody(vigiev1.EventClass_EVENT_CLASS_TECHNICAL_COMFORT, "", "1")).forget()
			inc := a.lastIncident()
			if inc.GetAtRiskAtMs()-inc.GetOpenedAtMs() != 4*hour || inc.GetMissedAtMs()-inc.GetOpenedAtMs() != day || inc.GetPriority() != 5 {
				a.t.Fatalf("the incident is %v", inc)
			}
		}},
	})
}

func TestWhatAnswers(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 9: claimed alone is not answered", "shop", func(a *axis) {
			a.alarm(holdUp, "1").claim().forget()
			a.at(30 * second).expect("opened answer-late")
			a.call().expect("closed answer-late: answered", "incident life claimed", "accepted")
			a.at(minute).expect()
		}},
		{"trade 9: an act alone is not answered, the claim after it is", "shop", func(a *axis) {
			a.alarm(holdUp, "1").call().forget()
			a.at(60*second).expect("opened answer-late", "closed answer-late: missed", "opened answer-missed")
			a.claim().expect("closed answer-missed: answered", "incident life claimed", "accepted")
		}},
		{"trade 9: closing ends the clock", "shop", func(a *axis) {
			a.alarm(intrusion, "1").restore(intrusion, "1").at(100 * second).forget()
			a.close(userError, true).expect("closed answer-late: incident closed", "incident intrusion closed, restored", "accepted")
			a.at(day / 48).expect()
		}},
		{"trade 5: a folded alarm never stops a clock", "shop", func(a *axis) {
			a.alarm(intrusion, "1").at(80*second).alarm(intrusion, "2").forget()
			a.at(90 * second).expect("opened answer-late")
		}},
		{"trade 5: a re-alert of an answered incident starts a new clock", "shop", func(a *axis) {
			a.alarm(intrusion, "1").claim().call().at(minute).alarm(intrusion, "2").forget()
			a.at(minute+90*second).expect("opened claimed-idle", "opened answer-late")
			a.call().expect("closed answer-late: answered", "closed claimed-idle: resolved", "incident intrusion claimed, 2 alarms, 1 re-alerts", "accepted")
		}},
		{"decision 8: civil timers run during our own outage", "shop", func(a *axis) {
			a.alarm(holdUp, "1").stop(testGroup)
			a.forget()
			a.at(30 * second).expect("opened answer-late")
		}},
		{"decision 8: civil timers due by an event's time fire before it", "shop", func(a *axis) {
			a.alarm(holdUp, "1").forget()
			a.now += 45 * second // The event is taken before the beat that would fire the timer.
			a.claim().call().expect("opened answer-late", "incident life claimed", "accepted",
				"closed answer-late: answered", "incident life claimed", "accepted")
			a.at(50 * second).expect()
		}},
		{"decision 8: time never goes back within a site", "shop", func(a *axis) {
			a.at(minute).alarm(intrusion, "1").forget()
			a.now -= 30 * second
			a.claim().forget()
			if got := a.lastIncident().GetClaimedAtMs(); got != axisStart+minute {
				a.t.Fatalf("claimed at %d, before it was opened", got-axisStart)
			}
		}},
	})
}
