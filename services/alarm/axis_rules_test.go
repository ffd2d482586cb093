package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Acts of the rules of closures, consignes, tests and supervision on the axis.

func (a *axis) consigne(id string, with func(*vigiev1.ConsigneSet)) *axis {
	k := &vigiev1.ConsigneSet{Consigne: id, GivenBy: "owner", AuthenticatedHow: "passcode"}
	with(k)
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ConsigneSet{ConsigneSet: k}})
}

// permanent is a consigne of the site that never ends.
func permanent(k *vigiev1.ConsigneSet) { k.Permanent = true }

func (a *axis) withdraw(id string) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ConsigneWithdrawn{ConsigneWithdrawn: &vigiev1.ConsigneWithdrawn{Consigne: id}}})
}

func (a *axis) visit(id string, from, to int64, code string, areas ...string) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_VisitAnnounced{VisitAnnounced: &vigiev1.VisitAnnounced{
		Visit: id, AnnouncedBy: "owner", AuthenticatedHow: "passcode", UserCode: code, Areas: areas, FromMs: from, ToMs: to,
	}}})
}

func (a *axis) reopening(id string, from, to int64, areas ...string) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ReopeningPlanned{ReopeningPlanned: &vigiev1.ReopeningPlanned{
		Reopening: id, PlannedBy: "owner", AuthenticatedHow: "passcode", FromMs: from, ToMs: to, Areas: areas,
	}}})
}

func (a *axis) contacts(onSite, elsewhere uint32) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ContactsSet{ContactsSet: &vigiev1.ContactsSet{OnSite: onSite, Elsewhere: elsewhere}}})
}

// passcode is a call to somebody who gave it so.
func (a *axis) passcode(p vigiev1.ContactCalled_Passcode) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_ContactCalled{ContactCalled: &vigiev1.ContactCalled{
		Incident: a.incident(), Contact: "1", Result: vigiev1.ContactCalled_RESULT_REACHED, Passcode: p,
	}}})
}

func (a *axis) police(ground vigiev1.PoliceOrFireCalled_Ground) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_PoliceOrFireCalled{PoliceOrFireCalled: &vigiev1.PoliceOrFireCalled{Incident: a.incident(), Ground: ground}}})
}

func (a *axis) test(until int64, zones []string, classes ...vigiev1.EventClass) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_TestModeSet{TestModeSet: &vigiev1.TestModeSet{
		On: true, Requester: "installer", AuthenticatedHow: "passcode", Zones: zones, Classes: classes, UntilMs: until,
	}}})
}

func (a *axis) testOff() *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_TestModeSet{TestModeSet: &vigiev1.TestModeSet{}}})
}

func (a *axis) mains(lost bool) *axis {
	s := sig(vigiev1.EventClass_EVENT_CLASS_MAINS, "", "")
	if lost {
		return a.panel(&vigiev1.Event{Body: &vigiev1.Event_FaultRaised{FaultRaised: &vigiev1.FaultRaised{Signal: s}}})
	}
	return a.panel(&vigiev1.Event{Body: &vigiev1.Event_FaultRestored{FaultRestored: &vigiev1.FaultRestored{Signal: s}}})
}

func (a *axis) inhibit(zone string, restored bool) *axis {
	return a.panel(&vigiev1.Event{Body: &vigiev1.Event_ZoneInhibited{ZoneInhibited: &vigiev1.ZoneInhibited{Signal: sig(intrusion, a.area, zone), Restored: restored}}})
}

// disarmBy is a disarm by a user's code.
func (a *axis) disarmBy(code string) *axis {
	return a.panel(&vigiev1.Event{Body: &vigiev1.Event_Disarmed{Disarmed: &vigiev1.Disarmed{Signal: &vigiev1.Signal{Area: a.area, User: code}}}})
}

// declared is a site as a test wants it.
func (a *axis) declared(d *vigiev1.SiteDeclared) *axis {
	d.TimeZone = "Europe/Paris"
	for _, p := range d.Paths {
		p.ReceiverGroup = testGroup
	}
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: d}})
}

// expectKinds compares the detections of some kinds put out since the last time;
// what else was put out is not looked at.
func (a *axis) expectKinds(kinds string, want ...string) *axis {
	a.t.Helper()
	var got []string
	for _, o := range a.outs[a.seen:] {
		if d, is := o.value.(*vigiev1.Detection); is && slices.Contains(strings.Fields(kinds), kindName(d.GetKind())) {
			got = append(got, detectionLine(d))
		}
	}
	a.forget()
	if !slices.Equal(got, want) {
		a.t.Fatalf("at %s put out\n\t%s\nwant\n\t%s", span(a.now-axisStart), strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return a
}

// facts are those of the newest detection put out of a kind.
func (a *axis) facts(kind string) string {
	for i := len(a.outs) - 1; i >= 0; i-- {
		if d, is := a.outs[i].value.(*vigiev1.Detection); is && kindName(d.GetKind()) == kind {
			return strings.Join(d.GetFacts(), " ")
		}
	}
	return "none was put out"
}

// expectIncidents compares the incidents put out since the last time.
func (a *axis) expectIncidents(want ...string) *axis {
	a.t.Helper()
	var got []string
	for _, o := range a.outs[a.seen:] {
		if v, is := o.value.(*vigiev1.Incident); is {
			got = append(got, incidentLine(v))
		}
	}
	a.forget()
	if !slices.Equal(got, want) {
		a.t.Fatalf("at %s put out\n\t%s\nwant\n\t%s", span(a.now-axisStart), strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return a
}

// expectAnswers compares what became of acts since the last time.
func (a *axis) expectAnswers(want ...string) *axis {
	a.t.Helper()
	var got []string
	for _, o := range a.outs[a.seen:] {
		if _, is := o.value.(*vigiev1.EventOutcome); is {
			got = append(got, line(o))
		}
	}
	a.forget()
	if !slices.Equal(got, want) {
		a.t.Fatalf("at %s answered %v, want %v", span(a.now-axisStart), got, want)
	}
	return a
}
