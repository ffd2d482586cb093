package plugin

import (
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// sitesFrame is a frame of states, one row a change, ascending by time. Its
// fields are always the same ones, as a live frame's must be. Times of sites of
// which nothing came yet are those of 1970.
func sitesFrame(list []site) *data.Frame {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b site) int { return int(min(1, max(-1, a.ChangedAtMS-b.ChangedAtMS))) })
	frame := data.NewFrame(channelSites,
		described("time", "when the state changed", list, func(s *site) time.Time { return time.UnixMilli(s.ChangedAtMS).UTC() }),
		described("site", "number of the site", list, func(s *site) uint64 { return s.Site }),
		described("name", "the number as people say it", list, func(s *site) string { return s.Name }),
		described("label", "what the site is called", list, func(s *site) string { return s.Label }),
		described("class", "class of the site", list, func(s *site) string { return s.Class }),
		described("account", "account of its panel", list, func(s *site) string { return s.Account }),
		described("mode", "how its areas are armed; mixed when they differ", list, mode),
		described("communication_lost", "nothing is heard on any path", list, func(s *site) bool { return s.CommunicationLost }),
		described("paths_failed", "paths that are late or lost", list, pathsFailed),
		described("closure", "whether it is closed around the clock", list, func(s *site) string { return s.Closure }),
		described("storm", "its alarms are gathered in a storm", list, func(s *site) bool { return s.Storm }),
		described("open_zones", "zones in alarm", list, func(s *site) int64 { return int64(len(s.OpenZones)) }),
		described("open_incidents", "incidents that are not closed", list, func(s *site) int64 { return int64(len(s.OpenIncidents)) }),
		described("degraded", "Vigie failed on its history; each alarm opens an incident", list, func(s *site) bool { return s.Degraded }),
		described("removed", "the site is no more", list, func(s *site) bool { return s.Removed }),
		described("version", "counts the changes of the state", list, func(s *site) uint64 { return s.Version }),
	)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeTable}
	return frame
}

func described[V any](name, doc string, list []site, value func(*site) V) *data.Field {
	values := make([]V, len(list))
	for i := range list {
		values[i] = value(&list[i])
	}
	f := data.NewField(name, nil, values)
	f.Config = &data.FieldConfig{Description: doc}
	return f
}

func mode(s *site) string {
	if len(s.Areas) == 0 {
		return "unknown"
	}
	first := s.Areas[0].Mode
	if slices.ContainsFunc(s.Areas, func(a area) bool { return a.Mode != first }) {
		return "mixed"
	}
	return first
}

func pathsFailed(s *site) int64 {
	var n int64
	for _, p := range s.Paths {
		if p.Status == "late" || p.Status == "lost" {
			n++
		}
	}
	return n
}
