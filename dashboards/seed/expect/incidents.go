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

// AnswerAttainment judges each incident by its first answer clock.
func AnswerAttainment(h *seed.History, a Args) []queries.Attainment {
	versions := map[string][]seed.Incident{}
	for _, i := range h.Incidents {
		if !i.Deleted {
			versions[i.ID] = append(versions[i.ID], i)
		}
	}
	classes := map[string]*queries.Attainment{}
	for _, all := range versions {
		last := all[len(all)-1]
		if !a.inside(last.OpenedAt) {
			continue
		}
		first, second := last.AtRiskAt, last.MissedAt
		for _, v := range all {
			if v.AtRiskAt.Before(first) {
				first = v.AtRiskAt
			}
			if v.MissedAt.Before(second) {
				second = v.MissedAt
			}
		}
		answered := last.ClosedAt
		if !last.ClaimedAt.Equal(seed.Never) && !last.FirstActAt.Equal(seed.Never) {
			answered = last.ClaimedAt
			if last.FirstActAt.After(answered) {
				answered = last.FirstActAt
			}
		}
		is := !answered.Equal(seed.Never)
		if !is && second.After(a.To) {
			continue
		}
		if classes[last.Class] == nil {
			classes[last.Class] = &queries.Attainment{Class: last.Class}
		}
		tally(classes[last.Class], is, is && !answered.After(first), is && !answered.After(second))
	}
	for _, c := range classes {
		c.ShareFirst = float64(c.WithinFirst) / float64(c.Incidents)
		c.ShareSecond = float64(c.WithinSecond) / float64(c.Incidents)
		c.Misses = c.Incidents - c.WithinSecond
		c.MissesAllowed = c.Incidents * 15 / 1000
	}
	return sorted(classes, func(x, y queries.Attainment) int { return cmp.Compare(x.Class, y.Class) })
}

func tally(c *queries.Attainment, answered, first, second bool) {
	c.Incidents++
	for n, yes := range map[*uint64]bool{&c.Answered: answered, &c.WithinFirst: first, &c.WithinSecond: second} {
		if yes {
			*n++
		}
	}
}
