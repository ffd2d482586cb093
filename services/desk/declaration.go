package desk

import (
	"fmt"
	"regexp"
	"time"
	_ "time/tzdata" // zones are checked on machines that have no database of their own

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// SiteDeclaration is what a site is: a later one replaces an earlier one whole.
type SiteDeclaration struct {
	Site       uint64        `json:"site" minimum:"1" maximum:"4503599627370495" example:"4711" doc:"Its number, below 2^52."`
	Label      string        `json:"label" minLength:"1" maxLength:"120" doc:"Names no person."`
	Class      string        `json:"class,omitempty" maxLength:"64" example:"shop" doc:"Class whose policy applies; the default one when empty."`
	TimeZone   string        `json:"time_zone" example:"Europe/Paris" maxLength:"64" doc:"IANA zone."`
	Stage      string        `json:"stage,omitempty" enum:"requested,scheduled,installed,tested,in-service,suspended,resigned" doc:"Of its connection; unchanged when empty."`
	Risk       string        `json:"risk,omitempty" enum:"normal,high"`
	Installer  string        `json:"installer,omitempty" maxLength:"64"`
	PanelModel string        `json:"panel_model,omitempty" maxLength:"64"`
	Carrier    string        `json:"carrier,omitempty" maxLength:"64"`
	Region     string        `json:"region,omitempty" maxLength:"64"`
	Areas      []string      `json:"areas,omitempty" maxItems:"64"`
	Groups     []string      `json:"groups,omitempty" maxItems:"64"`
	Accounts   []SiteAccount `json:"accounts,omitempty" maxItems:"16" doc:"Accounts that its panels send under."`
	Paths      []SitePath    `json:"paths,omitempty" maxItems:"15"`
	Zones      []SiteZone    `json:"zones,omitempty" maxItems:"512"`
	Schedule   *SiteSchedule `json:"schedule,omitempty" doc:"Standard schedule; unchanged when absent."`
}

// SiteAccount is an account on a line (DC-09 account prefix).
type SiteAccount struct {
	Line    uint32 `json:"line,omitempty" maximum:"16777215" doc:"DC-09 account prefix; 0 for none."`
	Account string `json:"account" minLength:"1" maxLength:"16" example:"1234"`
}

// SitePath is a supervised path.
type SitePath struct {
	Path          uint32 `json:"path" minimum:"1" maximum:"15" doc:"1 is the primary one."`
	Name          string `json:"name,omitempty" maxLength:"64"`
	IntervalMS    int64  `json:"interval_ms,omitempty" minimum:"0" maximum:"2764800000" doc:"Supervision interval agreed, 20 s to 32 d; 0 by policy. The class demo may go down to 1 s."`
	ReceiverGroup string `json:"receiver_group,omitempty" maxLength:"64" doc:"\"default\" when empty."`
}

// SiteZone is a zone of the panel.
type SiteZone struct {
	Zone       string `json:"zone" minLength:"1" maxLength:"16"`
	Label      string `json:"label,omitempty" maxLength:"64"`
	Area       string `json:"area,omitempty" maxLength:"16"`
	Technology string `json:"technology,omitempty" maxLength:"64"`
}

// SiteSchedule says when a site is expected to be open.
type SiteSchedule struct {
	Hours        []SiteHours `json:"hours,omitempty" maxItems:"70"`
	None         bool        `json:"none,omitempty" doc:"It has no expected opening."`
	CycleMS      int64       `json:"cycle_ms,omitempty" minimum:"0" doc:"Demonstrations: open every cycle …"`
	CycleOpenMS  int64       `json:"cycle_open_ms,omitempty" minimum:"0" doc:"… for this long …"`
	CycleEpochMS int64       `json:"cycle_epoch_ms,omitempty" minimum:"0" doc:"… counted from here, Unix ms."`
}

// SiteHours are opening hours of a weekday.
type SiteHours struct {
	Weekday     uint32 `json:"weekday" minimum:"1" maximum:"7" doc:"1 Monday to 7 Sunday."`
	OpenMinute  uint32 `json:"open_minute" maximum:"1440" doc:"Minutes from local midnight."`
	CloseMinute uint32 `json:"close_minute" maximum:"1440"`
}

const (
	// minInterval is the shortest that EN 50136 systems agree on; demonstrations go below.
	minInterval     = 20 * time.Second
	minDemoInterval = time.Second
	demoClass       = "demo"
	defaultGroup    = "default"
)

var accountForm = regexp.MustCompile(`^[0-9A-Za-z]{1,16}$`)

// checkSites finds what the schema cannot say.
func checkSites(sites []SiteDeclaration) error {
	if len(sites) > maxSites {
		return invalid("body.sites", fmt.Sprintf("%d sites: at most %d are taken at once", len(sites), maxSites), nil)
	}
	bound := map[string]uint64{}
	seen := map[uint64]bool{}
	for i := range sites {
		s, at := &sites[i], "body"
		if len(sites) > 1 {
			at = fmt.Sprintf("body.sites[%d]", i)
		}
		if seen[s.Site] {
			return invalid(at+".site", "the site is declared twice", s.Site)
		}
		seen[s.Site] = true
		if err := s.check(at); err != nil {
			return err
		}
		for j, a := range s.Accounts {
			k := ids.AccountKey(a.Line, a.Account)
			if other, ok := bound[k]; ok {
				return invalid(fmt.Sprintf("%s.accounts[%d]", at, j), fmt.Sprintf("account %s is bound to site %d already in this request", k, other), a.Account)
			}
			bound[k] = s.Site
		}
	}
	return nil
}

func (s *SiteDeclaration) check(at string) error {
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
		return invalid(at+".time_zone", "no IANA time zone has this name; Europe/Paris is one", s.TimeZone)
	}
	for i, a := range s.Accounts {
		if !accountForm.MatchString(a.Account) {
			return invalid(fmt.Sprintf("%s.accounts[%d].account", at, i), "1 to 16 letters and digits are expected", a.Account)
		}
	}
	lowest := minInterval
	if s.Class == demoClass {
		lowest = minDemoInterval
	}
	paths := map[uint32]bool{}
	for i, p := range s.Paths {
		if paths[p.Path] {
			return invalid(fmt.Sprintf("%s.paths[%d].path", at, i), "the path is declared twice", p.Path)
		}
		paths[p.Path] = true
		if p.IntervalMS != 0 && p.IntervalMS < lowest.Milliseconds() {
			return invalid(fmt.Sprintf("%s.paths[%d].interval_ms", at, i), fmt.Sprintf("the shortest interval is %s", lowest), p.IntervalMS)
		}
	}
	return s.Schedule.check(at + ".schedule")
}

func (s *SiteSchedule) check(at string) error {
	if s == nil {
		return nil
	}
	for i, h := range s.Hours {
		if h.CloseMinute <= h.OpenMinute {
			return invalid(fmt.Sprintf("%s.hours[%d]", at, i), "it closes before it opens; hours past midnight are two entries", nil)
		}
	}
	if s.CycleMS > 0 && (s.CycleOpenMS <= 0 || s.CycleOpenMS >= s.CycleMS) {
		return invalid(at+".cycle_open_ms", "an opening is longer than 0 and shorter than the cycle", s.CycleOpenMS)
	}
	if s.None && (len(s.Hours) > 0 || s.CycleMS > 0) {
		return invalid(at+".none", "a site without expected opening has neither hours nor a cycle", nil)
	}
	if !s.None && len(s.Hours) == 0 && s.CycleMS == 0 {
		return invalid(at, "give hours, a cycle, or none: true", nil)
	}
	return nil
}

// events of the declaration, the site's own first.
func (s *SiteDeclaration) events(source *vigiev1.Source, user, key string) []*vigiev1.Event {
	make := func(site uint64, what string, e *vigiev1.Event) *vigiev1.Event {
		id := siteActID(user, key, s.Site, what)
		e.Id, e.Site, e.Source = id[:], site, source
		return e
	}
	list := []*vigiev1.Event{make(s.Site, "declared", &vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: s.declared()}})}
	if s.Schedule != nil {
		list = append(list, make(s.Site, "schedule", &vigiev1.Event{Body: &vigiev1.Event_ScheduleSet{ScheduleSet: s.Schedule.set()}}))
	}
	if s.Stage != "" {
		stage := number[vigiev1.ConnectionStage_Stage](s.Stage)
		list = append(list, make(s.Site, "stage", &vigiev1.Event{Body: &vigiev1.Event_ConnectionStage{ConnectionStage: &vigiev1.ConnectionStage{Stage: stage}}}))
	}
	for _, a := range s.Accounts {
		// Keyed by the account's own number: the first binding in log order wins.
		own := ids.UndeclaredSite(a.Line, a.Account)
		body := &vigiev1.AccountBound{Line: a.Line, Account: ids.Account(a.Account), ToSite: s.Site}
		list = append(list, make(own, "account/"+ids.AccountKey(a.Line, a.Account), &vigiev1.Event{Body: &vigiev1.Event_AccountBound{AccountBound: body}}))
	}
	return list
}

func (s *SiteDeclaration) declared() *vigiev1.SiteDeclared {
	d := &vigiev1.SiteDeclared{
		Label: s.Label, SiteClass: s.Class, TimeZone: s.TimeZone, Areas: s.Areas, Groups: s.Groups,
		Risk: s.Risk, Installer: s.Installer, PanelModel: s.PanelModel, Carrier: s.Carrier, Region: s.Region,
	}
	for _, p := range s.Paths {
		group := p.ReceiverGroup
		if group == "" {
			group = defaultGroup
		}
		d.Paths = append(d.Paths, &vigiev1.PathDeclared{Path: p.Path, Name: p.Name, IntervalMs: p.IntervalMS, ReceiverGroup: group})
	}
	for _, z := range s.Zones {
		d.Zones = append(d.Zones, &vigiev1.ZoneDeclared{Zone: z.Zone, Label: z.Label, Area: z.Area, Technology: z.Technology})
	}
	return d
}

func (s *SiteSchedule) set() *vigiev1.ScheduleSet {
	out := &vigiev1.ScheduleSet{None: s.None, CycleMs: s.CycleMS, CycleOpenMs: s.CycleOpenMS, CycleEpochMs: s.CycleEpochMS}
	for _, h := range s.Hours {
		out.Hours = append(out.Hours, &vigiev1.OpeningHours{Weekday: h.Weekday, OpenMinute: h.OpenMinute, CloseMinute: h.CloseMinute})
	}
	return out
}
