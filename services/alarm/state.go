package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// siteState is the site's public state as of now, until the next one.
func (w *work) siteState() *vigiev1.SiteState {
	s, c := w.s, w.s.cold
	m := &w.f.messages
	m.paths.n, m.areas.n, m.openZones.n = 0, 0, 0
	out := &m.state
	paths, areas, zones, incidents, detections := out.Paths[:0], out.Areas[:0], out.OpenZones[:0], out.OpenIncidents[:0], out.OpenDetections[:0]
	*out = vigiev1.SiteState{
		Site: s.number, Version: uint64(s.version), ChangedAtMs: w.at, CauseEventId: w.cause,
		Undeclared: s.number >= ids.FirstUndeclared, SiteClass: w.f.classes.name(s.class),
		Closure: vigiev1.ClosureStatus_CLOSURE_STATUS_NONE,
	}
	d := &m.declared
	if d.read(nil); c != nil {
		d.read(c.declaration)
	}
	out.Label, out.Groups, out.TimeZone = d.label, d.groups, d.timeZone
	s.eachPath(func(p *path) { paths = append(paths, w.pathState(p)) })
	out.Paths = paths
	slices.SortFunc(out.Paths, func(a, b *vigiev1.PathState) int { return int(a.GetPath()) - int(b.GetPath()) })
	if c == nil {
		return out
	}
	out.Figures = c.own
	out.Account, out.AcceptedEvents, out.Degraded = c.account, c.accepted, c.degraded
	out.CommunicationLost, out.Storm = c.commLost, c.storm.open
	if c.closure.status != vigiev1.ClosureStatus_CLOSURE_STATUS_UNSPECIFIED {
		out.Closure, out.ClosedSinceMs = c.closure.status, c.closure.since
	}
	for _, a := range c.areas {
		shown := m.areas.next()
		*shown = vigiev1.AreaState{Area: a.name, Mode: a.mode, SinceMs: a.since, ByUser: a.by}
		areas = append(areas, shown)
	}
	for _, z := range c.zones {
		shown := m.openZones.next()
		*shown = vigiev1.OpenZone{Zone: z.point.zone, Area: z.point.area, Class: z.class, SinceMs: z.since, Alarms: z.alarms}
		zones = append(zones, shown)
	}
	for _, inc := range c.incidents {
		incidents = append(incidents, inc.id)
	}
	for _, d := range c.open {
		detections = append(detections, d.name())
	}
	out.Areas, out.OpenZones, out.OpenIncidents, out.OpenDetections = areas, zones, incidents, detections
	w.showPlans(out)
	slices.SortFunc(out.OpenIncidents, strings.Compare)
	slices.SortFunc(out.OpenDetections, strings.Compare)
	return out
}

func (w *work) pathState(p *path) *vigiev1.PathState {
	out := w.f.messages.paths.next()
	*out = vigiev1.PathState{
		Path: p.number, Status: vigiev1.PathStatus(p.status), LastHeardMs: p.heardAt,
		IntervalMs: w.f.interval(w.s, p), ReceiverGroup: w.f.groups.name(p.group),
	}
	for _, d := range w.f.messages.declared.paths {
		if d.number == p.number {
			out.Name = d.name
		}
	}
	return out
}
