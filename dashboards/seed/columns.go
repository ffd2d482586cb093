package seed

import (
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/services/warehouse"
)

func eventColumns(rows []Event) []warehouse.Column {
	return append(places(rows, func(r *Event) Place { return r.Place }),
		id("event_id", rows, func(r *Event) uuid.UUID { return r.ID }),
		number("site", rows, func(r *Event) uint64 { return r.Site }),
		at("received_at", rows, func(r *Event) time.Time { return r.ReceivedAt }),
		at("occurred_at", rows, func(r *Event) time.Time { return r.ReceivedAt }),
		word("kind", rows, func(r *Event) string { return r.Kind }),
		word("origin", rows, func(r *Event) string { return r.Origin }),
		word("class", rows, func(r *Event) string { return r.Class }),
		word("code", rows, func(r *Event) string { return r.Code }),
		word("area", rows, func(r *Event) string { return r.Area }),
		word("zone", rows, func(r *Event) string { return r.Zone }),
		word("mode", rows, func(r *Event) string { return r.Mode }),
		truth("restored", rows, func(r *Event) bool { return r.Restored }),
		text("account", rows, func(r *Event) string { return r.Account }),
		small("path", rows, func(r *Event) uint8 { return r.Path }),
		word("receiver", rows, func(r *Event) string { return r.Receiver }),
		text("incident", rows, func(r *Event) string { return r.Incident }),
		word("operator", rows, func(r *Event) string { return r.Operator }),
		word("role", rows, func(r *Event) string { return r.Role }),
		word("result", rows, func(r *Event) string { return r.Result }),
		word("outcome", rows, func(r *Event) string { return r.Outcome }))
}

func outcomeColumns(rows []Outcome) []warehouse.Column {
	return append(places(rows, func(r *Outcome) Place { return r.Place }),
		id("event_id", rows, func(r *Outcome) uuid.UUID { return r.EventID }),
		number("site", rows, func(r *Outcome) uint64 { return r.Site }),
		at("received_at", rows, func(r *Outcome) time.Time { return r.ReceivedAt }),
		word("status", rows, func(r *Outcome) string { return r.Status }),
		word("reason", rows, func(r *Outcome) string { return r.Reason }),
		text("incident", rows, func(r *Outcome) string { return r.Incident }))
}

// list takes one figure out of each element of a list.
func list[E, V any](all []E, value func(E) V) []V {
	out := make([]V, len(all))
	for i, e := range all {
		out[i] = value(e)
	}
	return out
}

func stateColumns(rows []SiteState) []warehouse.Column {
	return append(places(rows, func(r *SiteState) Place { return r.Place }),
		id("event_id", rows, func(r *SiteState) uuid.UUID { return r.EventID }),
		number("site", rows, func(r *SiteState) uint64 { return r.Site }),
		at("received_at", rows, func(r *SiteState) time.Time { return r.ReceivedAt }),
		number("version", rows, func(r *SiteState) uint64 { return r.Version }),
		truth("deleted", rows, func(r *SiteState) bool { return r.Deleted }),
		text("label", rows, func(r *SiteState) string { return r.Label }),
		word("site_class", rows, func(r *SiteState) string { return r.SiteClass }),
		truth("undeclared", rows, func(r *SiteState) bool { return r.Undeclared }),
		text("account", rows, func(r *SiteState) string { return r.Account }),
		column("area_names", typeNames, rows, func(r *SiteState) []string { return list(r.Areas, func(a Area) string { return a.Name }) }),
		column("area_modes", typeNames, rows, func(r *SiteState) []string { return list(r.Areas, func(a Area) string { return a.Mode }) }),
		column("area_since", typeTimes, rows, func(r *SiteState) []time.Time { return list(r.Areas, func(a Area) time.Time { return a.Since }) }),
		column("paths", "Array(UInt8)", rows, func(r *SiteState) []uint8 { return list(r.Paths, func(p Path) uint8 { return p.Number }) }),
		column("path_statuses", typeNames, rows, func(r *SiteState) []string { return list(r.Paths, func(p Path) string { return p.Status }) }),
		column("path_last_heard_at", typeTimes, rows, func(r *SiteState) []time.Time {
			return list(r.Paths, func(p Path) time.Time { return p.LastHeard })
		}),
		truth("communication_lost", rows, func(r *SiteState) bool { return r.CommunicationLost }),
		word("closure", rows, func(r *SiteState) string { return r.Closure }),
		at("closed_since", rows, func(r *SiteState) time.Time { return r.ClosedSince }),
		at("closure_changed_at", rows, func(r *SiteState) time.Time { return r.ClosureChangedAt }),
		truth("storm", rows, func(r *SiteState) bool { return r.Storm }),
		column("open_incidents", typeTexts, rows, func(r *SiteState) []string { return append([]string{}, r.OpenIncidents...) }),
		column("open_detections", typeTexts, rows, func(r *SiteState) []string { return append([]string{}, r.OpenDetections...) }),
		number("accepted_events", rows, func(r *SiteState) uint64 { return r.AcceptedEvents }),
		truth("degraded", rows, func(r *SiteState) bool { return r.Degraded }),
		column("site_groups", typeNames, rows, func(r *SiteState) []string { return append([]string{}, r.Groups...) }),
		word("time_zone", rows, func(r *SiteState) string { return r.TimeZone }))
}

func incidentColumns(rows []Incident) []warehouse.Column {
	return append(places(rows, func(r *Incident) Place { return r.Place }),
		id("event_id", rows, func(r *Incident) uuid.UUID { return r.EventID }),
		number("site", rows, func(r *Incident) uint64 { return r.Site }),
		at("received_at", rows, func(r *Incident) time.Time { return r.ReceivedAt }),
		text("incident", rows, func(r *Incident) string { return r.ID }),
		number("version", rows, func(r *Incident) uint64 { return r.Version }),
		truth("deleted", rows, func(r *Incident) bool { return r.Deleted }),
		word("class_group", rows, func(r *Incident) string { return r.ClassGroup }),
		word("class", rows, func(r *Incident) string { return r.Class }),
		word("status", rows, func(r *Incident) string { return r.Status }),
		small("priority", rows, func(r *Incident) uint8 { return r.Priority }),
		at("opened_at", rows, func(r *Incident) time.Time { return r.OpenedAt }),
		at("displayed_at", rows, func(r *Incident) time.Time { return r.DisplayedAt }),
		at("claimed_at", rows, func(r *Incident) time.Time { return r.ClaimedAt }),
		at("first_act_at", rows, func(r *Incident) time.Time { return r.FirstActAt }),
		at("verified_at", rows, func(r *Incident) time.Time { return r.VerifiedAt }),
		at("closed_at", rows, func(r *Incident) time.Time { return r.ClosedAt }),
		at("at_risk_at", rows, func(r *Incident) time.Time { return r.AtRiskAt }),
		at("missed_at", rows, func(r *Incident) time.Time { return r.MissedAt }),
		at("last_alarm_at", rows, func(r *Incident) time.Time { return r.LastAlarmAt }),
		word("claimed_by", rows, func(r *Incident) string { return r.ClaimedBy }),
		word("closed_by", rows, func(r *Incident) string { return r.ClosedBy }),
		word("outcome", rows, func(r *Incident) string { return r.Outcome }),
		number("alarms", rows, func(r *Incident) uint64 { return r.Alarms }),
		column("re_alerts", "UInt32", rows, func(r *Incident) uint32 { return r.ReAlerts }),
		truth("storm", rows, func(r *Incident) bool { return r.Storm }),
		word("zone", rows, func(r *Incident) string { return r.Zone }),
		word("area", rows, func(r *Incident) string { return r.Area }))
}

func detectionColumns(rows []Detection) []warehouse.Column {
	return append(places(rows, func(r *Detection) Place { return r.Place }),
		id("event_id", rows, func(r *Detection) uuid.UUID { return r.ID }),
		number("site", rows, func(r *Detection) uint64 { return r.Site }),
		at("received_at", rows, func(r *Detection) time.Time { return r.ReceivedAt }),
		word("kind", rows, func(r *Detection) string { return r.Kind }),
		word("status", rows, func(r *Detection) string { return r.Status }),
		at("opened_at", rows, func(r *Detection) time.Time { return r.OpenedAt }),
		at("closed_at", rows, func(r *Detection) time.Time { return r.ClosedAt }),
		number("evidence_count", rows, func(r *Detection) uint64 { return r.EvidenceCount }),
		small("path", rows, func(r *Detection) uint8 { return r.Path }),
		word("zone", rows, func(r *Detection) string { return r.Zone }),
		text("incident", rows, func(r *Detection) string { return r.Incident }),
		word("close_reason", rows, func(r *Detection) string { return r.CloseReason }),
		word("group_name", rows, func(r *Detection) string { return r.GroupName }),
		number("group_count", rows, func(r *Detection) uint64 { return r.GroupCount }))
}

func beatColumns(rows []Beat) []warehouse.Column {
	return append(places(rows, func(r *Beat) Place { return r.Place }),
		at("received_at", rows, func(r *Beat) time.Time { return r.ReceivedAt }),
		at("ticked_at", rows, func(r *Beat) time.Time { return r.ReceivedAt }),
		word("writer", rows, func(r *Beat) string { return r.Writer }),
		word("writer_kind", rows, func(r *Beat) string { return r.WriterKind }),
		number("sequence", rows, func(r *Beat) uint64 { return r.Sequence }),
		column("heartbeats", "UInt32", rows, func(r *Beat) uint32 { return r.Heartbeats }))
}

func heartbeatColumns(rows []Heartbeat) []warehouse.Column {
	return append(places(rows, func(r *Heartbeat) Place { return r.Place }),
		number("site", rows, func(r *Heartbeat) uint64 { return r.Site }),
		small("path", rows, func(r *Heartbeat) uint8 { return r.Path }),
		at("received_at", rows, func(r *Heartbeat) time.Time { return r.ReceivedAt }),
		word("receiver", rows, func(r *Heartbeat) string { return r.Receiver }))
}

func rejectedColumns(rows []Rejected) []warehouse.Column {
	return append(places(rows, func(r *Rejected) Place { return r.Place }),
		number("site", rows, func(r *Rejected) uint64 { return r.Site }),
		at("received_at", rows, func(r *Rejected) time.Time { return r.ReceivedAt }),
		word("stage", rows, func(r *Rejected) string { return r.Stage }),
		word("reason", rows, func(r *Rejected) string { return r.Reason }))
}
