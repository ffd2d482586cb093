package desk

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// incidentForms are the acts on an incident. A call to the police asks for no
// field: what is missing is a detection, and never keeps a call from being recorded.
var incidentForms = map[string]form{
	"claim":             {},
	"release":           {},
	"hand-over":         {needs: []string{"to_user"}},
	"verify":            {needs: []string{"means", "result"}, takes: []string{"note"}},
	"close":             {needs: []string{"outcome"}, takes: []string{"reason", "restore_owner", "restore_by_ms"}},
	"note":              {needs: []string{"note"}},
	"park":              {needs: []string{"wake_up_at_ms"}, takes: []string{"reason"}},
	"contact":           {needs: []string{"contact", "call_result"}, takes: []string{"passcode"}},
	"guard":             {needs: []string{"firm", "guard_step"}},
	"police":            {takes: []string{"ground", "element", "arrived"}},
	"installer":         {needs: []string{"installer", "installer_result"}},
	"customer-decision": {needs: []string{"contact", "authenticated_how", "choice"}, takes: []string{"analysis"}},
	"consigne-applied":  {needs: []string{"consigne"}, takes: []string{"not_applicable", "reason"}},
	"report-sent":       {needs: []string{"channel"}},
}

// check finds what the schema cannot say: which fields an act needs, and which
// have no meaning for it. It returns the incident's site.
func (o *OperatorAction) check() (uint64, error) {
	site, err := ids.IncidentSite(o.Incident)
	if err != nil {
		return 0, invalid("body.incident", err.Error(), o.Incident)
	}
	if err := incidentForms[o.Act].check(o.Act, o); err != nil {
		return 0, err
	}
	if o.Passcode != "" && o.CallResult != "reached" {
		return 0, invalid("body.passcode", "a passcode is given by somebody who was reached", o.Passcode)
	}
	for _, x := range []struct{ name, value string }{{"contact", o.Contact}, {"firm", o.Firm}, {"installer", o.Installer}, {"restore_owner", o.RestoreOwner}, {"to_user", o.ToUser}} {
		if err := checkForm(x.name, x.value, referenceForm, expectedReference); err != nil {
			return 0, err
		}
	}
	return site, nil
}

// fill sets the body of an act's event; the request has been checked.
func (o *OperatorAction) fill(e *vigiev1.Event, s *sealing) {
	switch o.Act {
	case "claim":
		e.Body = &vigiev1.Event_IncidentClaimed{IncidentClaimed: &vigiev1.IncidentClaimed{Incident: o.Incident}}
	case "release":
		e.Body = &vigiev1.Event_IncidentReleased{IncidentReleased: &vigiev1.IncidentReleased{Incident: o.Incident}}
	case "hand-over":
		e.Body = &vigiev1.Event_IncidentHandedOver{IncidentHandedOver: &vigiev1.IncidentHandedOver{Incident: o.Incident, ToUser: o.ToUser}}
	case "verify":
		e.Body = &vigiev1.Event_VerificationMade{VerificationMade: &vigiev1.VerificationMade{
			Incident: o.Incident, Note: s.text(o.Note),
			Means:  number[vigiev1.VerificationMeans](o.Means),
			Result: number[vigiev1.VerificationResult](o.Result),
		}}
	case "close":
		e.Body = &vigiev1.Event_IncidentClosed{IncidentClosed: &vigiev1.IncidentClosed{
			Incident: o.Incident, Reason: s.text(o.Reason), ReasonGiven: o.Reason != "",
			Outcome:      number[vigiev1.IncidentOutcome](o.Outcome),
			RestoreOwner: o.RestoreOwner, RestoreByMs: o.RestoreByMS,
		}}
	case "note":
		e.Body = &vigiev1.Event_NoteWritten{NoteWritten: &vigiev1.NoteWritten{Incident: o.Incident, Text: s.text(o.Note)}}
	case "park":
		e.Body = &vigiev1.Event_IncidentParked{IncidentParked: &vigiev1.IncidentParked{Incident: o.Incident, WakeUpAtMs: o.WakeUpAtMS, Reason: s.text(o.Reason)}}
	default:
		o.fillTowards(e, s)
	}
}

// fillTowards sets the body of acts towards the customer and those who help.
func (o *OperatorAction) fillTowards(e *vigiev1.Event, s *sealing) {
	switch o.Act {
	case "contact":
		e.Body = &vigiev1.Event_ContactCalled{ContactCalled: &vigiev1.ContactCalled{
			Incident: o.Incident, Contact: o.Contact,
			Result:   number[vigiev1.ContactCalled_Result](o.CallResult),
			Passcode: number[vigiev1.ContactCalled_Passcode](o.Passcode),
		}}
	case "guard":
		e.Body = &vigiev1.Event_GuardStep{GuardStep: &vigiev1.GuardStep{Incident: o.Incident, Firm: o.Firm, Step: number[vigiev1.GuardStep_Step](o.GuardStep)}}
	case "police":
		ground := number[vigiev1.PoliceOrFireCalled_Ground](o.Ground)
		if ground == vigiev1.PoliceOrFireCalled_GROUND_UNSPECIFIED {
			ground = vigiev1.PoliceOrFireCalled_GROUND_MISSING
		}
		e.Body = &vigiev1.Event_PoliceOrFireCalled{PoliceOrFireCalled: &vigiev1.PoliceOrFireCalled{
			Incident: o.Incident, Ground: ground, Element: s.text(o.Element), Arrived: o.Arrived,
		}}
	case "installer":
		e.Body = &vigiev1.Event_InstallerContacted{InstallerContacted: &vigiev1.InstallerContacted{
			Incident: o.Incident, Installer: o.Installer, Result: number[vigiev1.InstallerContacted_Result](o.InstallerResult),
		}}
	case "customer-decision":
		e.Body = &vigiev1.Event_CustomerDecision{CustomerDecision: &vigiev1.CustomerDecision{
			Incident: o.Incident, Contact: o.Contact, AuthenticatedHow: o.AuthenticatedHow, Analysis: s.text(o.Analysis),
			Choice: number[vigiev1.CustomerDecision_Choice](o.Choice),
		}}
	case "consigne-applied":
		e.Body = &vigiev1.Event_ConsigneApplied{ConsigneApplied: &vigiev1.ConsigneApplied{
			Incident: o.Incident, Consigne: o.Consigne, Applicable: !o.NotApplicable, Reason: s.text(o.Reason),
		}}
	case "report-sent":
		e.Body = &vigiev1.Event_IncidentReportSent{IncidentReportSent: &vigiev1.IncidentReportSent{Incident: o.Incident, Channel: o.Channel}}
	default:
		panic("desk: act " + o.Act + " passed the schema and has no event")
	}
}
