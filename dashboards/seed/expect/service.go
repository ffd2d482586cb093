package expect

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// SitesInService counts the sites of each group.
func SitesInService(h *seed.History, a Args) []queries.GroupService {
	rows := map[string]*queries.GroupService{}
	for _, s := range statesAt(h, a.To) {
		if s.Deleted || s.Undeclared {
			continue
		}
		heard := false
		for _, p := range s.Paths {
			heard = heard || p.Status != "never_heard"
		}
		for _, group := range s.Groups {
			if rows[group] == nil {
				rows[group] = &queries.GroupService{Group: group}
			}
			r := rows[group]
			r.Declared++
			if heard {
				r.InService++
			}
			if s.CommunicationLost {
				r.Lost++
			}
		}
	}
	return sorted(rows, func(x, y queries.GroupService) int { return cmp.Compare(x.Group, y.Group) })
}

// groupPath is the paths of one number of a group's sites.
type groupPath struct {
	group  string
	number uint8
}

// PathAvailability sums what was lost of each path.
func PathAvailability(h *seed.History, a Args) []queries.GroupPaths {
	type path struct {
		site   uint64
		number uint8
	}
	last := map[[16]byte]seed.Detection{}
	for _, d := range h.Detections {
		if d.Kind == "path_lost" && d.ReceivedAt.Before(a.To) {
			last[d.ID] = d
		}
	}
	outages, lost := map[path]uint64{}, map[path]int64{}
	for _, d := range last {
		began, ended := d.OpenedAt, d.ClosedAt
		if began.Before(a.From) {
			began = a.From
		}
		if ended.Equal(seed.Never) || ended.After(a.To) {
			ended = a.To
		}
		if ended.After(began) {
			outages[path{d.Site, d.Path}]++
			lost[path{d.Site, d.Path}] += ended.Sub(began).Milliseconds()
		}
	}
	rows := map[groupPath]*queries.GroupPaths{}
	for _, s := range statesAt(h, a.To) {
		for _, p := range s.Paths {
			if s.Deleted || p.Status == "never_heard" {
				continue
			}
			for _, group := range s.Groups {
				k := groupPath{group, p.Number}
				if rows[k] == nil {
					rows[k] = &queries.GroupPaths{Group: group, Path: uint64(p.Number)}
				}
				rows[k].Paths++
				rows[k].Outages += outages[path{s.Site, p.Number}]
				rows[k].LostMS += lost[path{s.Site, p.Number}]
			}
		}
	}
	for _, r := range rows {
		r.PathMS = int64(r.Paths) * a.To.Sub(a.From).Milliseconds()
		if r.PathMS > 0 {
			share := 1 - float64(r.LostMS)/float64(r.PathMS)
			r.Availability = &share
		}
	}
	return sorted(rows, func(x, y queries.GroupPaths) int {
		return cmp.Or(cmp.Compare(x.Group, y.Group), cmp.Compare(x.Path, y.Path))
	})
}

// HeartbeatRegularity walks through the hours of each path.
func HeartbeatRegularity(h *seed.History, a Args) []queries.GroupHeartbeats {
	type path struct {
		site   uint64
		number uint8
	}
	heard := map[path]map[time.Time]bool{}
	for _, p := range h.Heartbeats {
		k, hour := path{p.Site, p.Path}, p.ReceivedAt.Truncate(time.Hour)
		if hour.Before(a.From) || hour.Add(time.Hour).After(a.To) {
			continue
		}
		if heard[k] == nil {
			heard[k] = map[time.Time]bool{}
		}
		heard[k][hour] = true
	}
	states := statesAt(h, a.To)
	rows, silences := map[groupPath]*queries.GroupHeartbeats{}, map[groupPath][]int64{}
	for p, hours := range heard {
		s, known := states[p.site]
		if !known || s.Deleted {
			continue
		}
		all, longest := walk(hours, a.To)
		for _, group := range s.Groups {
			k := groupPath{group, p.number}
			if rows[k] == nil {
				rows[k] = &queries.GroupHeartbeats{Group: group, Path: uint64(p.number)}
			}
			rows[k].Paths++
			rows[k].Hours += all
			rows[k].HoursHeard += uint64(len(hours))
			silences[k] = append(silences[k], longest.Milliseconds())
		}
	}
	for k, r := range rows {
		slices.Sort(silences[k])
		r.ShareHeard = float64(r.HoursHeard) / float64(r.Hours)
		r.P50SilenceMS, r.P95SilenceMS, r.MaxSilenceMS = quantile(silences[k], 0.5), quantile(silences[k], 0.95), silences[k][len(silences[k])-1]
	}
	return sorted(rows, func(x, y queries.GroupHeartbeats) int {
		return cmp.Or(cmp.Compare(x.Group, y.Group), cmp.Compare(x.Path, y.Path))
	})
}

// walk goes from the first hour heard to the end, hour by hour: how many there are, and
// the longest silence among them.
func walk(heard map[time.Time]bool, end time.Time) (hours uint64, longest time.Duration) {
	silence := time.Duration(0)
	for hour := slices.MinFunc(slices.Collect(maps.Keys(heard)), time.Time.Compare); !hour.Add(time.Hour).After(end); hour = hour.Add(time.Hour) {
		hours++
		silence += time.Hour
		if heard[hour] {
			silence = 0
		}
		longest = max(longest, silence)
	}
	return hours, longest
}
