package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// messages are those of one record. They are built in memory that is used again for
// the next, since Env.Emit encodes them: nothing of them is kept. They may refer to
// what rules only append to or replace: ids, evidence, facts.
type messages struct {
	outcome    vigiev1.EventOutcome
	detections pool[vigiev1.Detection]
	incidents  pool[vigiev1.Incident]
	evidence   [][]byte

	state     vigiev1.SiteState
	declared  declared
	paths     pool[vigiev1.PathState]
	areas     pool[vigiev1.AreaState]
	openZones pool[vigiev1.OpenZone]
	// openIncidents and open are names of incidents and detections.
	openIncidents, open []string
}

// nothing takes the memory back.
func (m *messages) nothing() {
	m.detections.n, m.incidents.n, m.evidence = 0, 0, m.evidence[:0]
}

// show is a list of evidence as messages have it.
func (m *messages) show(list []ids.ID) [][]byte {
	from := len(m.evidence)
	for i := range list {
		m.evidence = append(m.evidence, list[i][:])
	}
	return m.evidence[from:len(m.evidence):len(m.evidence)]
}

// pool hands out values that are used again once n is 0.
type pool[T any] struct {
	all []*T
	n   int
}

func (p *pool[T]) next() *T {
	if p.n == len(p.all) {
		p.all = append(p.all, new(T))
	}
	p.n++
	return p.all[p.n-1]
}

func (p *pool[T]) used() []*T { return p.all[:p.n:p.n] }
