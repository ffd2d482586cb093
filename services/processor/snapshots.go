package processor

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// Snapshots of the partitions that a session owns. The loop freezes a state
// right after a commit, where nothing is pending; everything else is a chore
// beside the loop, one at a time in a process:
//
//	write   chunks and manifest; then the loop names it in the next progress record
//	remove  what a confirmed progress record no longer names
//	sweep   once an assignment: what earlier owners began and never named
//
// A snapshot counts when a fenced transaction has named it. A zombie can write
// chunks, under keys of its own; it can name nothing.

const (
	// generations is how many named snapshots a partition has: the older one is
	// there for the day on which the newer one turns out damaged.
	generations = 2
	// chorePatience bounds a chore, and the reading of a snapshot.
	chorePatience = 2 * time.Minute
	// choreRest is how many times as long as encoding a snapshot took the next one
	// waits: whatever the load, they take a bounded share of a core. Encoding is
	// about half of their work.
	choreRest = 19
)

// Chores, as the metric of failures names them; reading is the restore's.
const (
	choreWrite  = "write"
	choreRemove = "remove"
	choreSweep  = "sweep"
	choreRead   = "read"
)

// Snapshots says how often states are kept.
type Snapshots struct {
	// Every is how old a snapshot may grow; 5 min by default, negative for none.
	Every time.Duration
	// Records is how many more may have been folded since; 500,000 by default. It
	// bounds the replay of a restore.
	Records int
}

func (s Snapshots) withDefaults() Snapshots {
	if s.Every == 0 {
		s.Every = 5 * time.Minute
	}
	if s.Records <= 0 {
		s.Records = 500_000
	}
	return s
}

// saved is what a partition knows of its snapshots.
type saved struct {
	// named go into each progress record, newest first.
	named []*vigiev1.Snapshot
	// baseline is the state that the log began with; nil for an empty one.
	baseline *vigiev1.Snapshot
	// dropped are not named any more, by a record that is not confirmed yet.
	dropped []*vigiev1.Snapshot
	// waste may be removed.
	waste []*vigiev1.Snapshot
	// sweepTo is the offset up to which snapshots are of earlier owners; mine says
	// that a commit of ours is confirmed, so that none of them can be named any more.
	sweepTo     int64
	swept, mine bool
	// at and offset are those of the newest one, taken or tried.
	at      time.Time
	offset  int64
	topicID []byte
}

// saved is where a restored partition begins. The first snapshot of each comes
// after another part of the interval: they are spread over it.
func (r *recovery) saved(now time.Time, every time.Duration) saved {
	v := saved{named: r.named, baseline: r.progress.GetBaseline(), sweepTo: r.committed, topicID: r.topicID}
	if len(r.named) > 0 {
		v.offset = r.named[0].GetOffset()
	}
	v.at = now.Add(-time.Duration(float64(max(every, 0)) * float64(bits.Reverse32(uint32(r.number))) / (1 << 32)))
	return v
}

// confirm notes that a transaction holds the names as they are.
func (v *saved) confirm() {
	v.waste = append(v.waste, v.dropped...)
	v.dropped, v.mine = nil, true
}

// name takes a new generation in; the oldest goes.
func (v *saved) name(n *vigiev1.Snapshot) {
	all := append([]*vigiev1.Snapshot{n}, v.named...)
	keep := min(len(all), generations)
	v.named = all[:keep:keep]
	for _, old := range all[keep:] {
		if v.baseline == nil || !bytes.Equal(old.GetId(), v.baseline.GetId()) {
			v.dropped = append(v.dropped, old)
		}
	}
}

func (v *saved) due(now time.Time, next int64, cfg Snapshots) bool {
	since := next - v.offset
	return cfg.Every > 0 && since > 0 && (since >= int64(cfg.Records) || now.Sub(v.at) >= cfg.Every)
}

// chore is a piece of work beside the loop.
type chore struct {
	what string
	part *partition
	do   func(context.Context) error
	// done is the loop's, once do has succeeded.
	done func()
	took time.Duration
	// rest is how long no other snapshot begins.
	rest time.Duration
	err  error
}

// startChore begins the most urgent chore, if none is under way. It is called
// right after a confirmed commit: every partition owned stands at its committed
// offset.
func (s *session) startChore() {
	if s.busy {
		return
	}
	c := s.nextChore(time.Now())
	if c == nil {
		return
	}
	s.busy = true
	s.beside(func(ctx context.Context) {
		ctx, done := context.WithTimeout(ctx, chorePatience)
		defer done()
		start := time.Now()
		c.err = c.do(ctx)
		c.took = time.Since(start)
		s.chores <- c
	})
}

// nextChore lets snapshots that are due and the removal of what is not needed
// take turns, so that neither starves the other.
func (s *session) nextChore(now time.Time) *chore {
	var oldest, wasteful, unswept *partition
	for _, part := range s.owned {
		v := &part.saved
		if part.stands || s.p.waits(part.number) {
			continue // Its next progress record, which would name one, may be far.
		}
		if len(part.pending) == 0 && v.due(now, part.next, s.p.cfg.Snapshots) && (oldest == nil || v.at.Before(oldest.saved.at)) {
			oldest = part
		}
		if len(v.waste) > 0 {
			wasteful = part
		}
		if v.mine && !v.swept {
			unswept = part
		}
	}
	cleaning := wasteful != nil || unswept != nil
	write := oldest != nil && !now.Before(s.restUntil) && !(s.wrote && cleaning)
	s.wrote = write
	switch {
	case write:
		return s.writing(oldest, now)
	case unswept != nil: // once an assignment; there may always be waste
		return s.sweeping(unswept)
	case wasteful != nil:
		return s.removal(wasteful)
	}
	return nil
}

func (s *session) removal(part *partition) *chore {
	waste := part.saved.waste
	part.saved.waste = nil // What fails now is left to the next owner's sweep.
	return &chore{what: choreRemove, part: part, do: func(ctx context.Context) error { return s.p.store.Remove(ctx, waste) }}
}

func (s *session) sweeping(part *partition) *chore {
	part.saved.swept = true
	keep, upTo := slices.Clone(part.saved.named), part.saved.sweepTo
	if part.saved.baseline != nil {
		keep = append(keep, part.saved.baseline)
	}
	return &chore{what: choreSweep, part: part, do: func(ctx context.Context) error {
		n, err := s.p.store.Sweep(ctx, part.number, upTo, keep)
		if n > 0 {
			s.p.deps.Log.Info("processor: snapshots that nobody had named were removed", "partition", part.number, "snapshots", n)
		}
		return err
	}}
}

// writing freezes the state: the one moment for which the partition stands still.
func (s *session) writing(part *partition, now time.Time) *chore {
	start := time.Now()
	z := part.freeze()
	s.p.metrics.snapshotStop.Observe(time.Since(start).Seconds())
	z.name.Id, z.name.TopicId, z.name.TakenAtMs = snapshot.NewID(), part.saved.topicID, now.UnixMilli()
	part.saved.at, part.saved.offset = now, part.next
	c := &chore{what: choreWrite, part: part, done: func() { part.saved.name(z.name) }}
	c.do = func(ctx context.Context) error {
		frames, encoding := timed(z.frames())
		defer func() { c.rest = choreRest * *encoding }()
		return s.p.store.Write(ctx, z.name, frames)
	}
	return c
}

// timed measures what frames cost by themselves, without what is done with them.
func timed(frames iter.Seq[[]byte]) (iter.Seq[[]byte], *time.Duration) {
	took := new(time.Duration)
	return func(yield func([]byte) bool) {
		resumed := time.Now()
		frames(func(frame []byte) bool {
			*took += time.Since(resumed)
			more := yield(frame)
			resumed = time.Now()
			return more
		})
	}, took
}

// takeChore takes the result of a chore in. What it names on a partition that was
// lost meanwhile is never told: when it comes back it is another one.
func (s *session) takeChore() {
	select {
	case c := <-s.chores:
		s.busy = false
		if c.rest > 0 {
			s.restUntil = time.Now().Add(c.rest)
		}
		switch {
		case c.err != nil:
			s.p.metrics.snapshotFailed(c.what)
			s.p.deps.Log.Warn(fmt.Sprintf("processor: a snapshot's %s failed", c.what), "partition", c.part.number, "because", c.err)
		case c.what == choreWrite:
			s.p.metrics.snapshotWritten(c.took)
		}
		if c.err == nil && c.done != nil {
			c.done()
		}
	default:
	}
}
