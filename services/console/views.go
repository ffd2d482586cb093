package console

import (
	"cmp"
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/httpserver"
)

// Site is a site as the page shows it: its state and what it was declared as.
type Site struct {
	Site              uint64   `json:"site"`
	Name              string   `json:"name" doc:"S-<n>, as people say it."`
	Version           uint64   `json:"version" doc:"Counts the state's changes; 0 while nothing came from it."`
	ChangedAtMS       int64    `json:"changed_at_ms,omitempty"`
	Label             string   `json:"label,omitempty"`
	Class             string   `json:"class,omitempty"`
	Account           string   `json:"account,omitempty"`
	TimeZone          string   `json:"time_zone,omitempty"`
	Stage             string   `json:"stage,omitempty"`
	Risk              string   `json:"risk,omitempty"`
	Undeclared        bool     `json:"undeclared,omitempty" doc:"It stands for an account that nobody declared."`
	Areas             []Area   `json:"areas,omitempty"`
	OpenZones         []Zone   `json:"open_zones,omitempty"`
	Paths             []Path   `json:"paths,omitempty"`
	CommunicationLost bool     `json:"communication_lost,omitempty"`
	Closure           string   `json:"closure,omitempty" enum:"none,detected,declared,end-to-confirm"`
	ClosedSinceMS     int64    `json:"closed_since_ms,omitempty"`
	Storm             bool     `json:"storm,omitempty"`
	Degraded          bool     `json:"degraded,omitempty" doc:"The fold failed on it; its alarms open incidents by a minimal rule."`
	OpenIncidents     []string `json:"open_incidents,omitempty"`
	AcceptedEvents    uint64   `json:"accepted_events,omitempty"`
	Region            string   `json:"region,omitempty"`
	Groups            []string `json:"groups,omitempty"`
	Plans
}

// Area is an area of a site.
type Area struct {
	Area    string `json:"area,omitempty"`
	Mode    string `json:"mode" enum:"unknown,disarmed,armed-full,armed-part,armed-inhibited"`
	SinceMS int64  `json:"since_ms,omitempty"`
}

// Zone is a zone in alarm.
type Zone struct {
	Zone    string `json:"zone"`
	Area    string `json:"area,omitempty"`
	Class   string `json:"class"`
	SinceMS int64  `json:"since_ms"`
	Alarms  uint32 `json:"alarms"`
}

// Path is a supervised path.
type Path struct {
	Path        uint32 `json:"path"`
	Name        string `json:"name,omitempty"`
	Status      string `json:"status" enum:"never-heard,ok,late,lost"`
	LastHeardMS int64  `json:"last_heard_ms,omitempty" doc:"As of the last change of state, not refreshed by polls."`
	IntervalMS  int64  `json:"interval_ms,omitempty"`
}

// abnormal says that a site asks for a look.
func (s *Site) abnormal() bool {
	if s.CommunicationLost || s.Storm || s.Degraded || s.Undeclared || len(s.OpenZones) > 0 || len(s.OpenIncidents) > 0 {
		return true
	}
	if s.Closure != "" && s.Closure != "none" {
		return true
	}
	return slices.ContainsFunc(s.Paths, func(p Path) bool { return p.Status == "late" || p.Status == "lost" })
}

// siteView joins a state and a directory record; either may be nil, not both.
func siteView(st *vigiev1.SiteState, dir *vigiev1.DirectoryRecord) *Site {
	v := &Site{}
	if dir != nil {
		v.Site, v.Stage = dir.Site, httpserver.EnumName(dir.Stage)
		d := dir.GetDeclared()
		v.Label, v.Class, v.TimeZone, v.Risk, v.Region = d.GetLabel(), d.GetSiteClass(), d.GetTimeZone(), d.GetRisk(), d.GetRegion()
	}
	if st != nil {
		addState(v, st)
	}
	v.Name = ids.Site(v.Site)
	return v
}

func addState(v *Site, st *vigiev1.SiteState) {
	v.Site, v.Version, v.ChangedAtMS = st.Site, st.Version, st.ChangedAtMs
	v.Label, v.Class = cmp.Or(v.Label, st.Label), cmp.Or(v.Class, st.SiteClass)
	v.TimeZone, v.Account, v.Undeclared = cmp.Or(v.TimeZone, st.TimeZone), st.Account, st.Undeclared
	v.CommunicationLost, v.Storm, v.Degraded = st.CommunicationLost, st.Storm, st.Degraded
	v.Closure, v.ClosedSinceMS = httpserver.EnumName(st.Closure), st.ClosedSinceMs
	v.OpenIncidents, v.AcceptedEvents = st.OpenIncidents, st.AcceptedEvents
	v.Groups, v.Plans = st.Groups, plansOf(st)
	for _, a := range st.Areas {
		v.Areas = append(v.Areas, Area{a.Area, httpserver.EnumName(a.Mode), a.SinceMs})
	}
	for _, z := range st.OpenZones {
		v.OpenZones = append(v.OpenZones, Zone{z.Zone, z.Area, httpserver.EnumName(z.Class), z.SinceMs, z.Alarms})
	}
	for _, p := range st.Paths {
		v.Paths = append(v.Paths, Path{p.Path, p.Name, httpserver.EnumName(p.Status), p.LastHeardMs, p.IntervalMs})
	}
}

// Detection is a detection as the page shows it.
type Detection struct {
	ID            string   `json:"id"`
	Site          uint64   `json:"site"`
	Kind          string   `json:"kind" example:"communication-lost"`
	Status        string   `json:"status" enum:"opened,updated,closed"`
	AtMS          int64    `json:"at_ms"`
	OpenedAtMS    int64    `json:"opened_at_ms"`
	ClosedAtMS    int64    `json:"closed_at_ms,omitempty"`
	CloseReason   string   `json:"close_reason,omitempty"`
	Path          uint32   `json:"path,omitempty"`
	Zone          string   `json:"zone,omitempty"`
	Area          string   `json:"area,omitempty"`
	Incident      string   `json:"incident,omitempty"`
	Evidence      []string `json:"evidence,omitempty" doc:"Ids of the events that prove it, oldest first."`
	EvidenceCount uint64   `json:"evidence_count,omitempty"`
	PolicyVersion uint64   `json:"policy_version,omitempty"`
	GroupKind     string   `json:"group_kind,omitempty" doc:"Of a detection over many sites (site 0): carrier, receiver, line, region, installer, panel-model, person, all."`
	Group         string   `json:"group,omitempty"`
	Count         uint64   `json:"count,omitempty" doc:"How many sites, alarms, calls or people it is about."`
	Of            uint64   `json:"of,omitempty"`
	Exposed       []uint64 `json:"exposed,omitempty" doc:"Sites for a guard round, those of high risk first."`
	Explanation   Text     `json:"explanation"`
}

// Text is a sentence in the languages of the page.
type Text struct {
	FR string `json:"fr"`
	EN string `json:"en"`
}

func detectionView(d *vigiev1.Detection, explain func(*vigiev1.Detection, string) string) *Detection {
	v := &Detection{
		ID: ids.Show(d.Id), Site: d.Site, Kind: httpserver.EnumName(d.Kind), Status: httpserver.EnumName(d.Status),
		AtMS: d.AtMs, OpenedAtMS: d.OpenedAtMs, ClosedAtMS: d.ClosedAtMs, CloseReason: d.CloseReason,
		Path: d.Path, Zone: d.Zone, Area: d.Area, Incident: d.Incident,
		EvidenceCount: d.EvidenceCount, PolicyVersion: d.PolicyVersion,
		GroupKind: d.GroupKind, Group: d.Group, Count: d.Count, Of: d.Of, Exposed: d.Exposed,
		Explanation: Text{FR: explain(d, "fr"), EN: explain(d, "en")},
	}
	for _, e := range d.Evidence {
		v.Evidence = append(v.Evidence, ids.Show(e))
	}
	return v
}

// Incident is an incident as the page shows it.
type Incident struct {
	ID              string   `json:"id"`
	Site            uint64   `json:"site"`
	Version         uint64   `json:"version"`
	ClassGroup      string   `json:"class_group"`
	Class           string   `json:"class"`
	Status          string   `json:"status" enum:"open,claimed,verified,parked,closed"`
	Priority        uint32   `json:"priority" doc:"1 is the most urgent."`
	ChangedAtMS     int64    `json:"changed_at_ms"`
	OpenedAtMS      int64    `json:"opened_at_ms"`
	ClaimedAtMS     int64    `json:"claimed_at_ms,omitempty"`
	VerifiedAtMS    int64    `json:"verified_at_ms,omitempty"`
	ClosedAtMS      int64    `json:"closed_at_ms,omitempty"`
	RestoredAtMS    int64    `json:"restored_at_ms,omitempty"`
	ClaimedBy       string   `json:"claimed_by,omitempty"`
	ClosedBy        string   `json:"closed_by,omitempty"`
	Means           string   `json:"verification_means,omitempty"`
	Result          string   `json:"verification_result,omitempty"`
	Outcome         string   `json:"outcome,omitempty"`
	Alarms          uint64   `json:"alarms"`
	ReAlerts        uint32   `json:"re_alerts,omitempty"`
	Storm           bool     `json:"storm,omitempty"`
	AtRiskAtMS      int64    `json:"at_risk_at_ms,omitempty" doc:"Unanswered past this it is at risk."`
	MissedAtMS      int64    `json:"missed_at_ms,omitempty" doc:"Unanswered past this it is missed."`
	Zone            string   `json:"zone,omitempty"`
	Area            string   `json:"area,omitempty"`
	LastAlarmMS     int64    `json:"last_alarm_at_ms,omitempty"`
	Evidence        []string `json:"evidence,omitempty"`
	Acts            []Act    `json:"acts,omitempty"`
	Consigne        string   `json:"consigne,omitempty" doc:"The one in force when it opened; default when none was."`
	ConsigneChanged bool     `json:"consigne_changed,omitempty" doc:"Another one is in force now."`
	Steps           []Step   `json:"steps,omitempty" doc:"What the consigne asks for, in this order."`
	OnTest          bool     `json:"on_test,omitempty"`
	LateArrival     bool     `json:"late_arrival,omitempty" doc:"Its alarms were old when they came."`
	CallSiteHidden  bool     `json:"call_site_hidden,omitempty" doc:"Nobody calls the site: whoever is there may be under threat."`
	Level           uint32   `json:"level,omitempty" doc:"Alarm validation score, 0 to 4."`
}

// Act is a line of an incident's history.
type Act struct {
	AtMS int64  `json:"at_ms"`
	By   string `json:"by"`
	Act  string `json:"act"`
}

func incidentView(i *vigiev1.Incident) *Incident {
	v := &Incident{
		ID: i.Id, Site: i.Site, Version: i.Version, ClassGroup: i.ClassGroup, Class: httpserver.EnumName(i.Class),
		Status: httpserver.EnumName(i.Status), Priority: i.Priority, ChangedAtMS: i.ChangedAtMs, OpenedAtMS: i.OpenedAtMs,
		ClaimedAtMS: i.ClaimedAtMs, VerifiedAtMS: i.VerifiedAtMs, ClosedAtMS: i.ClosedAtMs, RestoredAtMS: i.RestoredAtMs,
		ClaimedBy: i.ClaimedBy, ClosedBy: i.ClosedBy, Means: httpserver.EnumName(i.VerificationMeans),
		Result: httpserver.EnumName(i.VerificationResult), Outcome: httpserver.EnumName(i.Outcome), Alarms: i.Alarms,
		ReAlerts: i.ReAlerts, Storm: i.Storm, AtRiskAtMS: i.AtRiskAtMs, MissedAtMS: i.MissedAtMs,
		Zone: i.Zone, Area: i.Area, LastAlarmMS: i.LastAlarmAtMs,
		Consigne: i.Consigne, ConsigneChanged: i.ConsigneChanged, Steps: stepsOf(i.Steps), OnTest: i.OnTest,
		LateArrival: i.LateArrival, CallSiteHidden: i.CallSiteHidden, Level: i.Level,
	}
	for _, e := range i.Evidence {
		v.Evidence = append(v.Evidence, ids.Show(e))
	}
	for _, a := range i.Acts {
		v.Acts = append(v.Acts, Act{a.AtMs, a.By, a.Act})
	}
	return v
}

// Outcome is what became of an event, as the live stream says it.
type Outcome struct {
	Event    string `json:"event"`
	Site     uint64 `json:"site"`
	Status   string `json:"status" enum:"accepted,heard-again,refused,repeated"`
	AtMS     int64  `json:"at_ms"`
	Reason   string `json:"reason,omitempty"`
	Incident string `json:"incident,omitempty"`
	Holder   string `json:"holder,omitempty"`
	Call     *Call  `json:"call,omitempty" doc:"For an accepted step of a call: what it is by then."`
}

func outcomeView(o *vigiev1.EventOutcome) *Outcome {
	return &Outcome{Event: ids.Show(o.EventId), Site: o.Site, Status: httpserver.EnumName(o.Status), AtMS: o.AtMs, Reason: o.Reason, Incident: o.Incident, Holder: o.Holder, Call: callView(o)}
}
