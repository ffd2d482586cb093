package expect

import (
	"cmp"

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
	type key struct {
		group  string
		number uint8
	}
	rows := map[key]*queries.GroupPaths{}
	for _, s := range statesAt(h, a.To) {
		for _, p := range s.Paths {
			if s.Deleted || p.Status == "never_heard" {
				continue
			}
			for _, group := range s.Groups {
				k := key{group, p.Number}
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
