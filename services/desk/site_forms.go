package desk

import (
	"fmt"
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// SiteAction is what a person arranges with a site.
type SiteAction struct {
	Act              string         `json:"act" enum:"consigne-set,consigne-withdraw,closure-declare,closure-lift,visit-announce,reopening-plan,reopening-withdraw,test-on,test-off,stage,contacts-set" doc:"What is done. closure-lift also confirms the end of a closure whose date has passed."`
	Consigne         string         `json:"consigne,omitempty" maxLength:"64" doc:"consigne-…: its name; made up when a new one has none."`
	Closure          string         `json:"closure,omitempty" maxLength:"64" doc:"closure-…: its name; made up when a new one has none. Declared again, it is moved."`
	Visit            string         `json:"visit,omitempty" maxLength:"64" doc:"visit-announce: its name; made up when absent."`
	Reopening        string         `json:"reopening,omitempty" maxLength:"64" doc:"reopening-…: its name; made up when a new one has none."`
	By               string         `json:"by,omitempty" maxLength:"64" example:"contact-1" doc:"Who asked for it: a reference into the call list, never a name. Not sealed."`
	AuthenticatedHow string         `json:"authenticated_how,omitempty" enum:"passcode,call-back,portal,letter,in-person" doc:"How that person was authenticated."`
	FromMS           int64          `json:"from_ms,omitempty" minimum:"0" doc:"Start, Unix ms UTC; at once when absent."`
	UntilMS          int64          `json:"until_ms,omitempty" minimum:"0" doc:"End, Unix ms UTC. Absent: a consigne 30 d, a test 2 h, a closure until it is lifted."`
	Permanent        bool           `json:"permanent,omitempty" doc:"consigne-set: without an end."`
	Scope            string         `json:"scope,omitempty" enum:"site,group,class" doc:"consigne-set: whom it was given for; site, or group for a group."`
	Priority         uint32         `json:"priority,omitempty" maximum:"100" doc:"consigne-set: the higher goes first."`
	Steps            []ConsigneStep `json:"steps,omitempty" maxItems:"16" doc:"consigne-set: what is to be done, in this order."`
	Text             string         `json:"text,omitempty" maxLength:"2000" doc:"consigne-set: in words. Sealed in the log."`
	UserCode         string         `json:"user_code,omitempty" maxLength:"16" doc:"visit-announce: the code that will disarm."`
	Person           string         `json:"person,omitempty" maxLength:"200" doc:"visit-announce: who comes, where no code says it. Sealed in the log."`
	Areas            []string       `json:"areas,omitempty" maxItems:"64" doc:"visit, reopening, test: those concerned; all when absent."`
	Zones            []string       `json:"zones,omitempty" maxItems:"256" doc:"test-on: those on test; all when absent."`
	Classes          []string       `json:"classes,omitempty" maxItems:"22" doc:"test-on: classes on test; what is never suppressed is on test only with its class and its zone named."`
	Stage            string         `json:"stage,omitempty" enum:"requested,scheduled,installed,tested,in-service,suspended,resigned" doc:"stage: of the connection."`
	PlannedAtMS      int64          `json:"planned_at_ms,omitempty" minimum:"0" doc:"stage: the day that is planned for the next one, Unix ms UTC."`
	OnSite           uint32         `json:"on_site,omitempty" maximum:"100" doc:"contacts-set: usable contacts on the site itself."`
	Elsewhere        uint32         `json:"elsewhere,omitempty" maximum:"100" doc:"contacts-set: usable contacts elsewhere."`
	Contacts         string         `json:"contacts,omitempty" maxLength:"4000" doc:"contacts-set: the call list. Sealed in the log."`
}

// ConsigneStep is one thing that a consigne asks for.
type ConsigneStep struct {
	Kind       string `json:"kind" enum:"call-site,call-contact,video,listen-in,send-guard,call-police,call-fire-or-rescue,call-installer,wait,other"`
	LifeSafety bool   `json:"life_safety,omitempty" doc:"It protects people: no other consigne takes it away."`
}

var siteForms = map[string]form{
	"consigne-set":       {needs: []string{"by", "authenticated_how"}, takes: []string{"consigne", "from_ms", "until_ms", "permanent", "scope", "priority", "steps", "text"}},
	"consigne-withdraw":  {needs: []string{"consigne"}},
	"closure-declare":    {needs: []string{"by", "authenticated_how"}, takes: []string{"closure", "from_ms", "until_ms"}},
	"closure-lift":       {needs: []string{"closure", "by", "authenticated_how"}},
	"visit-announce":     {needs: []string{"by", "authenticated_how", "until_ms"}, takes: []string{"visit", "from_ms", "user_code", "person", "areas"}},
	"reopening-plan":     {needs: []string{"by", "authenticated_how", "until_ms"}, takes: []string{"reopening", "from_ms", "areas"}},
	"reopening-withdraw": {needs: []string{"reopening", "by", "authenticated_how"}},
	"test-on":            {needs: []string{"by", "authenticated_how"}, takes: []string{"until_ms", "zones", "areas", "classes"}},
	"test-off":           {},
	"stage":              {needs: []string{"stage"}, takes: []string{"planned_at_ms"}},
	"contacts-set":       {takes: []string{"on_site", "elsewhere", "contacts"}},
}

// check finds what the schema cannot say. What only the site's state can tell (a
// window of the policy, a name that nobody set) the log refuses.
func (a *SiteAction) check(body any) error {
	if err := siteForms[a.Act].check(a.Act, body); err != nil {
		return err
	}
	for _, x := range []struct{ name, value string }{{"consigne", a.Consigne}, {"closure", a.Closure}, {"visit", a.Visit}, {"reopening", a.Reopening}} {
		if err := checkForm(x.name, x.value, nameForm, expectedName); err != nil {
			return err
		}
	}
	if err := checkForm("by", a.By, referenceForm, expectedReference); err != nil {
		return err
	}
	switch {
	case a.UntilMS != 0 && a.UntilMS <= a.FromMS:
		return invalid("body.until_ms", "it ends before it begins", a.UntilMS)
	case a.Permanent && a.UntilMS != 0:
		return invalid("body.until_ms", "what is permanent has no end", a.UntilMS)
	case a.Act == "visit-announce" && a.UserCode == "" && a.Person == "":
		return invalid("body.user_code", "visit-announce needs a user_code, or a person", nil)
	case a.Act == "consigne-set" && a.Text == "" && len(a.Steps) == 0:
		return invalid("body.steps", "consigne-set needs steps, or a text", nil)
	}
	known := eventClasses()
	for i, c := range a.Classes {
		if !slices.Contains(known, c) {
			return invalid(fmt.Sprintf("body.classes[%d]", i), "no class of alarms has this name; intrusion is one", c)
		}
	}
	return nil
}

// nameIt gives a new thing without a name one that each site of a group has, too.
func (a *SiteAction) nameIt(user, key string) string {
	names := map[string]*string{
		"consigne-set": &a.Consigne, "consigne-withdraw": &a.Consigne, "closure-declare": &a.Closure, "closure-lift": &a.Closure,
		"visit-announce": &a.Visit, "reopening-plan": &a.Reopening, "reopening-withdraw": &a.Reopening,
	}
	name, ok := names[a.Act]
	if !ok {
		return ""
	}
	if *name == "" {
		*name = madeUp(user, key, a.Act)
	}
	return *name
}

// fill sets the body of the act's event; the request has been checked.
func (a *SiteAction) fill(e *vigiev1.Event, s *sealing) {
	switch a.Act {
	case "consigne-set":
		e.Body = &vigiev1.Event_ConsigneSet{ConsigneSet: a.consigneSet(s)}
	case "consigne-withdraw":
		e.Body = &vigiev1.Event_ConsigneWithdrawn{ConsigneWithdrawn: &vigiev1.ConsigneWithdrawn{Consigne: a.Consigne}}
	case "closure-declare":
		e.Body = &vigiev1.Event_ClosureDeclared{ClosureDeclared: &vigiev1.ClosureDeclared{
			Closure: a.Closure, DeclaredBy: a.By, AuthenticatedHow: a.AuthenticatedHow, FromMs: a.FromMS, ToMs: a.UntilMS,
		}}
	case "closure-lift":
		e.Body = &vigiev1.Event_ClosureLifted{ClosureLifted: &vigiev1.ClosureLifted{Closure: a.Closure, LiftedBy: a.By, AuthenticatedHow: a.AuthenticatedHow}}
	case "visit-announce":
		e.Body = &vigiev1.Event_VisitAnnounced{VisitAnnounced: &vigiev1.VisitAnnounced{
			Visit: a.Visit, AnnouncedBy: a.By, AuthenticatedHow: a.AuthenticatedHow, UserCode: a.UserCode, Areas: a.Areas,
			FromMs: a.FromMS, ToMs: a.UntilMS, Person: s.text(a.Person),
		}}
	case "reopening-plan", "reopening-withdraw":
		e.Body = &vigiev1.Event_ReopeningPlanned{ReopeningPlanned: &vigiev1.ReopeningPlanned{
			Reopening: a.Reopening, PlannedBy: a.By, AuthenticatedHow: a.AuthenticatedHow, Areas: a.Areas,
			FromMs: a.FromMS, ToMs: a.UntilMS, Withdrawn: a.Act == "reopening-withdraw",
		}}
	default:
		a.fillLife(e, s)
	}
}

// fillLife sets the body of acts of test, connection and call list.
func (a *SiteAction) fillLife(e *vigiev1.Event, s *sealing) {
	switch a.Act {
	case "test-on":
		t := &vigiev1.TestModeSet{On: true, Requester: a.By, AuthenticatedHow: a.AuthenticatedHow, Zones: a.Zones, Areas: a.Areas, UntilMs: a.UntilMS}
		for _, c := range a.Classes {
			t.Classes = append(t.Classes, number[vigiev1.EventClass](c))
		}
		e.Body = &vigiev1.Event_TestModeSet{TestModeSet: t}
	case "test-off":
		e.Body = &vigiev1.Event_TestModeSet{TestModeSet: &vigiev1.TestModeSet{}}
	case "stage":
		e.Body = &vigiev1.Event_ConnectionStage{ConnectionStage: &vigiev1.ConnectionStage{Stage: number[vigiev1.ConnectionStage_Stage](a.Stage), PlannedAtMs: a.PlannedAtMS}}
	case "contacts-set":
		e.Body = &vigiev1.Event_ContactsSet{ContactsSet: &vigiev1.ContactsSet{OnSite: a.OnSite, Elsewhere: a.Elsewhere, Contacts: s.text(a.Contacts)}}
	default:
		panic("desk: act " + a.Act + " passed the schema and has no event")
	}
}

func (a *SiteAction) consigneSet(s *sealing) *vigiev1.ConsigneSet {
	k := &vigiev1.ConsigneSet{
		Consigne: a.Consigne, GivenBy: a.By, AuthenticatedHow: a.AuthenticatedHow, Text: s.text(a.Text), Scope: a.Scope,
		FromMs: a.FromMS, UntilMs: a.UntilMS, Priority: a.Priority, Permanent: a.Permanent,
	}
	for _, x := range a.Steps {
		k.Steps = append(k.Steps, &vigiev1.ConsigneStep{Kind: number[vigiev1.ConsigneStep_Kind](x.Kind), LifeSafety: x.LifeSafety})
	}
	return k
}
