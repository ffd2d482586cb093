package expect

import (
	"cmp"
	"slices"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// customer are the answers that name what happened at sites.
func customer(h *seed.History, name string, a Args) (any, bool) {
	switch name {
	case "incidents_opened":
		return IncidentsOpened(h, a), true
	case "lost_communications":
		return LostCommunications(h, a), true
	case "closures_in_range":
		return ClosuresInRange(h, a), true
	case "sites_of_group":
		return SitesOfGroup(h, a), true
	case "site_known":
		return SiteKnown(h, a), true
	case "sites_near":
		return SitesNear(h, a), true
	}
	return nil, false
}

// Only is the history of some sites, as if there were no others.
func Only(h *seed.History, sites []uint64) *seed.History {
	some := *h
	other := func(site uint64) bool { return !slices.Contains(sites, site) }
	some.Events = slices.DeleteFunc(slices.Clone(h.Events), func(r seed.Event) bool { return other(r.Site) })
	some.Outcomes = slices.DeleteFunc(slices.Clone(h.Outcomes), func(r seed.Outcome) bool { return other(r.Site) })
	some.SiteStates = slices.DeleteFunc(slices.Clone(h.SiteStates), func(r seed.SiteState) bool { return other(r.Site) })
	some.Incidents = slices.DeleteFunc(slices.Clone(h.Incidents), func(r seed.Incident) bool { return other(r.Site) })
	some.Detections = slices.DeleteFunc(slices.Clone(h.Detections), func(r seed.Detection) bool { return other(r.Site) })
	return &some
}

// IncidentsOpened lists incidents with how they were judged.
func IncidentsOpened(h *seed.History, a Args) []queries.OpenedIncident {
	byID := map[string]judged{}
	for _, j := range judgedIncidents(h, a) {
		byID[j.ID] = j
	}
	rows := []queries.OpenedIncident{}
	for _, i := range lastVersions(h) {
		if !a.inside(i.OpenedAt) {
			continue
		}
		r := queries.OpenedIncident{Incident: i.ID, Site: i.Site, Class: i.Class, OpenedAt: i.OpenedAt, Answer: "not_counted"}
		if j, counts := byID[i.ID]; counts {
			switch {
			case j.within(j.first):
				r.Answer = "within_first"
			case j.within(j.second):
				r.Answer = "within_second"
			default:
				r.Answer = "missed"
			}
			if j.is() {
				r.AnsweredAfterMS = j.answered.Sub(i.OpenedAt).Milliseconds()
			}
		}
		if !i.ClosedAt.Equal(seed.Never) && a.inside(i.ClosedAt) {
			r.Outcome = i.Outcome
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y queries.OpenedIncident) int {
		return cmp.Or(x.OpenedAt.Compare(y.OpenedAt), cmp.Compare(x.Incident, y.Incident))
	})
	return rows[:min(len(rows), a.Limit)]
}

// clamped is what of a span lies in the range.
func (a Args) clamped(began, ended time.Time) (time.Time, time.Time) {
	if began.Before(a.From) {
		began = a.From
	}
	if ended.After(a.To) {
		ended = a.To
	}
	return began, ended
}

// LostCommunications takes the last word on each loss.
func LostCommunications(h *seed.History, a Args) []queries.LostCommunication {
	last := map[[16]byte]seed.Detection{}
	for _, d := range h.Detections {
		if d.Kind == "communication_lost" && d.ReceivedAt.Before(a.To) {
			last[d.ID] = d
		}
	}
	rows := []queries.LostCommunication{}
	for _, d := range last {
		ended := d.ClosedAt
		lasts := ended.Equal(seed.Never) || ended.After(a.To)
		if lasts {
			ended = a.To
		}
		began, ended := a.clamped(d.OpenedAt, ended)
		if ended.After(began) {
			rows = append(rows, queries.LostCommunication{Site: d.Site, BeganAt: began, EndedAt: ended, BeganBefore: d.OpenedAt.Before(a.From), Lasts: lasts})
		}
	}
	slices.SortFunc(rows, func(x, y queries.LostCommunication) int {
		return cmp.Or(x.BeganAt.Compare(y.BeganAt), cmp.Compare(x.Site, y.Site), x.EndedAt.Compare(y.EndedAt))
	})
	return rows[:min(len(rows), a.Limit)]
}

// ClosuresInRange follows each site from record to record.
func ClosuresInRange(h *seed.History, a Args) []queries.SiteClosure {
	rows := []queries.SiteClosure{}
	for site, states := range historiesOf(h) {
		var open *queries.SiteClosure
		end := func(at time.Time, lasts bool) {
			began, ended := a.clamped(open.BeganAt, at)
			open.BeganBefore, open.Lasts = open.BeganAt.Before(a.From), lasts
			open.BeganAt, open.EndedAt = began, ended
			if ended.After(began) {
				rows = append(rows, *open)
			}
			open = nil
		}
		for _, s := range states {
			if !s.ReceivedAt.Before(a.To) {
				break
			}
			switch {
			case open != nil && !closed(s):
				end(s.ReceivedAt, false)
			case open == nil && closed(s):
				open = &queries.SiteClosure{Site: site, Closure: s.Closure, BeganAt: s.ReceivedAt}
			case open != nil && s.ReceivedAt.Before(a.From):
				open.Closure = s.Closure // What it had become when the range began.
			}
		}
		if open != nil {
			end(a.To, true)
		}
	}
	slices.SortFunc(rows, func(x, y queries.SiteClosure) int {
		return cmp.Or(x.BeganAt.Compare(y.BeganAt), cmp.Compare(x.Site, y.Site))
	})
	return rows[:min(len(rows), a.Limit)]
}

// SitesOfGroup asks each site for its groups.
func SitesOfGroup(h *seed.History, a Args) []queries.KnownSite {
	rows := []queries.KnownSite{}
	for _, s := range statesAt(h, a.To) {
		if !s.Deleted && slices.Contains(s.Groups, a.Group) {
			rows = append(rows, queries.KnownSite{Site: s.Site, Label: s.Label})
		}
	}
	slices.SortFunc(rows, func(x, y queries.KnownSite) int { return cmp.Compare(x.Site, y.Site) })
	return rows
}

// SiteKnown takes the last name that is none of a tombstone.
func SiteKnown(h *seed.History, a Args) []queries.KnownSite {
	rows := []queries.KnownSite{}
	for _, s := range h.SiteStates {
		if s.Site != a.Site || !s.ReceivedAt.Before(a.To) {
			continue
		}
		if len(rows) == 0 {
			rows = append(rows, queries.KnownSite{Site: s.Site})
		}
		if !s.Deleted {
			rows[0].Label = s.Label
		}
	}
	return rows
}

// SitesNear sorts sites by how far their numbers are.
func SitesNear(h *seed.History, a Args) []queries.KnownSite {
	rows := []queries.KnownSite{}
	for _, s := range statesAt(h, a.To) {
		if !s.Deleted && !s.Undeclared {
			rows = append(rows, queries.KnownSite{Site: s.Site, Label: s.Label})
		}
	}
	far := func(s queries.KnownSite) uint64 { return max(s.Site, a.Site) - min(s.Site, a.Site) }
	slices.SortFunc(rows, func(x, y queries.KnownSite) int {
		return cmp.Or(cmp.Compare(far(x), far(y)), cmp.Compare(x.Site, y.Site))
	})
	return rows[:min(len(rows), a.Limit)]
}
