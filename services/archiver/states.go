package archiver

import (
	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
)

// siteStateRows are rows of the table site_states.
type siteStateRows struct {
	subjects
	version, accepted                          []uint64
	deleted, undeclared, lost, storm, degraded []bool
	label, class, account, closure, timeZone   []string
	areaNames, areaModes, openZones, statuses  [][]string
	areaSince, lastHeard                       [][]int64
	paths                                      [][]uint8
	closedSince, closureChanged                []int64
	openIncidents, openDetections, groups      [][]string
}

func (*siteStateRows) name() string { return "site_states" }

// add appends a state; deleted is a tombstone, whose state names the site only.
func (r *siteStateRows) add(p place, s *vigiev1.SiteState, deleted bool, timestampMS int64) {
	changed := s.GetChangedAtMs()
	if changed == 0 {
		changed = timestampMS
	}
	r.subjects.add(p, s.GetCauseEventId(), s.GetSite(), changed)
	r.version = append(r.version, s.GetVersion())
	r.deleted = append(r.deleted, deleted)
	r.label = append(r.label, s.GetLabel())
	r.class = append(r.class, s.GetSiteClass())
	r.undeclared = append(r.undeclared, s.GetUndeclared())
	r.account = append(r.account, s.GetAccount())
	r.lost = append(r.lost, s.GetCommunicationLost())
	r.closure = append(r.closure, enum(s.GetClosure()))
	r.closedSince = append(r.closedSince, ms(s.GetClosedSinceMs()))
	r.closureChanged = append(r.closureChanged, ms(s.GetClosureChangedAtMs()))
	r.storm = append(r.storm, s.GetStorm())
	r.openIncidents = append(r.openIncidents, list(s.GetOpenIncidents()))
	r.openDetections = append(r.openDetections, list(s.GetOpenDetections()))
	r.accepted = append(r.accepted, s.GetAcceptedEvents())
	r.degraded = append(r.degraded, s.GetDegraded())
	r.groups = append(r.groups, list(s.GetGroups()))
	r.timeZone = append(r.timeZone, s.GetTimeZone())
	r.addAreas(s.GetAreas())
	r.addPaths(s.GetPaths())
	zones := make([]string, 0, len(s.GetOpenZones()))
	for _, z := range s.GetOpenZones() {
		zones = append(zones, z.GetZone())
	}
	r.openZones = append(r.openZones, zones)
}

func (r *siteStateRows) addAreas(areas []*vigiev1.AreaState) {
	names, modes, since := make([]string, 0, len(areas)), make([]string, 0, len(areas)), make([]int64, 0, len(areas))
	for _, a := range areas {
		names, modes, since = append(names, a.GetArea()), append(modes, enum(a.GetMode())), append(since, ms(a.GetSinceMs()))
	}
	r.areaNames, r.areaModes, r.areaSince = append(r.areaNames, names), append(r.areaModes, modes), append(r.areaSince, since)
}

func (r *siteStateRows) addPaths(all []*vigiev1.PathState) {
	paths, statuses, heard := make([]uint8, 0, len(all)), make([]string, 0, len(all)), make([]int64, 0, len(all))
	for _, p := range all {
		paths, statuses, heard = append(paths, u8(p.GetPath())), append(statuses, enum(p.GetStatus())), append(heard, ms(p.GetLastHeardMs()))
	}
	r.paths, r.statuses, r.lastHeard = append(r.paths, paths), append(r.statuses, statuses), append(r.lastHeard, heard)
}

// list makes an empty list of none, which the driver's columns expect.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (r *siteStateRows) columns() []warehouse.Column {
	const times = "Array(DateTime64(3, 'UTC'))"
	return append(r.subjects.columns(),
		warehouse.Column{Name: "version", Type: "UInt64", Values: r.version}, truth("deleted", r.deleted),
		text("label", r.label), word("site_class", r.class), truth("undeclared", r.undeclared), text("account", r.account),
		warehouse.Column{Name: "area_names", Type: typeNames, Values: r.areaNames},
		warehouse.Column{Name: "area_modes", Type: typeNames, Values: r.areaModes},
		warehouse.Column{Name: "area_since", Type: times, Values: r.areaSince},
		warehouse.Column{Name: "open_zones", Type: typeTexts, Values: r.openZones},
		warehouse.Column{Name: "paths", Type: "Array(UInt8)", Values: r.paths},
		warehouse.Column{Name: "path_statuses", Type: typeNames, Values: r.statuses},
		warehouse.Column{Name: "path_last_heard_at", Type: times, Values: r.lastHeard},
		truth("communication_lost", r.lost), word("closure", r.closure), at("closed_since", r.closedSince),
		at("closure_changed_at", r.closureChanged),
		truth("storm", r.storm), warehouse.Column{Name: "open_incidents", Type: typeTexts, Values: r.openIncidents},
		warehouse.Column{Name: "open_detections", Type: typeTexts, Values: r.openDetections},
		warehouse.Column{Name: "accepted_events", Type: "UInt64", Values: r.accepted}, truth("degraded", r.degraded),
		warehouse.Column{Name: "site_groups", Type: typeNames, Values: r.groups}, word("time_zone", r.timeZone))
}

// incidentRows are rows of the table incidents.
type incidentRows struct {
	subjects
	incident, classGroup, class, status                              []string
	version, alarms                                                  []uint64
	deleted, storm                                                   []bool
	priority                                                         []uint8
	opened, displayed, claimed, firstAct, verified, closed, restored []int64
	atRisk, missed, lastAlarm                                        []int64
	claimedBy, closedBy, means, result, outcome, zone, area          []string
	reAlerts                                                         []uint32
	evidence                                                         [][]uuid.UUID
	consigne                                                         []string
	level                                                            []uint8
	occurred                                                         []int64
	consigneChanged, late, onTest, autoClosed                        []bool
}

func (*incidentRows) name() string { return "incidents" }

// add appends an incident; deleted is a tombstone, which names the incident only.
func (r *incidentRows) add(p place, x *vigiev1.Incident, deleted bool, timestampMS int64) {
	changed := x.GetChangedAtMs()
	if changed == 0 {
		changed = timestampMS
	}
	var opening []byte
	if e := x.GetEvidence(); len(e) > 0 {
		opening = e[0]
	}
	r.subjects.add(p, opening, x.GetSite(), changed)
	r.incident = append(r.incident, x.GetId())
	r.version = append(r.version, x.GetVersion())
	r.deleted = append(r.deleted, deleted)
	r.classGroup = append(r.classGroup, x.GetClassGroup())
	r.class = append(r.class, enum(x.GetClass()))
	r.status = append(r.status, enum(x.GetStatus()))
	r.priority = append(r.priority, u8(x.GetPriority()))
	r.opened = append(r.opened, ms(x.GetOpenedAtMs()))
	r.displayed = append(r.displayed, ms(x.GetDisplayedAtMs()))
	r.claimed = append(r.claimed, ms(x.GetClaimedAtMs()))
	r.firstAct = append(r.firstAct, ms(x.GetFirstActAtMs()))
	r.verified = append(r.verified, ms(x.GetVerifiedAtMs()))
	r.closed = append(r.closed, ms(x.GetClosedAtMs()))
	r.restored = append(r.restored, ms(x.GetRestoredAtMs()))
	r.atRisk = append(r.atRisk, ms(x.GetAtRiskAtMs()))
	r.missed = append(r.missed, ms(x.GetMissedAtMs()))
	r.lastAlarm = append(r.lastAlarm, ms(x.GetLastAlarmAtMs()))
	r.addEnding(x)
}

func (r *incidentRows) addEnding(x *vigiev1.Incident) {
	r.claimedBy = append(r.claimedBy, x.GetClaimedBy())
	r.closedBy = append(r.closedBy, x.GetClosedBy())
	r.means = append(r.means, enum(x.GetVerificationMeans()))
	r.result = append(r.result, enum(x.GetVerificationResult()))
	r.outcome = append(r.outcome, enum(x.GetOutcome()))
	r.alarms = append(r.alarms, x.GetAlarms())
	r.reAlerts = append(r.reAlerts, x.GetReAlerts())
	r.evidence = append(r.evidence, uuids(x.GetEvidence()))
	r.storm = append(r.storm, x.GetStorm())
	r.zone = append(r.zone, x.GetZone())
	r.area = append(r.area, x.GetArea())
	r.consigne = append(r.consigne, x.GetConsigne())
	r.consigneChanged = append(r.consigneChanged, x.GetConsigneChanged())
	r.level = append(r.level, u8(x.GetLevel()))
	r.occurred = append(r.occurred, ms(x.GetOccurredAtMs()))
	r.late = append(r.late, x.GetLateArrival())
	r.onTest = append(r.onTest, x.GetOnTest())
	r.autoClosed = append(r.autoClosed, x.GetAutoClosed())
}

func (r *incidentRows) columns() []warehouse.Column {
	return append(r.subjects.columns(),
		text("incident", r.incident), warehouse.Column{Name: "version", Type: "UInt64", Values: r.version},
		truth("deleted", r.deleted), word("class_group", r.classGroup), word("class", r.class), word("status", r.status),
		warehouse.Column{Name: "priority", Type: "UInt8", Values: r.priority},
		at("opened_at", r.opened), at("displayed_at", r.displayed), at("claimed_at", r.claimed), at("first_act_at", r.firstAct),
		at("verified_at", r.verified), at("closed_at", r.closed), at("restored_at", r.restored), at("at_risk_at", r.atRisk),
		at("missed_at", r.missed), at("last_alarm_at", r.lastAlarm), word("claimed_by", r.claimedBy), word("closed_by", r.closedBy),
		word("verification_means", r.means), word("verification_result", r.result), word("outcome", r.outcome),
		warehouse.Column{Name: "alarms", Type: "UInt64", Values: r.alarms},
		warehouse.Column{Name: "re_alerts", Type: "UInt32", Values: r.reAlerts},
		warehouse.Column{Name: "evidence", Type: typeIDs, Values: r.evidence}, truth("storm", r.storm),
		word("zone", r.zone), word("area", r.area), text("consigne", r.consigne), truth("consigne_changed", r.consigneChanged),
		warehouse.Column{Name: "level", Type: "UInt8", Values: r.level}, at("occurred_at", r.occurred),
		truth("late_arrival", r.late), truth("on_test", r.onTest), truth("auto_closed", r.autoClosed))
}
