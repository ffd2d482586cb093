package alarm

import (
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// siteState is the site's public state as of now, until the next one.
func (w *work) siteState() *vigiev1.SiteState {
	s, c, m := w.s, w.s.cold, &w.f.messages
	out := &m.state
	*out = vigiev1.SiteState{
		Site: s.number, Version: uint64(s.version), ChangedAtMs: w.at, CauseEventId: w.cause,
		Undeclared: s.number >= ids.FirstUndeclared, SiteClass: w.f.classes.name(s.class),
		Closure: vigiev1.ClosureStatus_CLOSURE_STATUS_NONE,
	}
	m.declared.read(c.encodedDeclaration())
	out.Label, out.Groups, out.TimeZone = m.declared.label, m.declared.groups, m.declared.timeZone
	m.paths.n = 0
	s.eachPath(w.showPath)
	out.Paths = m.paths.used()
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
	out.ClosureChangedAtMs = c.closure.changed
	w.showOpen(out)
	w.showPlans(out)
	return out
}

// showOpen lists areas and what is open.
func (w *work) showOpen(out *vigiev1.SiteState) {
	c, m := w.s.cold, &w.f.messages
	m.areas.n, m.openZones.n, m.openIncidents, m.open = 0, 0, m.openIncidents[:0], m.open[:0]
	for _, a := range c.areas {
		*m.areas.next() = vigiev1.AreaState{Area: a.name, Mode: a.mode, SinceMs: a.since, ByUser: a.by}
	}
	for _, z := range c.zones {
		*m.openZones.next() = vigiev1.OpenZone{Zone: z.point.zone, Area: z.point.area, Class: z.class, SinceMs: z.since, Alarms: z.alarms}
	}
	for _, inc := range c.incidents {
		m.openIncidents = append(m.openIncidents, inc.id)
	}
	for _, d := range c.open {
		m.open = append(m.open, d.name())
	}
	out.Areas, out.OpenZones, out.OpenIncidents, out.OpenDetections = m.areas.used(), m.openZones.used(), m.openIncidents, m.open
	slices.SortFunc(out.OpenIncidents, strings.Compare)
	slices.SortFunc(out.OpenDetections, strings.Compare)
}

func (w *work) showPath(p *path) {
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
}
