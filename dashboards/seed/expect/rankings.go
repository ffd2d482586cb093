package expect

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// rankings are the answers about where most of something is.
func rankings(h *seed.History, name string, a Args) (any, bool) {
	switch name {
	case "top_sites":
		return TopSites(h, a), true
	case "top_zones":
		return TopZones(h, a), true
	case "alarm_storms":
		return AlarmStorms(h, a), true
	case "alarms_by_group":
		return AlarmsByGroup(h, a), true
	case "answer_attainment_by_operator":
		return AnswerAttainmentByOperator(h, a), true
	case "answer_attainment_by_hour":
		return AnswerAttainmentByHour(h, a), true
	case "heartbeat_regularity":
		return HeartbeatRegularity(h, a), true
	}
	return nil, false
}

// alarmsOf are the accepted alarms of the range.
func alarmsOf(h *seed.History, a Args) []seed.Event {
	return slices.DeleteFunc(acceptedAlarms(h), func(e seed.Event) bool { return !a.inside(e.ReceivedAt) })
}

// livingAt are the states of the sites that are not gone.
func livingAt(h *seed.History, to time.Time) map[uint64]seed.SiteState {
	states := statesAt(h, to)
	maps.DeleteFunc(states, func(_ uint64, s seed.SiteState) bool { return s.Deleted })
	return states
}

// TopSites counts alarms and incidents of each site.
func TopSites(h *seed.History, a Args) []queries.TopSite {
	states := livingAt(h, a.To)
	rows := map[uint64]*queries.TopSite{}
	for _, e := range alarmsOf(h, a) {
		if rows[e.Site] == nil {
			rows[e.Site] = &queries.TopSite{Site: e.Site, Label: states[e.Site].Label, Groups: strings.Join(states[e.Site].Groups, ", ")}
		}
		rows[e.Site].Alarms++
	}
	for _, i := range lastVersions(h) {
		r := rows[i.Site]
		if r == nil || !a.inside(i.OpenedAt) {
			continue
		}
		r.Incidents++
		if isFalse(i) {
			r.FalseAlarms++
		}
	}
	all := sorted(rows, func(x, y queries.TopSite) int {
		return cmp.Or(cmp.Compare(y.Alarms, x.Alarms), cmp.Compare(x.Site, y.Site))
	})
	return all[:min(len(all), a.Limit)]
}

// TopZones counts the alarms of each zone.
func TopZones(h *seed.History, a Args) []queries.TopZone {
	type zone struct {
		site       uint64
		area, zone string
	}
	states := livingAt(h, a.To)
	rows := map[zone]*queries.TopZone{}
	for _, e := range alarmsOf(h, a) {
		k := zone{e.Site, e.Area, e.Zone}
		if rows[k] == nil {
			rows[k] = &queries.TopZone{Site: e.Site, Label: states[e.Site].Label, Area: e.Area, Zone: e.Zone}
		}
		rows[k].Alarms++
		if e.ReceivedAt.After(rows[k].LastAt) {
			rows[k].LastAt = e.ReceivedAt
		}
	}
	all := sorted(rows, func(x, y queries.TopZone) int {
		return cmp.Or(cmp.Compare(y.Alarms, x.Alarms), cmp.Compare(x.Site, y.Site), cmp.Compare(x.Area, y.Area), cmp.Compare(x.Zone, y.Zone))
	})
	return all[:min(len(all), a.Limit)]
}

// AlarmStorms takes what was known of each storm at the end.
func AlarmStorms(h *seed.History, a Args) []queries.AlarmStorm {
	states := livingAt(h, a.To)
	rows := map[[16]byte]*queries.AlarmStorm{}
	for _, d := range h.Detections {
		if d.Kind != "alarm_storm" && d.Kind != "group_alarm_storm" || !d.ReceivedAt.Before(a.To) {
			continue
		}
		if rows[d.ID] == nil {
			rows[d.ID] = &queries.AlarmStorm{}
		}
		r := rows[d.ID]
		ended := a.To
		if !d.ClosedAt.Equal(seed.Never) {
			ended = d.ClosedAt
		}
		*r = queries.AlarmStorm{Kind: d.Kind, Site: d.Site, Label: states[d.Site].Label, Group: d.GroupName, OpenedAt: d.OpenedAt, ClosedAt: d.ClosedAt,
			Alarms: max(r.Alarms, d.EvidenceCount, d.GroupCount), DurationMS: ended.Sub(d.OpenedAt).Milliseconds()}
	}
	for id, r := range rows {
		ended := r.OpenedAt.Add(time.Duration(r.DurationMS) * time.Millisecond)
		if !a.From.Before(a.To) || !ended.After(a.From) || r.DurationMS == 0 {
			delete(rows, id)
		}
	}
	all := sorted(rows, func(x, y queries.AlarmStorm) int {
		return cmp.Or(cmp.Compare(y.DurationMS, x.DurationMS), cmp.Compare(y.Alarms, x.Alarms), x.OpenedAt.Compare(y.OpenedAt), cmp.Compare(x.Site, y.Site), cmp.Compare(x.Group, y.Group))
	})
	return all[:min(len(all), a.Limit)]
}

// AlarmsByGroup counts the alarms of each group's sites.
func AlarmsByGroup(h *seed.History, a Args) []queries.GroupAlarms {
	type key struct{ group, class string }
	states := livingAt(h, a.To)
	rows, sites := map[key]*queries.GroupAlarms{}, map[key]map[uint64]bool{}
	for _, e := range alarmsOf(h, a) {
		for _, group := range states[e.Site].Groups {
			k := key{group, classOf(e)}
			if rows[k] == nil {
				rows[k], sites[k] = &queries.GroupAlarms{Group: group, Class: k.class}, map[uint64]bool{}
			}
			rows[k].Alarms++
			sites[k][e.Site] = true
			rows[k].Sites = uint64(len(sites[k]))
		}
	}
	return sorted(rows, func(x, y queries.GroupAlarms) int {
		return cmp.Or(cmp.Compare(x.Group, y.Group), cmp.Compare(x.Class, y.Class))
	})
}

// judgedGroup is what is judged of the incidents of a group, and how long those that were
// answered waited, in ms, the shortest first.
type judgedGroup struct {
	queries.Attainment
	waited []int64
}

func judgedBy[K comparable](h *seed.History, a Args, keyOf func(judged) K) map[K]*judgedGroup {
	groups := map[K]*judgedGroup{}
	for _, j := range judgedIncidents(h, a) {
		k := keyOf(j)
		if groups[k] == nil {
			groups[k] = &judgedGroup{}
		}
		g := groups[k]
		tally(&g.Attainment, j.is(), j.within(j.first), j.within(j.second))
		if j.is() {
			g.waited = append(g.waited, j.answered.Sub(j.OpenedAt).Milliseconds())
		}
	}
	for _, g := range groups {
		slices.Sort(g.waited)
	}
	return groups
}

// AnswerAttainmentByOperator judges incidents by who took them first.
func AnswerAttainmentByOperator(h *seed.History, a Args) []queries.OperatorAttainment {
	first, closer := map[string]string{}, map[string]string{}
	for _, i := range h.Incidents {
		if !i.Deleted {
			first[i.ID] = cmp.Or(first[i.ID], i.ClaimedBy)
			closer[i.ID] = cmp.Or(i.ClosedBy, closer[i.ID])
		}
	}
	type key struct{ who, class string }
	rows := map[key]*queries.OperatorAttainment{}
	for k, g := range judgedBy(h, a, func(j judged) key { return key{cmp.Or(first[j.ID], closer[j.ID]), j.Class} }) {
		rows[k] = &queries.OperatorAttainment{Operator: k.who, Class: k.class, Incidents: g.Incidents, Answered: g.Answered,
			WithinFirst: g.WithinFirst, WithinSecond: g.WithinSecond, Misses: g.Incidents - g.WithinSecond, P95MS: quantile(g.waited, 0.95)}
	}
	return sorted(rows, func(x, y queries.OperatorAttainment) int {
		return cmp.Or(cmp.Compare(x.Operator, y.Operator), cmp.Compare(x.Class, y.Class))
	})
}

// AnswerAttainmentByHour judges incidents by the hour on a clock; a zone that there is
// not gives no rows.
func AnswerAttainmentByHour(h *seed.History, a Args) []queries.HourAttainment {
	zone, err := time.LoadLocation(a.Zone)
	if err != nil {
		return nil
	}
	type key struct {
		hour  int
		class string
	}
	rows := map[key]*queries.HourAttainment{}
	for k, g := range judgedBy(h, a, func(j judged) key { return key{j.OpenedAt.In(zone).Hour(), j.Class} }) {
		rows[k] = &queries.HourAttainment{Hour: uint64(k.hour), Class: k.class, Incidents: g.Incidents, Answered: g.Answered,
			WithinFirst: g.WithinFirst, WithinSecond: g.WithinSecond,
			P50MS: quantile(g.waited, 0.5), P95MS: quantile(g.waited, 0.95), P985MS: quantile(g.waited, 0.985)}
	}
	return sorted(rows, func(x, y queries.HourAttainment) int {
		return cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Class, y.Class))
	})
}
