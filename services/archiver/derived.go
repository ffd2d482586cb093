package archiver

import (
	"github.com/google/uuid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
)

// detectionRows are rows of the table detections.
type detectionRows struct {
	subjects
	kind, status                 []string
	opened, closed, lastHeard    []int64
	evidence                     [][]uuid.UUID
	evidenceCount, policyVersion []uint64
	path                         []uint8
	zone, area, incident, reason []string
	interval, window             []int64
	threshold                    []uint32
	facts                        [][]string
	until                        []int64
	groupKind, group             []string
	count, of, usual             []uint64
	exposed                      [][]uint64
}

func (*detectionRows) name() string { return "detections" }

func (r *detectionRows) add(p place, d *vigiev1.Detection) {
	r.subjects.add(p, d.GetId(), d.GetSite(), d.GetAtMs())
	r.kind = append(r.kind, enum(d.GetKind()))
	r.status = append(r.status, enum(d.GetStatus()))
	r.opened = append(r.opened, ms(d.GetOpenedAtMs()))
	r.closed = append(r.closed, ms(d.GetClosedAtMs()))
	r.evidence = append(r.evidence, uuids(d.GetEvidence()))
	r.evidenceCount = append(r.evidenceCount, d.GetEvidenceCount())
	r.path = append(r.path, u8(d.GetPath()))
	r.zone = append(r.zone, d.GetZone())
	r.area = append(r.area, d.GetArea())
	r.interval = append(r.interval, d.GetIntervalMs())
	r.threshold = append(r.threshold, d.GetThreshold())
	r.window = append(r.window, d.GetWindowMs())
	r.policyVersion = append(r.policyVersion, d.GetPolicyVersion())
	r.lastHeard = append(r.lastHeard, ms(d.GetLastHeardMs()))
	r.incident = append(r.incident, d.GetIncident())
	r.reason = append(r.reason, d.GetCloseReason())
	r.facts = append(r.facts, append([]string{}, d.GetFacts()...))
	r.until = append(r.until, ms(d.GetUntilMs()))
	r.groupKind = append(r.groupKind, d.GetGroupKind())
	r.group = append(r.group, d.GetGroup())
	r.count = append(r.count, d.GetCount())
	r.of = append(r.of, d.GetOf())
	r.usual = append(r.usual, d.GetUsualMilli())
	r.exposed = append(r.exposed, append([]uint64{}, d.GetExposed()...))
}

func (r *detectionRows) columns() []warehouse.Column {
	return append(r.subjects.columns(),
		word("kind", r.kind), word("status", r.status), at("opened_at", r.opened), at("closed_at", r.closed),
		warehouse.Column{Name: "evidence", Type: typeIDs, Values: r.evidence},
		warehouse.Column{Name: "evidence_count", Type: "UInt64", Values: r.evidenceCount},
		warehouse.Column{Name: "path", Type: "UInt8", Values: r.path}, word("zone", r.zone), word("area", r.area),
		warehouse.Column{Name: "interval_ms", Type: "Int64", Values: r.interval},
		warehouse.Column{Name: "threshold", Type: "UInt32", Values: r.threshold},
		warehouse.Column{Name: "window_ms", Type: "Int64", Values: r.window},
		warehouse.Column{Name: "policy_version", Type: "UInt64", Values: r.policyVersion},
		at("last_heard_at", r.lastHeard), text("incident", r.incident), word("close_reason", r.reason),
		warehouse.Column{Name: "facts", Type: typeNames, Values: r.facts}, at("until_at", r.until),
		word("group_kind", r.groupKind), word("group_name", r.group),
		warehouse.Column{Name: "group_count", Type: "UInt64", Values: r.count}, warehouse.Column{Name: "group_of", Type: "UInt64", Values: r.of},
		warehouse.Column{Name: "usual_milli", Type: "UInt64", Values: r.usual}, warehouse.Column{Name: "exposed", Type: "Array(UInt64)", Values: r.exposed})
}

// outcomeRows are rows of the table outcomes.
type outcomeRows struct {
	subjects
	status, reason, incident, holder []string
	first                            []uuid.UUID
	calls                            callColumns
}

// callColumns are what the outcome of a call's step says of the call.
type callColumns struct {
	call, step, by, to, reason []string
	offered, answered, ended   []int64
	site                       []uint64
	within                     []int64
	satisfaction, share        []uint8
}

func (c *callColumns) add(f *vigiev1.CallFacts) {
	c.call = append(c.call, f.GetCall())
	c.step = append(c.step, enum(f.GetStep()))
	c.by = append(c.by, f.GetAnsweredBy())
	c.to = append(c.to, f.GetTransferredTo())
	c.reason = append(c.reason, f.GetReason())
	c.offered = append(c.offered, ms(f.GetOfferedAtMs()))
	c.answered = append(c.answered, ms(f.GetAnsweredAtMs()))
	c.ended = append(c.ended, ms(f.GetEndedAtMs()))
	c.site = append(c.site, f.GetAboutSite())
	c.within = append(c.within, f.GetAnswerWithinMs())
	c.satisfaction = append(c.satisfaction, u8(f.GetSatisfaction()))
	c.share = append(c.share, u8(f.GetAnswerSharePercent()))
}

func (c *callColumns) columns() []warehouse.Column {
	return []warehouse.Column{
		text("call", c.call), word("call_step", c.step), at("call_offered_at", c.offered), at("call_answered_at", c.answered),
		word("call_answered_by", c.by), at("call_ended_at", c.ended), word("call_transferred_to", c.to),
		{Name: "call_about_site", Type: "UInt64", Values: c.site}, word("call_reason", c.reason),
		{Name: "call_satisfaction", Type: "UInt8", Values: c.satisfaction}, {Name: "call_within_ms", Type: "Int64", Values: c.within},
		{Name: "call_share_percent", Type: "UInt8", Values: c.share},
	}
}

func (*outcomeRows) name() string { return "outcomes" }

func (r *outcomeRows) add(p place, o *vigiev1.EventOutcome) {
	r.subjects.add(p, o.GetEventId(), o.GetSite(), o.GetAtMs())
	r.status = append(r.status, enum(o.GetStatus()))
	r.reason = append(r.reason, o.GetReason())
	r.incident = append(r.incident, o.GetIncident())
	r.holder = append(r.holder, o.GetHolder())
	r.first = append(r.first, id(o.GetFirstEventId()))
	r.calls.add(o.GetCall())
}

func (r *outcomeRows) columns() []warehouse.Column {
	own := append(r.subjects.columns(), word("status", r.status), word("reason", r.reason), text("incident", r.incident),
		word("holder", r.holder), warehouse.Column{Name: "first_event_id", Type: "UUID", Values: r.first})
	return append(own, r.calls.columns()...)
}

// rejectedRows are rows of the table rejected.
type rejectedRows struct {
	subjects
	stage, source, reason, detail, remote, topic []string
	length                                       []uint64
	partition                                    []int32
	offset                                       []int64
}

func (*rejectedRows) name() string { return "rejected" }

func (r *rejectedRows) add(p place, x *vigiev1.Rejected) {
	r.subjects.add(p, nil, 0, x.GetAtMs())
	r.stage = append(r.stage, x.GetStage())
	r.source = append(r.source, x.GetSource())
	r.reason = append(r.reason, x.GetReason())
	r.detail = append(r.detail, x.GetDetail())
	r.length = append(r.length, x.GetRawLength())
	r.remote = append(r.remote, x.GetRemote())
	r.topic = append(r.topic, x.GetTopic())
	r.partition = append(r.partition, x.GetPartition())
	r.offset = append(r.offset, x.GetOffset())
}

func (r *rejectedRows) columns() []warehouse.Column {
	return append(r.subjects.columns(), word("stage", r.stage), word("source", r.source), word("reason", r.reason),
		text("detail", r.detail), warehouse.Column{Name: "raw_length", Type: "UInt64", Values: r.length},
		word("remote", r.remote), word("of_topic", r.topic),
		warehouse.Column{Name: "of_partition", Type: "Int32", Values: r.partition},
		warehouse.Column{Name: "of_offset", Type: "Int64", Values: r.offset})
}

// undecodableRows are rows of the table undecodable.
type undecodableRows struct {
	subjects
	topic, reason, sum []string
	length             []uint64
	// refusedBy is the table that ClickHouse would not have it in.
	refusedBy []string
}

func (*undecodableRows) name() string { return "undecodable" }

func (r *undecodableRows) add(p place, topic, reason string, length int, sum string, timestampMS int64) {
	r.subjects.add(p, nil, 0, timestampMS)
	r.topic = append(r.topic, topic)
	r.reason = append(r.reason, reason)
	r.length = append(r.length, uint64(length))
	r.sum = append(r.sum, sum)
	r.refusedBy = append(r.refusedBy, "")
}

func (r *undecodableRows) columns() []warehouse.Column {
	return append(r.subjects.columns(), word("topic", r.topic), text("reason", r.reason),
		warehouse.Column{Name: "value_length", Type: "UInt64", Values: r.length}, text("value_sha256", r.sum), word("refused_by", r.refusedBy))
}
