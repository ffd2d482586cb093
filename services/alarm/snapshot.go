package alarm

import (
	"maps"
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// A snapshot of the fold. The copy is of references: the fold copies a slab of
// 1,024 sites before it first touches one that a snapshot reads. What stands in
// which order in the bytes is in snapshot_site.go.

// stateFormat is the newest encoding of the state. Bytes of every format are
// read for ever; golden ones are kept in testdata.
const stateFormat uint32 = formatClosureChanged

// pieceBytes is about how long a piece of a snapshot is.
const pieceBytes = 64 << 10

// Kinds of pieces.
const (
	pieceHead uint8 = iota + 1
	pieceSites
)

// Frozen is the state of a fold as it was when Snapshot was called. One
// goroutine may read it beside the fold.
type Frozen struct {
	head  []byte
	slabs [][]site
	// slab and site come next.
	slab, site int
}

// Snapshot freezes the state as it is now. It costs a reference a slab; after it
// the fold copies each slab once, when it first touches it.
func (f *Fold) Snapshot() *Frozen {
	head, sites := packed.Writer(nil), uint64(f.sites.count())
	f.packHead(head, &sites)
	return &Frozen{head: head.Written(), slabs: f.sites.share()}
}

// Next writes the next piece, of about pieceBytes, and says whether it was not
// the last one.
func (z *Frozen) Next(c *packed.Coder) (more bool) {
	if z.head != nil {
		kind := pieceHead
		packed.Uint(c, &kind)
		c.Array(z.head)
		z.head = nil
		return len(z.slabs) > 0
	}
	kind := pieceSites
	packed.Uint(c, &kind)
	slab := z.slabs[z.slab]
	start := len(c.Written())
	w := sitePacker{Coder: c, format: stateFormat}
	for ; z.site < len(slab) && len(c.Written())-start < pieceBytes; z.site++ {
		w.one(&slab[z.site])
	}
	if z.site == len(slab) {
		z.slabs[z.slab] = nil // Nobody reads it again: what the fold replaced since goes.
		z.slab, z.site = z.slab+1, 0
	}
	return z.slab < len(z.slabs)
}

// Restore takes in one piece of a snapshot; a new fold that was given all of
// them, in order, is the fold that was frozen. The error says what the bytes
// cannot be; the fold is then of no use.
func (f *Fold) Restore(c *packed.Coder) error {
	var kind uint8
	packed.Uint(c, &kind)
	switch kind {
	case pieceHead:
		var sites uint64
		f.packHead(c, &sites)
		f.sites.reserve(min(sites, maxSitesAhead))
		f.groups.reindex()
		f.classes.reindex()
		f.carriers.reindex()
		f.tally.reindex()
		f.refigure()
	case pieceSites:
		if f.restoring == 0 {
			c.Fail("alarm: sites came before the head of the snapshot")
			break
		}
		w := sitePacker{Coder: c, format: f.restoring}
		var s site
		for c.Left() > 0 {
			s = site{}
			w.one(&s)
			if f.checkRestored(c, &s); c.Err() != nil {
				break
			}
			f.place(&s)
			if f.sites.find(s.number) != nil {
				c.Fail("alarm: site %d stands twice", s.number)
				break
			}
			f.sites.add(s)
		}
	default:
		c.Fail("alarm: a snapshot's piece has the unknown kind %d", kind)
	}
	return c.End()
}

// maxSitesAhead bounds the table that is made before the sites were read.
const maxSitesAhead = 4 << 20

// checkRestored refuses a site that refers to what is not there.
func (f *Fold) checkRestored(c *packed.Coder, s *site) {
	if int(s.class) >= len(f.classes.list) {
		c.Fail("alarm: site %d has the class %d of %d", s.number, s.class, len(f.classes.list))
	}
	s.eachPath(func(p *path) {
		if int(p.group) >= len(f.groups.list) {
			c.Fail("alarm: site %d has a path of group %d of %d", s.number, p.group, len(f.groups.list))
		}
		if int(p.carrier) >= len(f.carriers.list) {
			c.Fail("alarm: site %d has a path of carrier %d of %d", s.number, p.carrier, len(f.carriers.list))
		}
	})
	if s.cold == nil {
		return
	}
	for _, g := range append([]uint32{max(s.cold.held.under, 1) - 1}, s.cold.memberOf...) {
		if int(g) >= len(f.tally.groups) {
			c.Fail("alarm: site %d is in the group %d of %d", s.number, g, len(f.tally.groups))
		}
	}
}

// packHead walks over what the sites share. Figures follow from the policy.
func (f *Fold) packHead(c *packed.Coder, sites *uint64) {
	format := stateFormat
	packed.Uint(c, &format)
	if format == 0 || format > stateFormat {
		c.Fail("alarm: the state has format %d, this program reads up to %d", format, stateFormat)
		return
	}
	if c.Reading() {
		f.restoring = format
	}
	packed.Uint(c, sites)
	packed.List(c, &f.groups.list, c.String)
	packed.List(c, &f.classes.list, c.String)
	f.packReceivers(c)
	packed.Uint(c, &f.policy.version)
	c.Bytes(&f.policy.hash)
	packed.List(c, &f.policy.classes, func(p **vigiev1.ClassPolicy) { packed.Message(c, p) })
	packed.Uint(c, &f.openDetections)
	packed.Uint(c, &f.broadcast)
	packed.Uint(c, &f.degraded)
	if format >= formatFleet {
		f.packFleet(c)
	}
	if format >= formatFigures {
		packed.List(c, &f.policy.groups, func(p **vigiev1.GroupPolicy) { packed.Message(c, p) })
	}
}

// packReceivers walks over the groups of receivers in order of name.
func (f *Fold) packReceivers(c *packed.Coder) {
	known := slices.Sorted(maps.Keys(f.receivers))
	packed.List(c, &known, func(name *string) {
		c.String(name)
		group := f.receivers[*name]
		packed.Uint(c, &group)
		if c.Reading() {
			f.receivers[*name] = group
		}
	})
}

func (n *names) reindex() {
	if len(n.list) == 0 {
		n.list = []string{""}
	}
	clear(n.index)
	for i, name := range n.list {
		n.index[name] = uint16(i)
	}
}

// sitePacker walks over sites one after the other; what neighbours share costs
// a byte: times are distances from the site before.
type sitePacker struct {
	*packed.Coder
	// format of the bytes; what came with a newer one is not in older bytes.
	format     uint32
	at, heardS int64
}

func (w *sitePacker) one(s *site) {
	packed.Uint(w.Coder, &s.number)
	w.path(&s.first)
	w.Delta(&s.last, w.at)
	packed.Uint(w.Coder, &s.version)
	packed.Uint(w.Coder, &s.class)
	packed.Pointer(w.Coder, &s.cold, func(c *cold) { c.pack(w) })
}

func (w *sitePacker) path(p *path) {
	packed.Uint(w.Coder, &p.number)
	w.Delta(&p.heardAt, w.at)
	w.Delta(&p.heardS, w.heardS)
	w.Delta(&p.due, p.heardS)
	packed.Uint(w.Coder, &p.interval)
	packed.Uint(w.Coder, &p.group)
	packed.Uint(w.Coder, &p.status)
	w.Bool(&p.declared)
	w.Bool(&p.pinned)
	if w.format >= formatFleet {
		packed.Uint(w.Coder, &p.carrier)
	}
	w.at, w.heardS = p.heardAt, p.heardS
}

func id(c *packed.Coder) func(*ids.ID) {
	return func(v *ids.ID) { c.Array(v[:]) }
}
