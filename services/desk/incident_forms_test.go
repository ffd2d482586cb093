package desk

import "github.com/open-vigie/vigie/schemas/vigiev1"

// handlingCases are the acts towards the customer and those who help, as
// TestEachActBecomesItsEvent asks for them.
func handlingCases() []incidentCase {
	sealed := func(s *vigiev1.Sealed, want string) bool { return string(s.GetCiphertext()) == "sealed:"+want }
	return []incidentCase{
		{OperatorAction{Act: "hand-over", ToUser: "bruno"}, func(e *vigiev1.Event) bool { return e.GetIncidentHandedOver().GetToUser() == "bruno" }},
		{OperatorAction{Act: "park", WakeUpAtMS: 42, Reason: "attend"}, func(e *vigiev1.Event) bool {
			return e.GetIncidentParked().GetWakeUpAtMs() == 42 && sealed(e.GetIncidentParked().GetReason(), "attend")
		}},
		{OperatorAction{Act: "contact", Contact: "contact-1", CallResult: "reached", Passcode: "duress"}, func(e *vigiev1.Event) bool {
			c := e.GetContactCalled()
			return c.GetContact() == "contact-1" && c.GetResult() == vigiev1.ContactCalled_RESULT_REACHED && c.GetPasscode() == vigiev1.ContactCalled_PASSCODE_DURESS
		}},
		{OperatorAction{Act: "guard", Firm: "ronde-sud", GuardStep: "arrived"}, func(e *vigiev1.Event) bool {
			return e.GetGuardStep().GetFirm() == "ronde-sud" && e.GetGuardStep().GetStep() == vigiev1.GuardStep_STEP_ARRIVED
		}},
		{OperatorAction{Act: "police", Ground: "persons", Element: "cris"}, func(e *vigiev1.Event) bool {
			p := e.GetPoliceOrFireCalled()
			return p.GetGround() == vigiev1.PoliceOrFireCalled_GROUND_PERSONS && sealed(p.GetElement(), "cris") && !p.GetArrived()
		}},
		{OperatorAction{Act: "police"}, func(e *vigiev1.Event) bool {
			return e.GetPoliceOrFireCalled().GetGround() == vigiev1.PoliceOrFireCalled_GROUND_MISSING
		}},
		{OperatorAction{Act: "police", Ground: "property-verified", Arrived: true}, func(e *vigiev1.Event) bool { return e.GetPoliceOrFireCalled().GetArrived() }},
		{OperatorAction{Act: "installer", Installer: "installateur-02", InstallerResult: "refused"}, func(e *vigiev1.Event) bool {
			return e.GetInstallerContacted().GetResult() == vigiev1.InstallerContacted_RESULT_REFUSED
		}},
		{OperatorAction{Act: "customer-decision", Contact: "contact-1", AuthenticatedHow: "passcode", Analysis: "zone 3", Choice: "guard"}, func(e *vigiev1.Event) bool {
			d := e.GetCustomerDecision()
			return d.GetChoice() == vigiev1.CustomerDecision_CHOICE_GUARD && d.GetAuthenticatedHow() == "passcode" && sealed(d.GetAnalysis(), "zone 3")
		}},
		{OperatorAction{Act: "consigne-applied", Consigne: "k1", NotApplicable: true, Reason: "porte"}, func(e *vigiev1.Event) bool {
			c := e.GetConsigneApplied()
			return c.GetConsigne() == "k1" && !c.GetApplicable() && sealed(c.GetReason(), "porte")
		}},
		{OperatorAction{Act: "consigne-applied", Consigne: "k1"}, func(e *vigiev1.Event) bool { return e.GetConsigneApplied().GetApplicable() }},
		{OperatorAction{Act: "report-sent", Channel: "email"}, func(e *vigiev1.Event) bool { return e.GetIncidentReportSent().GetChannel() == "email" }},
		{OperatorAction{Act: "close", Outcome: "user-error", RestoreOwner: "contact-1", RestoreByMS: 9}, func(e *vigiev1.Event) bool {
			return e.GetIncidentClosed().GetRestoreOwner() == "contact-1" && e.GetIncidentClosed().GetRestoreByMs() == 9
		}},
	}
}
