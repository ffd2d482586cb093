package supervision

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/packed"
)

// table holds the sites of a partition, each with a slot from 0.
type table struct {
	// index is an open-addressed table of slots plus one, a power of two long.
	index []uint32
	hot   []site
	rare  []*rare
	// generation counts snapshots: what an older one holds is not written into.
	generation uint64
}

// site is what a heartbeat touches.
type site struct {
	number uint64
	// heardAt is Unix ms UTC, 0 for never; heardS the same on the supervision clock.
	heardAt, heardS int64
	// due is the deadline that is armed, on the supervision clock; 0 for none.
	due int64
}

// rare is what few sites have.
type rare struct {
	generation uint64
	// interval agreed, ms; 0 for the default.
	interval int64
	lost     bool
	mode     int32
	version  uint64
	// alarms are the last ones while no storm is open, oldest first.
	alarms        []int64
	lastAlarm     int64
	alarmBefore   int64
	stormOpenedAt int64
	stormDue      int64
	stormCount    uint64
}

func newTable() table { return table{index: make([]uint32, 1024)} }

// slot of a site, made when it is new.
func (t *table) slot(number uint64) uint32 {
	mask := uint64(len(t.index) - 1)
	i := hash(number) & mask
	for ; t.index[i] != 0; i = (i + 1) & mask {
		if slot := t.index[i] - 1; t.hot[slot].number == number {
			return slot
		}
	}
	if 2*len(t.hot) >= len(t.index) {
		t.grow()
		return t.slot(number)
	}
	t.hot = append(t.hot, site{number: number})
	t.rare = append(t.rare, nil)
	t.index[i] = uint32(len(t.hot))
	return uint32(len(t.hot) - 1)
}

func (t *table) grow() {
	t.index = make([]uint32, 2*len(t.index))
	mask := uint64(len(t.index) - 1)
	for slot := range t.hot {
		i := hash(t.hot[slot].number) & mask
		for t.index[i] != 0 {
			i = (i + 1) & mask
		}
		t.index[i] = uint32(slot + 1)
	}
}

func hash(number uint64) uint64 { return number * 0x9e3779b97f4a7c15 >> 32 }

// rareOf is the rarer part of a site, to be written into.
func (t *table) rareOf(slot uint32) *rare {
	r := t.rare[slot]
	switch {
	case r == nil:
		r = &rare{generation: t.generation}
	case r.generation == t.generation:
		return r
	default:
		own := *r
		own.alarms, own.generation = slices.Clone(r.alarms), t.generation
		r = &own
	}
	t.rare[slot] = r
	return r
}

// sitesInPiece bounds a piece of a snapshot: well below 1 MB.
const sitesInPiece = 4096

// frozen is the state at one record.
type frozen struct {
	group string
	hot   []site
	rare  []*rare
}

// Next writes the next sites.
func (z *frozen) Next(c *packed.Coder) bool {
	n := min(len(z.hot), sitesInPiece)
	pack(c, &z.group, z.hot[:n], z.rare[:n])
	z.hot, z.rare = z.hot[n:], z.rare[n:]
	return len(z.hot) > 0
}

func pack(c *packed.Coder, group *string, hot []site, rares []*rare) {
	c.String(group)
	n := len(hot)
	packed.Int(c, &n)
	for i := range n {
		hot[i].pack(c)
		packed.Pointer(c, &rares[i], func(r *rare) { r.pack(c) })
	}
}

func (s *site) pack(c *packed.Coder) {
	packed.Uint(c, &s.number)
	packed.Int(c, &s.heardAt)
	packed.Int(c, &s.heardS)
	c.Delta(&s.due, s.heardS)
}

func (r *rare) pack(c *packed.Coder) {
	packed.Int(c, &r.interval)
	c.Bool(&r.lost)
	packed.Int(c, &r.mode)
	packed.Uint(c, &r.version)
	packed.List(c, &r.alarms, func(at *int64) { packed.Int(c, at) })
	packed.Int(c, &r.lastAlarm)
	packed.Int(c, &r.alarmBefore)
	packed.Int(c, &r.stormOpenedAt)
	packed.Int(c, &r.stormDue)
	packed.Uint(c, &r.stormCount)
}

// Restore takes in a piece of a snapshot.
func (f *Fold) Restore(c *packed.Coder) error {
	c.String(&f.group)
	n := 0
	packed.Int(c, &n)
	for range n {
		var s site
		var r *rare
		s.pack(c)
		packed.Pointer(c, &r, func(r *rare) { r.pack(c) })
		if c.Err() != nil {
			break
		}
		slot := f.sites.slot(s.number)
		f.sites.hot[slot], f.sites.rare[slot] = s, r
	}
	return c.End()
}
