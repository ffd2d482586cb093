package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm/hours"
)

// site is what every site costs: a heartbeat touches nothing else. All that is
// rarer stands in cold, nil until needed.
type site struct {
	number uint64
	// last is the site's time: no event is applied below it.
	last int64
	// first is the path heard or declared first; number 0 while there is none.
	first path
	cold  *cold
	// version counts the site states published.
	version uint32
	class   uint16
}

// path is one supervised path of a site.
type path struct {
	// heardS and heardAt are the last proof of life, on the group's supervision
	// clock and on the receivers' clocks (Unix ms UTC).
	heardS, heardAt int64
	// due is the deadline armed with the engine; 0 when none.
	due int64
	// interval agreed for the path, ms; 0: by policy.
	interval uint32
	number   uint32
	group    uint16
	carrier  uint16
	status   uint8
	declared bool
	// pinned: the group was declared, not taken from where it was heard.
	pinned bool
}

// cold is what a site has once more than heartbeats came.
type cold struct {
	// epoch is that of the snapshots in which it was made: it is read by those after.
	epoch epoch
	lists
	seldom
	whole
	near near
}

// whole is what rules replace whole: who has a copy may share what it refers to.
type whole struct {
	declaration      []byte
	zone             string
	highRisk         bool
	directoryVersion uint64
	stage            vigiev1.ConnectionStage_Stage

	account  string
	accepted uint64
	degraded bool
	commLost bool

	remembered []heard
	closure    closure
	schedule   *hours.Schedule

	reopening reopening
	contacts  contacts
	reached   int64
	zoneFacts []zoneFact
	traces    [traceKinds]trace
	mains     mains
	test      *testMode
	// cyclicTestMS as declared, 0 by policy; testedAt the last cyclic test.
	cyclicTestMS, testedAt int64
	stageSince             int64
	// line is that of the panels' last message, memberOf the groups of the tally
	// that follow from it and from the declaration.
	line      uint32
	lineKnown bool
	held      heldLoss
	// notConfiguredAt is when something not configured last opened an incident.
	notConfiguredAt int64

	binding        *binding
	bindingVersion uint64
	policyVersion  uint64

	// own are the figures of the site itself; figures follow from them and from its
	// groups, nil when those of its class hold.
	own     *vigiev1.ClassPolicy
	figures *figures

	commission *commissioning
}

// lists are what rules change in place: a copy of the state needs its own.
type lists struct {
	paths     []path
	heardBy   []heardBy
	counters  []counter
	areas     []area
	timers    []civil
	absences  []absence
	memberOf  []uint32
	incidents []*incident
	open      []*detection
}

// near is where the lists of a quiet site stand, beside it: to follow each of them to a
// place of its own is to wait for the memory each time. A longer list moves out.
type near struct {
	heardBy   [1]heardBy
	counters  [1]counter
	areas     [1]area
	timers    [4]civil
	absences  [1]absence
	incidents [1]*incident
	open      [2]*detection
}

func newCold(e epoch) *cold {
	c := &cold{epoch: e}
	n := &c.near
	c.lists = lists{
		heardBy: n.heardBy[:0], counters: n.counters[:0], areas: n.areas[:0], timers: n.timers[:0],
		absences: n.absences[:0], incidents: n.incidents[:0], open: n.open[:0],
	}
	return c
}

// seldom are more of them, which most records leave as they are: a rule that changes
// one asks work.seldom for them.
type seldom struct {
	zones     []openZone
	inhibited []point
	restores  []earlyRestore
	acts      []rememberedAct
	closed    []string
	visits    []*visit
	consignes []consigne
	tests     []int64
	// calls are those of the centre, under site 0 alone.
	calls []call

	watchedZones []zoneWatch
	flaps        []flap
	storm        storm
}

// heardBy is the last event that proved a path alive.
type heardBy struct {
	path uint32
	at   int64
	id   ids.ID
}

// path finds a path of the site by number; nil when there is none.
func (s *site) path(number uint32) *path {
	if s.first.number == number {
		return &s.first
	}
	if s.cold == nil {
		return nil
	}
	for i := range s.cold.paths {
		if s.cold.paths[i].number == number {
			return &s.cold.paths[i]
		}
	}
	return nil
}

// eachPath calls do for every path, the first one first.
func (s *site) eachPath(do func(*path)) {
	if s.first.number != 0 {
		do(&s.first)
	}
	if s.cold == nil {
		return
	}
	for i := range s.cold.paths {
		do(&s.cold.paths[i])
	}
}

// slabSize sites are allocated together: no pointer per site, no copy on growth.
const slabSize = 1024

// siteTable finds sites by number and walks them in order of first appearance.
type siteTable struct {
	// index holds places counted from 1, beside the upper half of the number's hash,
	// where the lower half says or in the next free one after it. A power of two
	// long, half full at most.
	index []uint64
	n     uint32
	slabs [][]site
	// touched makes near do what it does.
	touched uint64
	// shared slabs are read by a snapshot: they are copied before they are touched.
	shared []bool
	epoch  epoch
}

// epoch counts the snapshots taken.
type epoch uint32

func newSiteTable() siteTable { return siteTable{index: make([]uint64, slabSize)} }

func (t *siteTable) count() int { return int(t.n) }

func (t *siteTable) find(number uint64) *site {
	if e := t.index[t.slot(number)]; e != 0 {
		return t.at(uint32(e) - 1)
	}
	return nil
}

// hash spreads numbers, which are often evenly apart, over all bits.
func hash(number uint64) uint64 {
	h := number * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// slot is where the index tells of a site, or would.
func (t *siteTable) slot(number uint64) uint64 {
	h, mask := hash(number), uint64(len(t.index)-1)
	for i := h & mask; ; i = (i + 1) & mask {
		e := t.index[i]
		if e == 0 || (e^h)>>32 == 0 && t.slabs[(uint32(e)-1)/slabSize][(uint32(e)-1)%slabSize].number == number {
			return i
		}
	}
}

// near reads a word of each of some sites. The machine waits for all of that memory
// at once; to read and write them one by one is to wait each time.
func (t *siteTable) near(numbers []uint64) {
	sum, mask := uint64(0), uint64(len(t.index)-1)
	for _, number := range numbers {
		h := hash(number)
		i := h & mask
		e := t.index[i]
		for e != 0 && (e^h)>>32 != 0 {
			i = (i + 1) & mask
			e = t.index[i]
		}
		if e != 0 {
			s := &t.slabs[(uint32(e)-1)/slabSize][(uint32(e)-1)%slabSize]
			sum += s.number + uint64(s.first.status) // It may lie across two lines.
		}
	}
	t.touched = sum
}

// reserve makes room for as many sites.
func (t *siteTable) reserve(sites uint64) {
	long := len(t.index)
	for uint64(long) < 2*sites {
		long *= 2
	}
	t.index = make([]uint64, long)
	for i := range t.n {
		t.enter(t.slabs[i/slabSize][i%slabSize].number, i)
	}
}

func (t *siteTable) enter(number uint64, i uint32) {
	t.index[t.slot(number)] = hash(number)>>32<<32 | uint64(i+1)
}

// at is the i-th site, to be changed.
func (t *siteTable) at(i uint32) *site {
	k := i / slabSize
	if t.shared[k] {
		t.own(k)
	}
	return &t.slabs[k][i%slabSize]
}

// own copies a slab that a snapshot reads, and the paths that heartbeats write in
// place. The rest of cold is copied by the first record that changes it (Fold.begin).
func (t *siteTable) own(k uint32) {
	t.slabs[k] = append(make([]site, 0, slabSize), t.slabs[k]...)
	t.shared[k] = false
	for i := range t.slabs[k] {
		if s := &t.slabs[k][i]; s.cold != nil && len(s.cold.paths) > 0 {
			c := *s.cold
			c.paths = slices.Clone(c.paths)
			s.cold = &c
		}
	}
}

// share gives the slabs as they are now to a snapshot.
func (t *siteTable) share() [][]site {
	for k := range t.shared {
		t.shared[k] = true
	}
	t.epoch++
	return slices.Clone(t.slabs)
}

func (t *siteTable) findOrAdd(number uint64) *site {
	if s := t.find(number); s != nil {
		return s
	}
	return t.add(site{number: number})
}

func (t *siteTable) add(s site) *site {
	if 2*int(t.n) >= len(t.index) {
		t.reserve(uint64(t.n) + 1)
	}
	i := t.n
	k := i / slabSize
	if int(k) == len(t.slabs) {
		t.slabs = append(t.slabs, make([]site, 0, slabSize))
		t.shared = append(t.shared, false)
	}
	if t.shared[k] {
		t.own(k)
	}
	t.slabs[k] = append(t.slabs[k], s)
	t.enter(s.number, i)
	t.n++
	return &t.slabs[k][i%slabSize]
}

// each calls do for every site, to be changed.
func (t *siteTable) each(do func(*site)) {
	for i := range t.n {
		do(t.at(i))
	}
}

// idOf is an event id as an array; shorter or longer ones are cut or filled with zeros.
func idOf(b []byte) (id ids.ID) {
	copy(id[:], b)
	return id
}
