package expect

import (
	"cmp"
	"slices"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// people are the answers about those who work and what was done.
func people(h *seed.History, name string, a Args) (any, bool) {
	switch name {
	case "incident_steps":
		return IncidentSteps(h, a), true
	case "false_alarms":
		return FalseAlarms(h, a), true
	case "operator_load":
		return OperatorLoad(h, a), true
	case "alarm_floods":
		return AlarmFloods(h, a), true
	case "staffing":
		return Staffing(h, a), true
	case "site_audit":
		return SiteAudit(h, a), true
	case "operator_audit":
		return OperatorAudit(h, a), true
	}
	return nil, false
}

// lastVersions are the incidents of all times as they were last, forgotten or not.
func lastVersions(h *seed.History) map[string]seed.Incident {
	last := map[string]seed.Incident{}
	for _, i := range h.Incidents {
		if !i.Deleted {
			last[i.ID] = i
		}
	}
	return last
}

// quantile is the exact one of ClickHouse; all is sorted.
func quantile(all []int64, level float64) int64 {
	if len(all) == 0 {
		return 0
	}
	return all[int(level*float64(len(all)))]
}

// IncidentSteps takes the time between two clocks, one step after the other.
func IncidentSteps(h *seed.History, a Args) []queries.IncidentStep {
	names := []string{"claimed", "first_act", "verified", "closed", "whole"}
	type key struct{ class, step string }
	took := map[key][]int64{}
	for _, i := range lastVersions(h) {
		if !a.inside(i.OpenedAt) {
			continue
		}
		starts := []time.Time{i.OpenedAt, i.ClaimedAt, i.FirstActAt, i.VerifiedAt, i.OpenedAt}
		for n, end := range []time.Time{i.ClaimedAt, i.FirstActAt, i.VerifiedAt, i.ClosedAt, i.ClosedAt} {
			if !starts[n].Equal(seed.Never) && !end.Before(starts[n]) {
				k := key{i.Class, names[n]}
				took[k] = append(took[k], end.Sub(starts[n]).Milliseconds())
			}
		}
	}
	rows := map[key]*queries.IncidentStep{}
	for k, all := range took {
		slices.Sort(all)
		rows[k] = &queries.IncidentStep{Class: k.class, Step: k.step, Incidents: uint64(len(all)),
			P50MS: quantile(all, 0.5), P90MS: quantile(all, 0.9), MaxMS: all[len(all)-1]}
	}
	return sorted(rows, func(x, y queries.IncidentStep) int {
		return cmp.Or(cmp.Compare(x.Class, y.Class), cmp.Compare(slices.Index(names, x.Step), slices.Index(names, y.Step)))
	})
}

// isFalse says whether an incident turned out to be about nothing.
func isFalse(i seed.Incident) bool {
	return slices.Contains([]string{"user_error", "technical_fault", "works_or_visit", "animal_or_weather", "unannounced_test", "power_cut"}, i.Outcome)
}

// FalseAlarms counts outcomes.
func FalseAlarms(h *seed.History, a Args) []queries.FalseAlarmShare {
	rows := map[string]*queries.FalseAlarmShare{}
	for _, i := range lastVersions(h) {
		if i.ClosedAt.Equal(seed.Never) || !a.inside(i.ClosedAt) || i.Outcome == "on_test" {
			continue
		}
		if rows[i.Class] == nil {
			rows[i.Class] = &queries.FalseAlarmShare{Class: i.Class}
		}
		r := rows[i.Class]
		r.Closed++
		switch i.Outcome {
		case "burglary", "attempt", "hold_up", "fire":
			r.Real++
		default:
			if isFalse(i) {
				r.FalseAlarms++
			} else {
				r.Undetermined++
			}
		}
	}
	for _, r := range rows {
		if known := r.Real + r.FalseAlarms; known > 0 {
			share := float64(r.FalseAlarms) / float64(known)
			r.ShareFalse = &share
		}
	}
	return sorted(rows, func(x, y queries.FalseAlarmShare) int { return cmp.Compare(x.Class, y.Class) })
}

const tenMinutes = 10 * time.Minute

// statuses is what became of each event of which something is said.
func statuses(h *seed.History) map[[16]byte]seed.Outcome {
	said := map[[16]byte]seed.Outcome{}
	for _, o := range h.Outcomes {
		said[o.EventID] = o
	}
	return said
}

// actsOf are the events of people in the range.
func actsOf(h *seed.History, a Args) []seed.Event {
	return slices.DeleteFunc(slices.Clone(h.Events), func(e seed.Event) bool {
		return e.Origin != "user" || e.Operator == "" || !a.inside(e.ReceivedAt)
	})
}

// OperatorLoad counts each person's acts.
func OperatorLoad(h *seed.History, a Args) []queries.OperatorWork {
	said := statuses(h)
	rows := map[string]*queries.OperatorWork{}
	slots := map[string]map[int64]uint64{}
	for _, e := range actsOf(h, a) {
		if s := said[e.ID].Status; s == "refused" || s == "repeated" {
			continue
		}
		if rows[e.Operator] == nil {
			rows[e.Operator], slots[e.Operator] = &queries.OperatorWork{Operator: e.Operator}, map[int64]uint64{}
		}
		r := rows[e.Operator]
		r.Acts++
		if e.Kind == "incident_claimed" {
			r.Claimed++
		}
		slot := e.ReceivedAt.UnixMilli() / tenMinutes.Milliseconds()
		slots[e.Operator][slot]++
		r.BusiestTenMinutes = max(r.BusiestTenMinutes, slots[e.Operator][slot])
	}
	took := map[string][]int64{}
	for _, i := range lastVersions(h) {
		if !i.ClosedAt.Equal(seed.Never) && a.inside(i.ClosedAt) && !i.ClaimedAt.Equal(seed.Never) {
			took[i.ClosedBy] = append(took[i.ClosedBy], i.ClosedAt.Sub(i.ClaimedAt).Milliseconds())
		}
	}
	for who, r := range rows {
		slices.Sort(took[who])
		r.Closed, r.MedianHandlingMS, r.P90HandlingMS = uint64(len(took[who])), quantile(took[who], 0.5), quantile(took[who], 0.9)
	}
	return sorted(rows, func(x, y queries.OperatorWork) int { return cmp.Compare(x.Operator, y.Operator) })
}

// AlarmFloods looks at each ten minutes.
func AlarmFloods(h *seed.History, a Args) []queries.AlarmFlood {
	rows := map[int64]*queries.AlarmFlood{}
	who := map[int64]map[string]bool{}
	for _, e := range acceptedAlarms(h) {
		if !a.inside(e.ReceivedAt) {
			continue
		}
		slot := e.ReceivedAt.UnixMilli() / tenMinutes.Milliseconds()
		if rows[slot] == nil {
			rows[slot], who[slot] = &queries.AlarmFlood{BeganAt: time.UnixMilli(slot * tenMinutes.Milliseconds()).UTC()}, map[string]bool{}
		}
		rows[slot].Alarms++
	}
	for _, e := range actsOf(h, a) {
		if slot := e.ReceivedAt.UnixMilli() / tenMinutes.Milliseconds(); rows[slot] != nil {
			who[slot][e.Operator] = true
		}
	}
	for slot, r := range rows {
		r.Operators = uint64(len(who[slot]))
		r.PerOperator = float64(r.Alarms) / float64(max(r.Operators, 1))
		if r.Alarms <= uint64(a.Limit)*max(r.Operators, 1) {
			delete(rows, slot)
		}
	}
	return sorted(rows, func(x, y queries.AlarmFlood) int { return x.BeganAt.Compare(y.BeganAt) })
}

// Staffing lays each incident over the buckets.
func Staffing(h *seed.History, a Args) []queries.StaffingBucket {
	out := []queries.StaffingBucket{}
	last, acts := lastVersions(h), actsOf(h, a)
	for _, t := range a.buckets() {
		r := queries.StaffingBucket{Time: t}
		begin, end := t, a.end(t)
		if begin.Before(a.From) {
			begin = a.From
		}
		for _, i := range last {
			if i.ClaimedAt.Equal(seed.Never) {
				continue
			}
			from, to := i.ClaimedAt, i.ClosedAt
			if from.Before(begin) {
				from = begin
			}
			if to.Equal(seed.Never) || to.After(end) {
				to = end
			}
			r.WorkMS += max(0, to.Sub(from).Milliseconds())
		}
		width := end.Sub(begin).Milliseconds()
		r.Needed = uint64((r.WorkMS + width - 1) / width)
		who := map[string]bool{}
		for _, e := range acts {
			if !e.ReceivedAt.Before(begin) && e.ReceivedAt.Before(end) {
				who[e.Operator] = true
			}
		}
		r.Present = uint64(len(who))
		r.Short = uint64(max(0, int64(r.Needed)-int64(r.Present)))
		out = append(out, r)
	}
	return out
}

// trail are the events that are wanted, oldest first, at most as many as asked for.
func trail(h *seed.History, a Args, wanted func(seed.Event) bool) []seed.Event {
	all := slices.DeleteFunc(slices.Clone(h.Events), func(e seed.Event) bool { return !a.inside(e.ReceivedAt) || !wanted(e) })
	slices.SortFunc(all, func(x, y seed.Event) int {
		return cmp.Or(x.ReceivedAt.Compare(y.ReceivedAt), cmp.Compare(x.Partition, y.Partition), cmp.Compare(x.Offset, y.Offset))
	})
	return all[:min(len(all), a.Limit)]
}

// SiteAudit lists what was said of a site.
func SiteAudit(h *seed.History, a Args) []queries.SiteRecord {
	said, rows := statuses(h), []queries.SiteRecord{}
	for _, e := range trail(h, a, func(e seed.Event) bool { return e.Site == a.Site }) {
		o := said[e.ID]
		rows = append(rows, queries.SiteRecord{ReceivedAt: e.ReceivedAt, Kind: e.Kind, Origin: e.Origin, Operator: e.Operator, Class: e.Class,
			Code: e.Code, Zone: e.Zone, Incident: e.Incident, Result: cmp.Or(e.Outcome, e.Result), Status: o.Status, Reason: o.Reason})
	}
	return rows
}

// OperatorAudit lists what a person did.
func OperatorAudit(h *seed.History, a Args) []queries.OperatorAct {
	said, rows := statuses(h), []queries.OperatorAct{}
	for _, e := range trail(h, a, func(e seed.Event) bool { return e.Origin == "user" && e.Operator == a.Operator }) {
		o := said[e.ID]
		rows = append(rows, queries.OperatorAct{ReceivedAt: e.ReceivedAt, Kind: e.Kind, Site: e.Site, Incident: e.Incident,
			Result: cmp.Or(e.Outcome, e.Result), Status: o.Status, Reason: o.Reason})
	}
	return rows
}
