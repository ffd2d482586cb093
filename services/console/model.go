package console

import (
	"container/list"
	"slices"
	"strconv"
	"sync"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// maxClosed bounds what is kept of closed detections, and of closed incidents.
	maxClosed = 1_000
)

// Names of the live stream's events, and letters of their topics in its ids.
const (
	eventSite      = "site"
	eventDetection = "detection"
	eventIncident  = "incident"
	eventOutcome   = "outcome"
)

// letters of the topics that the read model is made of.
var letters = map[string]byte{
	topics.SiteStates: 's', topics.Directory: 'y', topics.Detections: 'd',
	topics.Incidents: 'i', topics.Outcomes: 'o', topics.Progress: 'p',
}

// model is the read model. Views in it are never changed, only replaced, so
// that readers may keep them. Safe for concurrent use.
type model struct {
	ring    *ring
	explain func(*vigiev1.Detection, string) string

	mu    sync.RWMutex
	sites map[uint64]*siteEntry
	// order is the numbers of sites, ascending; sorted says that it is.
	order  []uint64
	sorted bool

	detections map[string]*list.Element // *Detection
	openDet    *list.List               // oldest first
	closedDet  *list.List               // oldest closing first

	incidents map[string]*list.Element // *Incident
	openInc   *list.List
	closedInc *list.List

	progress map[int32]*vigiev1.Progress
	// calls by the time they were offered.
	calls []*Call
}

type siteEntry struct {
	state *vigiev1.SiteState
	dir   *vigiev1.DirectoryRecord
	view  *Site
}

func newModel(r *ring, explain func(*vigiev1.Detection, string) string) *model {
	m := &model{ring: r, explain: explain}
	m.clear()
	return m
}

// clear forgets everything, before the topics are read again.
func (m *model) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sites, m.order, m.sorted = map[uint64]*siteEntry{}, nil, true
	m.detections, m.openDet, m.closedDet = map[string]*list.Element{}, list.New(), list.New()
	m.incidents, m.openInc, m.closedInc = map[string]*list.Element{}, list.New(), list.New()
	m.progress = map[int32]*vigiev1.Progress{}
	m.calls = nil
}

func (m *model) siteCount() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.sites)
}

// place is where a record stands.
type place struct {
	from   source
	offset int64
}

func (m *model) publish(at place, event string, view any) {
	m.ring.add(&change{from: at.from, offset: at.offset, event: event, view: view})
}

func (m *model) takeState(at place, site uint64, st *vigiev1.SiteState) {
	if st.GetUndeclared() && st.GetAccount() == "" {
		// Not a site: what orders the bindings of an account that no panel used
		// undeclared.
		st = nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putSite(at, site, func(e *siteEntry) { e.state = st })
}

func (m *model) takeDirectory(at place, site uint64, dir *vigiev1.DirectoryRecord) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putSite(at, site, func(e *siteEntry) { e.dir = dir })
}

func (m *model) putSite(at place, site uint64, set func(*siteEntry)) {
	e, ok := m.sites[site]
	if !ok {
		e = &siteEntry{}
		if set(e); e.state == nil && e.dir == nil {
			return // gone before it was there
		}
		m.sites[site] = e
		m.sorted = m.sorted && (len(m.order) == 0 || m.order[len(m.order)-1] < site)
		m.order = append(m.order, site)
	}
	set(e)
	if e.state == nil && e.dir == nil {
		delete(m.sites, site)
		m.order = slices.DeleteFunc(m.order, func(n uint64) bool { return n == site })
		m.publish(at, eventSite, map[string]any{"site": site, "removed": true})
		return
	}
	e.view = siteView(e.state, e.dir)
	m.publish(at, eventSite, e.view)
}

func (m *model) takeDetection(at place, d *vigiev1.Detection) {
	v := detectionView(d, m.explain)
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.detections[v.ID]; ok {
		if old.Value.(*Detection).Status == "closed" {
			m.closedDet.Remove(old)
		} else {
			m.openDet.Remove(old)
		}
	}
	if d.Status == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
		m.detections[v.ID] = m.closedDet.PushBack(v)
		if m.closedDet.Len() > maxClosed {
			delete(m.detections, m.closedDet.Remove(m.closedDet.Front()).(*Detection).ID)
		}
	} else {
		m.detections[v.ID] = m.openDet.PushBack(v)
	}
	m.publish(at, eventDetection, v)
}

func (m *model) takeIncident(at place, id string, i *vigiev1.Incident) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.incidents[id]; ok {
		if old.Value.(*Incident).Status == "closed" {
			m.closedInc.Remove(old)
		} else {
			m.openInc.Remove(old)
		}
		delete(m.incidents, id)
	}
	if i == nil {
		m.publish(at, eventIncident, map[string]any{"id": id, "removed": true})
		return
	}
	v := incidentView(i)
	if v.Status == "closed" {
		m.incidents[id] = m.closedInc.PushBack(v)
		if m.closedInc.Len() > maxClosed {
			delete(m.incidents, m.closedInc.Remove(m.closedInc.Front()).(*Incident).ID)
		}
	} else {
		m.incidents[id] = m.openInc.PushBack(v)
	}
	m.publish(at, eventIncident, v)
}

func (m *model) takeProgress(p *vigiev1.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress[int32(p.Partition)] = p
}

// site returns a site with what is open on it.
func (m *model) site(n uint64) (*Site, []*Detection, []*Incident, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.sites[n]
	if !ok {
		return nil, nil, nil, false
	}
	detections := pick(m.openDet, maxClosed, func(d *Detection) bool { return d.Site == n })
	incidents := pick(m.openInc, maxClosed, func(i *Incident) bool { return i.Site == n })
	return e.view, detections, incidents, true
}

// pageOfSites returns sites above after that match, ascending, and whether
// more follow.
func (m *model) pageOfSites(after uint64, limit int, match func(*Site) bool) (page []*Site, total int, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.sorted {
		slices.Sort(m.order)
		m.sorted = true
	}
	i, _ := slices.BinarySearch(m.order, after+1)
	if after == 0 {
		i = 0
	}
	for _, n := range m.order[i:] {
		e := m.sites[n]
		if e == nil || !match(e.view) {
			continue
		}
		if len(page) == limit {
			return page, len(m.sites), true
		}
		page = append(page, e.view)
	}
	return page, len(m.sites), false
}

// pick returns the newest elements of a list that match, newest first.
func pick[T any](l *list.List, limit int, match func(T) bool) []T {
	out := []T{}
	for e := l.Back(); e != nil && len(out) < limit; e = e.Prev() {
		if v := e.Value.(T); match(v) {
			out = append(out, v)
		}
	}
	return out
}

// siteOf reads the site out of a record's key.
func siteOf(key []byte) (uint64, error) { return strconv.ParseUint(string(key), 10, 53) }
