package console

import (
	"cmp"
	"slices"
)

// listDetections gives detections, newest change first, and how many are open.
func (m *model) listDetections(q *workQuery) ([]*Detection, int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	match := func(d *Detection) bool { return q.Site == 0 || d.Site == q.Site }
	out := []*Detection{}
	if q.Open != "false" {
		out = append(out, pick(m.openDet, q.Limit, match)...)
	}
	if q.Open != "true" {
		out = append(out, pick(m.closedDet, q.Limit-len(out), match)...)
	}
	return out, m.openDet.Len()
}

// listIncidents gives incidents, the most urgent and oldest first, then closed
// ones, the newest first, and how many are open.
func (m *model) listIncidents(q *workQuery) ([]*Incident, int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	match := func(i *Incident) bool { return q.Site == 0 || i.Site == q.Site }
	out := []*Incident{}
	if q.Open != "false" {
		// All before the cut: the most urgent one may be the oldest.
		out = append(out, pick(m.openInc, m.openInc.Len(), match)...)
		slices.SortFunc(out, func(a, b *Incident) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.OpenedAtMS, b.OpenedAtMS), cmp.Compare(a.ID, b.ID))
		})
		out = out[:min(len(out), q.Limit)]
	}
	if q.Open != "true" {
		out = append(out, pick(m.closedInc, q.Limit-len(out), match)...)
	}
	return out, m.openInc.Len()
}

func (m *model) incident(id string) (*Incident, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.incidents[id]
	if !ok {
		return nil, false
	}
	return e.Value.(*Incident), true
}

// counts of sites, open detections and open incidents.
func (m *model) counts() (sites, detections, incidents int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.sites), m.openDet.Len(), m.openInc.Len()
}
