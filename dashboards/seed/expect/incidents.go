package expect

import (
	"cmp"
	"slices"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// incidentsAt is the last version of each incident before a time.
func incidentsAt(h *seed.History, to time.Time) map[string]seed.Incident {
	last := map[string]seed.Incident{}
	for _, i := range h.Incidents {
		if i.ReceivedAt.Before(to) {
			last[i.ID] = i
		}
	}
	return last
}

func waits(i seed.Incident) bool {
	return !i.Deleted && i.ClaimedBy == "" && i.Status != "closed" && i.Status != "parked"
}

func reached(t, now time.Time) bool { return !t.Equal(seed.Never) && !t.After(now) }

// QueueNow counts what waits.
func QueueNow(h *seed.History, a Args) []queries.ClassQueue {
	classes := map[string]*queries.ClassQueue{}
	for _, i := range incidentsAt(h, a.To) {
		if !waits(i) {
			continue
		}
		if classes[i.Class] == nil {
			classes[i.Class] = &queries.ClassQueue{Class: i.Class}
		}
		q := classes[i.Class]
		q.Waiting++
		q.OldestMS = max(q.OldestMS, a.To.Sub(i.OpenedAt).Milliseconds())
		if reached(i.MissedAt, a.To) {
			q.Missed++
		}
	}
	return sorted(classes, func(x, y queries.ClassQueue) int { return cmp.Compare(x.Class, y.Class) })
}

// IncidentsWaiting lists what waits.
func IncidentsWaiting(h *seed.History, a Args) []queries.WaitingIncident {
	states := statesAt(h, a.To)
	rows := []queries.WaitingIncident{}
	for _, i := range incidentsAt(h, a.To) {
		if !waits(i) {
			continue
		}
		late := "in time"
		if reached(i.AtRiskAt, a.To) {
			late = "at risk"
		}
		if reached(i.MissedAt, a.To) {
			late = "missed"
		}
		rows = append(rows, queries.WaitingIncident{
			Incident: i.ID, Site: i.Site, Label: states[i.Site].Label, Class: i.Class, Status: i.Status,
			OpenedAt: i.OpenedAt, WaitingMS: a.To.Sub(i.OpenedAt).Milliseconds(), Alarms: i.Alarms, Late: late,
		})
	}
	slices.SortFunc(rows, func(x, y queries.WaitingIncident) int {
		return cmp.Or(x.OpenedAt.Compare(y.OpenedAt), cmp.Compare(x.Incident, y.Incident))
	})
	return rows[:min(len(rows), a.Limit)]
}

// IncidentsFlow counts the steps of incidents.
func IncidentsFlow(h *seed.History, a Args) []queries.IncidentsBucket {
	rows := map[time.Time]*queries.IncidentsBucket{}
	for _, t := range a.buckets() {
		rows[t] = &queries.IncidentsBucket{Time: t}
	}
	whole := map[string]seed.Incident{}
	for _, i := range h.Incidents {
		if !i.Deleted {
			whole[i.ID] = i
		}
	}
	count := func(t time.Time, of func(*queries.IncidentsBucket) *uint64) {
		if a.inside(t) && !t.Equal(seed.Never) {
			*of(rows[a.bucketOf(t)])++
		}
	}
	for _, i := range whole {
		count(i.OpenedAt, func(b *queries.IncidentsBucket) *uint64 { return &b.Opened })
		count(i.ClaimedAt, func(b *queries.IncidentsBucket) *uint64 { return &b.Claimed })
		count(i.ClosedAt, func(b *queries.IncidentsBucket) *uint64 { return &b.Closed })
	}
	out := []queries.IncidentsBucket{}
	for _, t := range a.buckets() {
		for _, i := range incidentsAt(h, a.end(t)) {
			if waits(i) {
				rows[t].Waiting++
			}
		}
		out = append(out, *rows[t])
	}
	return out
}

// judged is an incident with its first answer clock, and when it was answered:
// seed.Never when it was not.
type judged struct {
	seed.Incident
	first, second, answered time.Time
}

// judgedIncidents are those opened in the range whose clock has ended.
func judgedIncidents(h *seed.History, a Args) []judged {
	versions := map[string][]seed.Incident{}
	for _, i := range h.Incidents {
		if !i.Deleted {
			versions[i.ID] = append(versions[i.ID], i)
		}
	}
	var out []judged
	for _, all := range versions {
		last := all[len(all)-1]
		j := judged{last, last.AtRiskAt, last.MissedAt, last.ClosedAt}
		for _, v := range all {
			if v.AtRiskAt.Before(j.first) {
				j.first = v.AtRiskAt
			}
			if v.MissedAt.Before(j.second) {
				j.second = v.MissedAt
			}
		}
		if !last.ClaimedAt.Equal(seed.Never) && !last.FirstActAt.Equal(seed.Never) {
			j.answered = last.ClaimedAt
			if last.FirstActAt.After(j.answered) {
				j.answered = last.FirstActAt
			}
		}
		if a.inside(last.OpenedAt) && (j.is() || !j.second.After(a.To)) {
			out = append(out, j)
		}
	}
	return out
}

func (j judged) is() bool { return !j.answered.Equal(seed.Never) }

func (j judged) within(figure time.Time) bool { return j.is() && !j.answered.After(figure) }

// AnswerAttainment judges each incident by its first answer clock.
func AnswerAttainment(h *seed.History, a Args) []queries.Attainment {
	classes := map[string]*queries.Attainment{}
	for _, j := range judgedIncidents(h, a) {
		if classes[j.Class] == nil {
			classes[j.Class] = &queries.Attainment{Class: j.Class}
		}
		tally(classes[j.Class], j.is(), j.within(j.first), j.within(j.second))
	}
	for _, c := range classes {
		c.ShareFirst = float64(c.WithinFirst) / float64(c.Incidents)
		c.ShareSecond = float64(c.WithinSecond) / float64(c.Incidents)
		c.Misses = c.Incidents - c.WithinSecond
		c.MissesAllowed = c.Incidents * 15 / 1000
	}
	return sorted(classes, func(x, y queries.Attainment) int { return cmp.Compare(x.Class, y.Class) })
}

// AnswerAttainmentByGroup judges them by the groups of their sites at the end.
func AnswerAttainmentByGroup(h *seed.History, a Args) []queries.GroupAttainment {
	states := statesAt(h, a.To)
	rows := map[string]*queries.GroupAttainment{}
	for _, j := range judgedIncidents(h, a) {
		s, known := states[j.Site]
		if !known || s.Deleted {
			continue
		}
		for _, group := range s.Groups {
			key := group + "\x00" + j.Class
			if rows[key] == nil {
				rows[key] = &queries.GroupAttainment{Group: group, Class: j.Class}
			}
			var c queries.Attainment
			tally(&c, j.is(), j.within(j.first), j.within(j.second))
			rows[key].Incidents++
			rows[key].WithinFirst += c.WithinFirst
			rows[key].WithinSecond += c.WithinSecond
		}
	}
	for _, r := range rows {
		r.Misses, r.MissesAllowed = r.Incidents-r.WithinSecond, r.Incidents*15/1000
	}
	return sorted(rows, func(x, y queries.GroupAttainment) int {
		return cmp.Or(cmp.Compare(x.Group, y.Group), cmp.Compare(x.Class, y.Class))
	})
}

// AnswerQuantiles sorts how long they waited.
func AnswerQuantiles(h *seed.History, a Args) []queries.AnswerQuantiles {
	waited := map[string][]int64{}
	for _, j := range judgedIncidents(h, a) {
		if j.is() {
			waited[j.Class] = append(waited[j.Class], j.answered.Sub(j.OpenedAt).Milliseconds())
		}
	}
	rows := map[string]*queries.AnswerQuantiles{}
	for class, all := range waited {
		slices.Sort(all)
		at := func(level float64) int64 { return all[int(level*float64(len(all)))] }
		rows[class] = &queries.AnswerQuantiles{Class: class, Answered: uint64(len(all)), P50MS: at(0.5), P95MS: at(0.95), P985MS: at(0.985), MaxMS: all[len(all)-1]}
	}
	return sorted(rows, func(x, y queries.AnswerQuantiles) int { return cmp.Compare(x.Class, y.Class) })
}

// IncidentOutcomes counts what was closed in the range.
func IncidentOutcomes(h *seed.History, a Args) []queries.OutcomeCount {
	last := map[string]seed.Incident{}
	for _, i := range h.Incidents {
		if !i.Deleted {
			last[i.ID] = i
		}
	}
	rows := map[string]*queries.OutcomeCount{}
	for _, i := range last {
		if i.ClosedAt.Equal(seed.Never) || !a.inside(i.ClosedAt) {
			continue
		}
		key := i.Class + "\x00" + i.Outcome
		if rows[key] == nil {
			rows[key] = &queries.OutcomeCount{Class: i.Class, Outcome: i.Outcome}
		}
		rows[key].Incidents++
	}
	return sorted(rows, func(x, y queries.OutcomeCount) int {
		return cmp.Or(cmp.Compare(x.Class, y.Class), cmp.Compare(x.Outcome, y.Outcome))
	})
}

func tally(c *queries.Attainment, answered, first, second bool) {
	c.Incidents++
	for n, yes := range map[*uint64]bool{&c.Answered: answered, &c.WithinFirst: first, &c.WithinSecond: second} {
		if yes {
			*n++
		}
	}
}
