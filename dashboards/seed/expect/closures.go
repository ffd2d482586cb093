package expect

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// statesAt is the last state of each site before a time, tombstones too.
func statesAt(h *seed.History, to time.Time) map[uint64]seed.SiteState {
	last := map[uint64]seed.SiteState{}
	for _, s := range h.SiteStates {
		if s.ReceivedAt.Before(to) {
			last[s.Site] = s
		}
	}
	return last
}

func closed(s seed.SiteState) bool {
	return !s.Deleted && (s.Closure == "detected" || s.Closure == "declared" || s.Closure == "end_to_confirm")
}

// whyNotProtected is the gravest reason, "" when the site is protected.
func whyNotProtected(s seed.SiteState) string {
	armed := len(s.Areas) > 0
	inhibited := false
	for _, a := range s.Areas {
		armed = armed && a.Mode == "armed_full"
		inhibited = inhibited || a.Mode == "armed_inhibited"
	}
	lost, never := 0, 0
	for _, p := range s.Paths {
		switch p.Status {
		case "lost":
			lost++
		case "never_heard":
			never++
		}
	}
	switch {
	case s.CommunicationLost:
		return "communication_lost"
	case closed(s) && !armed:
		return "closed_not_armed"
	case s.Degraded:
		return "degraded"
	case inhibited:
		return "inhibited"
	case never > 0 && never == len(s.Paths):
		return "never_heard"
	case lost > 0:
		return "path_lost"
	}
	return ""
}

// SitesNotProtected counts sites by their gravest reason.
func SitesNotProtected(h *seed.History, a Args) []queries.NotProtected {
	counts := map[string]uint64{}
	for _, s := range statesAt(h, a.To) {
		if !s.Deleted && !s.Undeclared {
			counts[whyNotProtected(s)]++
		}
	}
	rows := []queries.NotProtected{}
	for _, why := range []string{"communication_lost", "closed_not_armed", "degraded", "inhibited", "never_heard", "path_lost"} {
		rows = append(rows, queries.NotProtected{Reason: why, Sites: counts[why]})
	}
	return rows
}

// listed is how many closed sites are listed at most.
const listed = 10_000

// SitesClosedAroundTheClock lists the closed sites.
func SitesClosedAroundTheClock(h *seed.History, a Args) []queries.ClosedSite {
	rows := []queries.ClosedSite{}
	for _, s := range statesAt(h, a.To) {
		if !closed(s) {
			continue
		}
		why := whyNotProtected(s)
		rows = append(rows, queries.ClosedSite{
			Site: s.Site, Label: s.Label, Account: s.Account, Closure: s.Closure, ClosedSince: s.ClosedSince,
			CommunicationLost: s.CommunicationLost, Storm: s.Storm, OpenIncidents: uint64(len(s.OpenIncidents)),
			ClosedForMS: a.To.Sub(s.ClosedSince).Milliseconds(), Protected: why == "", NotProtected: why,
		})
	}
	slices.SortFunc(rows, func(x, y queries.ClosedSite) int {
		if x.Protected != y.Protected {
			if y.Protected {
				return -1
			}
			return 1
		}
		return cmp.Or(x.ClosedSince.Compare(y.ClosedSince), cmp.Compare(x.Site, y.Site))
	})
	return rows[:min(len(rows), listed)]
}

// ClosedSitesOverTime takes stock at the end of each bucket.
func ClosedSitesOverTime(h *seed.History, a Args) []queries.ClosedBucket {
	rows := []queries.ClosedBucket{}
	for _, t := range a.buckets() {
		counts := map[string]uint64{}
		for _, s := range statesAt(h, a.end(t)) {
			if closed(s) {
				counts[s.Closure]++
			}
		}
		for _, closure := range []string{"declared", "detected", "end_to_confirm"} {
			rows = append(rows, queries.ClosedBucket{Time: t, Closure: closure, Sites: counts[closure]})
		}
	}
	return rows
}

// histories are the states of each site in the order of the log.
type histories map[uint64][]seed.SiteState

func historiesOf(h *seed.History) histories {
	out := histories{}
	for _, s := range h.SiteStates {
		out[s.Site] = append(out[s.Site], s)
	}
	return out
}

// closedAt says whether a site was closed at a time; when the state changed at
// that very time, after says which one counts.
func (of histories) closedAt(site uint64, t time.Time, after bool) bool {
	was := false
	for _, s := range of[site] {
		if s.ReceivedAt.Before(t) || after && s.ReceivedAt.Equal(t) {
			was = closed(s)
		}
	}
	return was
}

// days is how long what is true of a site was true in the range.
func (of histories) days(a Args, holds func(seed.SiteState) bool) float64 {
	var ms int64
	for _, states := range of {
		for k, s := range states {
			end := a.To
			if k+1 < len(states) && states[k+1].ReceivedAt.Before(end) {
				end = states[k+1].ReceivedAt
			}
			start := s.ReceivedAt
			if start.Before(a.From) {
				start = a.From
			}
			if holds(s) && end.After(start) {
				ms += end.Sub(start).Milliseconds()
			}
		}
	}
	return float64(ms) / 86_400_000
}

// ClosedShare compares closed sites with the others.
func ClosedShare(h *seed.History, a Args) []queries.ClosedShareOf {
	of := historiesOf(h)
	var out queries.ClosedShareOf
	for _, s := range statesAt(h, a.To) {
		if closed(s) {
			out.ClosedSites++
		}
		if !s.Deleted {
			out.AllSites++
		}
	}
	for _, e := range acceptedAlarms(h) {
		if !a.inside(e.ReceivedAt) {
			continue
		}
		out.AlarmsAll++
		if of.closedAt(e.Site, e.ReceivedAt, true) {
			out.AlarmsClosed++
		}
	}
	if out.AllSites > 0 {
		out.ShareOfSites = float64(out.ClosedSites) / float64(out.AllSites)
	}
	if out.AlarmsAll > 0 {
		out.ShareOfAlarms = float64(out.AlarmsClosed) / float64(out.AlarmsAll)
	}
	out.ClosedSiteDays = of.days(a, closed)
	out.OtherSiteDays = of.days(a, func(s seed.SiteState) bool { return !s.Deleted && !closed(s) })
	if out.ClosedSiteDays > 0 {
		rate := 100 * float64(out.AlarmsClosed) / out.ClosedSiteDays
		out.AlarmsPer100Closed = &rate
	}
	if out.OtherSiteDays > 0 {
		rate := 100 * float64(out.AlarmsAll-out.AlarmsClosed) / out.OtherSiteDays
		out.AlarmsPer100Others = &rate
	}
	return []queries.ClosedShareOf{out}
}

// CommunicationAvailability sums what was lost within the range.
func CommunicationAvailability(h *seed.History, a Args) []queries.Availability {
	type outage struct {
		site          uint64
		opened, ended time.Time
	}
	outages := map[[16]byte]outage{}
	for _, d := range h.Detections {
		if d.Kind != "communication_lost" || !d.ReceivedAt.Before(a.To) {
			continue
		}
		o := outage{d.Site, d.OpenedAt, a.To}
		if !d.ClosedAt.Equal(seed.Never) && d.ClosedAt.Before(a.To) {
			o.ended = d.ClosedAt
		}
		if before, twice := outages[d.ID]; twice && before.ended.Before(o.ended) {
			o.ended = before.ended
		}
		outages[d.ID] = o
	}
	var row queries.Availability
	sites := map[uint64]bool{}
	for _, o := range outages {
		began := o.opened
		if began.Before(a.From) {
			began = a.From
		}
		if lost := o.ended.Sub(began).Milliseconds(); lost > 0 {
			row.Outages++
			sites[o.site] = true
			row.LostMS += lost
			row.LongestMS = max(row.LongestMS, lost)
		}
	}
	row.Sites = uint64(len(sites))
	row.SiteMS = int64(math.Round(historiesOf(h).days(a, func(s seed.SiteState) bool { return !s.Deleted }) * 86_400_000))
	if row.SiteMS > 0 {
		share := 1 - float64(row.LostMS)/float64(row.SiteMS)
		row.Availability = &share
	}
	return []queries.Availability{row}
}

// AlarmsClosedAgainstOthers counts alarms by whether the site was closed then.
func AlarmsClosedAgainstOthers(h *seed.History, a Args) []queries.ClosedAgainstOther {
	of := historiesOf(h)
	counts := map[time.Time]map[string]uint64{}
	for _, e := range acceptedAlarms(h) {
		if a.inside(e.ReceivedAt) {
			sites := "other"
			if of.closedAt(e.Site, e.ReceivedAt, true) {
				sites = "closed"
			}
			add(counts, a.bucketOf(e.ReceivedAt), sites)
		}
	}
	rows := []queries.ClosedAgainstOther{}
	for _, t := range a.buckets() {
		for _, sites := range []string{"closed", "other"} {
			rows = append(rows, queries.ClosedAgainstOther{Time: t, SitesAre: sites, Alarms: counts[t][sites]})
		}
	}
	return rows
}

// ClosedGroups counts by group.
func ClosedGroups(h *seed.History, a Args) []queries.ClosedGroup {
	of := historiesOf(h)
	alarms := map[uint64]uint64{}
	for _, e := range acceptedAlarms(h) {
		if a.inside(e.ReceivedAt) && of.closedAt(e.Site, e.ReceivedAt, true) {
			alarms[e.Site]++
		}
	}
	groups := map[string]*queries.ClosedGroup{}
	for _, s := range statesAt(h, a.To) {
		for _, name := range s.Groups {
			if groups[name] == nil {
				groups[name] = &queries.ClosedGroup{SiteGroup: name}
			}
			g := groups[name]
			g.Sites++
			g.Alarms += alarms[s.Site]
			if closed(s) {
				g.ClosedSites++
			}
		}
	}
	rows := sorted(groups, func(x, y queries.ClosedGroup) int {
		return cmp.Or(-cmp.Compare(x.ClosedSites, y.ClosedSites), cmp.Compare(x.SiteGroup, y.SiteGroup))
	})
	return slices.DeleteFunc(rows, func(g queries.ClosedGroup) bool { return g.ClosedSites == 0 && g.Alarms == 0 })
}

// OpeningsAtClosedSites counts disarms of sites that were closed until then.
func OpeningsAtClosedSites(h *seed.History, a Args) []queries.Openings {
	of, again := historiesOf(h), heardAgain(h)
	sites := map[uint64]bool{}
	var out queries.Openings
	for _, e := range h.Events {
		if e.Kind == "disarmed" && !again[e.ID] && a.inside(e.ReceivedAt) && of.closedAt(e.Site, e.ReceivedAt, false) {
			out.Openings++
			sites[e.Site] = true
		}
	}
	out.Sites = uint64(len(sites))
	return []queries.Openings{out}
}
