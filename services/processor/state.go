package processor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"iter"
	"slices"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// The state of a partition as bytes: a head (clocks, chain, counts), the timers
// in order, then the fold's pieces. Equal states give equal
// bytes. Pending outputs are no part of it: a state is frozen only where a
// confirmed transaction holds them all.

// stateFormat is the newest encoding of what the engine keeps; the fold's pieces
// have formats of their own. Bytes of every format are read for ever.
//
// Since 2 it has what counts against maxFailover, and the last adjustment; since 3
// what S is still to stand for after a pause; since 4 the bounds of the pause, and
// what comes in.
const stateFormat uint32 = 4

// timersPerFrame bounds a frame of timers: 64 kB, about.
const timersPerFrame = 4_096

// Kinds of frames.
const (
	frameHead uint8 = iota + 1
	frameTimers
	frameFold
)

// frozen is a partition at one offset. One goroutine may read it once, beside
// the partition.
type frozen struct {
	name   *vigiev1.Snapshot
	head   []byte
	timers []frozenTimers
	fold   Frozen
}

// frozenTimers are those of one clock, in no order until they are encoded.
type frozenTimers struct {
	class  TimerClass
	group  string
	timers []armed
}

// freeze copies what changes in place and takes references to the rest.
func (p *partition) freeze() *frozen {
	if len(p.pending) > 0 {
		panic("processor: a state is frozen while outputs wait for their transaction")
	}
	z := &frozen{
		timers: p.timers.freeze(), fold: p.fold.Snapshot(),
		name: &vigiev1.Snapshot{Partition: uint32(p.number), Offset: p.next, FoldVersion: p.fold.Version(), Format: stateFormat},
	}
	head := packed.Writer([]byte{frameHead})
	p.packHead(head)
	z.head = head.Written()
	return z
}

// frames are the bytes of the state. Each is good until the next is asked for.
func (z *frozen) frames() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !yield(z.head) || !z.timerFrames(yield) {
			return
		}
		b := make([]byte, 0, 128<<10)
		for more := true; more; {
			c := packed.Writer(append(b[:0], frameFold))
			more = z.fold.Next(c)
			b = c.Written()
			if !yield(b) {
				return
			}
		}
	}
}

func (z *frozen) timerFrames(yield func([]byte) bool) bool {
	for _, q := range z.timers {
		slices.SortFunc(q.timers, armed.compare)
		all := len(q.timers)
		for list := range slices.Chunk(q.timers, timersPerFrame) {
			c := packed.Writer([]byte{frameTimers})
			packTimers(c, &q.class, &q.group, &all, &list)
			if !yield(c.Written()) {
				return false
			}
		}
	}
	return true
}

// hash is SHA-256 over the frames: two states of equal hash are one state.
func (z *frozen) hash() [sha256.Size]byte {
	sum := sha256.New()
	for frame := range z.frames() {
		addFrame(sum, frame)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

func addFrame(sum hash.Hash, frame []byte) {
	sum.Write(binary.AppendUvarint(nil, uint64(len(frame))))
	sum.Write(frame)
}

// packHead walks over what the engine keeps besides timers. What is read is
// compared with the partition that it is read into.
func (p *partition) packHead(c *packed.Coder) {
	format, number, version, counts, timers := stateFormat, p.number, p.fold.Version(), p.fold.Counts(), p.timers.size()
	packed.Uint(c, &format)
	if format == 0 || format > stateFormat {
		c.Fail("the state has format %d, this program reads up to %d", format, stateFormat)
		return
	}
	packed.Int(c, &number)
	packed.Uint(c, &version)
	packed.Int(c, &p.next)
	c.Array(p.chain.Hash[:])
	packed.Uint(c, &p.chain.Ordinal)
	p.clock.pack(c, format)
	packed.Int(c, &timers)
	for _, n := range []*uint64{&counts.Sites, &counts.OpenDetections, &counts.PolicyVersion, &counts.BroadcastVersion, &counts.Degraded} {
		packed.Uint(c, n)
	}
	if c.Reading() {
		p.expect(c, number, version, timers, counts)
	}
}

// errSeen ends the reading of a state whose head is enough.
var errSeen = errors.New("the head was seen")

// SnapshotChain reads the audit chain out of a named snapshot, of whatever fold
// version: the offset that it stands at, and the chain before it. The error is the
// store's, or says that this is no state.
func SnapshotChain(ctx context.Context, store snapshot.Store, name *vigiev1.Snapshot) (offset int64, c chain.Chain, err error) {
	err = store.Read(ctx, name, func(frame []byte) error {
		if len(frame) == 0 || frame[0] != frameHead {
			return fmt.Errorf("%w: it does not begin with a head", snapshot.ErrUnusable)
		}
		var format, version uint32
		var number int32
		head := packed.Reader(frame[1:])
		packed.Uint(head, &format)
		packed.Int(head, &number)
		packed.Uint(head, &version)
		packed.Int(head, &offset)
		head.Array(c.Hash[:])
		packed.Uint(head, &c.Ordinal)
		if err := head.Err(); err != nil {
			return fmt.Errorf("%w: %w", snapshot.ErrUnusable, err)
		}
		return errSeen
	})
	if errors.Is(err, errSeen) {
		err = nil
	}
	return offset, c, err
}

// expect notes what the rest of the state must come to.
func (p *partition) expect(c *packed.Coder, number int32, version uint32, timers int, counts Counts) {
	if number != p.number || version != p.fold.Version() {
		c.Fail("the state is of partition %d, fold version %d; this is partition %d, fold version %d", number, version, p.number, p.fold.Version())
	}
	p.restoring = &restoring{timers: timers, counts: counts}
}

// restoring is what a partition must come to when its state has been read whole.
type restoring struct {
	timers int
	counts Counts
}

// takeFrame takes in one frame of a state. A new partition that was given all of
// them, in order, is the one that was frozen.
func (p *partition) takeFrame(frame []byte) error {
	if len(frame) == 0 {
		return fmt.Errorf("a frame of the state is empty")
	}
	c := packed.Reader(frame[1:])
	kind := frame[0]
	switch {
	case kind == frameHead && p.restoring == nil:
		p.packHead(c)
	case kind == frameTimers && p.restoring != nil:
		var class TimerClass
		var group string
		var all int
		var list []armed
		packTimers(c, &class, &group, &all, &list)
		if c.Err() == nil {
			p.timers.take(class, group, list)
		}
	case kind == frameFold && p.restoring != nil:
		if err := p.fold.Restore(c); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a frame of kind %d stands where none may", kind)
	}
	return c.End()
}

// restored says whether the state has been read whole.
func (p *partition) restored() error {
	switch want := p.restoring; {
	case want == nil:
		return fmt.Errorf("the state has no head")
	case want.timers != p.timers.size():
		return fmt.Errorf("the state has %d timers, its head says %d", p.timers.size(), want.timers)
	case want.counts != p.fold.Counts():
		return fmt.Errorf("the fold counts %+v, the head of the state says %+v", p.fold.Counts(), want.counts)
	}
	p.restoring = nil
	return nil
}

// packTimers walks over some timers of one clock; all is how many it has.
func packTimers(c *packed.Coder, class *TimerClass, group *string, all *int, list *[]armed) {
	packed.Uint(c, class)
	c.String(group)
	packed.Int(c, all)
	before := int64(0)
	packed.List(c, list, func(a *armed) {
		c.Delta(&a.deadline, before)
		before = a.deadline
		packed.Uint(c, &a.site)
		packed.Uint(c, &a.kind)
		packed.Uint(c, &a.what)
	})
}

// freeze copies what is armed.
func (q *timerQueue) freeze() []frozenTimers {
	out := []frozenTimers{{class: Civil, timers: q.civil.all()}}
	for _, g := range q.absence {
		out = append(out, frozenTimers{class: Absence, group: g.group, timers: g.all()})
	}
	return out
}

// take arms what was frozen; older states have it in another order.
func (q *timerQueue) take(class TimerClass, group string, list []armed) {
	w := q.of(class, group)
	for _, a := range list {
		w.arm(a)
	}
}

func (c *clock) pack(p *packed.Coder, format uint32) {
	packed.Int(p, &c.w)
	packed.Int(p, &c.jump)
	if format >= 2 {
		p.Bytes(&c.adjusted)
	}
	packed.List(p, &c.writers, func(w *writer) {
		p.String(&w.name)
		p.Bytes(&w.boot)
		p.String(&w.group)
		packed.Int(p, &w.t)
		packed.Int(p, &w.silence)
		p.Bool(&w.aside)
		packed.Uint(p, &w.sequence)
		packed.Uint(p, &w.gaps)
		if format >= 2 {
			packed.Int(p, &w.since)
		}
	})
	packed.List(p, &c.groups, func(g *groupClock) {
		p.String(&g.name)
		packed.Int(p, &g.t)
		packed.Int(p, &g.now)
		packed.List(p, &g.segments, func(s *segment) {
			for _, v := range []*int64{&s.t0, &s.t1, &s.s0, &s.s1} {
				packed.Int(p, v)
			}
		})
		if format < 2 {
			return
		}
		packed.Int(p, &g.degraded)
		packed.List(p, &g.failovers, func(f *failover) {
			packed.Int(p, &f.at)
			packed.Int(p, &f.length)
		})
		if format >= 3 {
			packed.Int(p, &g.allowed)
		}
		if format >= 4 {
			packed.Int(p, &g.silent)
			packed.Int(p, &g.back)
			g.ingress.pack(p)
		}
	})
}
