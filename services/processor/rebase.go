package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// Republisher is a Fold that can say anew what it said last of everything that it
// holds, for topics that lost it. It changes nothing that a reader of the old
// topics would notice.
type Republisher interface{ Republish(ctx *Context) }

// ErrOtherRules: a state was made by rules that this program does not fold by.
var ErrOtherRules = errors.New("the state is of other rules than this program's")

// Rebased is what a partition of another log begins with.
type Rebased struct {
	Number  int32
	TopicID []byte
	At      time.Time
	// From holds the state by the name Name; To takes it in.
	From, To snapshot.Store
	Name     *vigiev1.Snapshot
}

// Rebase sets a partition's state at the beginning of another log: the audit chain,
// the clocks and the timers go on from it, offsets begin at 0. say takes what the
// fold says anew. What comes back is the progress record that makes it count. The
// error is ErrOtherRules, snapshot.ErrUnusable, or that of a store.
func Rebase(ctx context.Context, fold Fold, r Rebased, say func(*kgo.Record)) (*vigiev1.Progress, error) {
	p := newPartition(r.Number, fold)
	if r.Name.GetFoldVersion() != fold.Version() || r.Name.GetFormat() > stateFormat {
		return nil, fmt.Errorf("%w: it is of fold version %d, format %d; this program folds by %d and reads formats up to %d: load it with the release that wrote it",
			ErrOtherRules, r.Name.GetFoldVersion(), r.Name.GetFormat(), fold.Version(), stateFormat)
	}
	if err := r.From.Read(ctx, r.Name, p.takeRead); err != nil {
		return nil, err
	}
	if err := p.restored(); err != nil {
		return nil, fmt.Errorf("%w: %w", snapshot.ErrUnusable, err)
	}
	p.next = 0
	p.republish(say)
	z := p.freeze()
	z.name.Id, z.name.TopicId, z.name.TakenAtMs = snapshot.NewID(), r.TopicID, r.At.UnixMilli()
	if err := r.To.Write(ctx, z.name, z.frames()); err != nil {
		return nil, err
	}
	p.saved.named, p.saved.baseline = []*vigiev1.Snapshot{z.name}, z.name
	return p.progress(""), nil
}

// republish hands on what the fold says of all it holds. No record caused it.
func (p *partition) republish(say func(*kgo.Record)) {
	fold, can := p.fold.(Republisher)
	if !can {
		return
	}
	none := &kgo.Record{Partition: p.number, Offset: -1, Timestamp: time.UnixMilli(p.clock.w)}
	p.ctx.emit = func(o Output) {
		p.ctx.outs = 0 // It is no answer to one record, and has no bound.
		p.output(none, o)
		say(p.pending[0].record)
		p.drop(0)
	}
	fold.Republish(&p.ctx)
}
