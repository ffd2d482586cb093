package processor

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Replay folds records of one partition, from its first on, in one thread and
// without a broker, and returns the outputs in order as the processor would
// append them, topics without prefix. It is what any live run must equal.
func Replay(number int32, fold Fold, records []*kgo.Record) ([]*kgo.Record, error) {
	r := NewReplayer(number, fold)
	if err := r.Apply(records...); err != nil {
		return nil, err
	}
	return r.Take(), nil
}

// Replayer is one partition in one thread and without a broker, for Replay, for
// package foldtest and for who looks at a state.
type Replayer struct{ p *partition }

// NewReplayer begins at the first record of a partition, with an empty fold.
func NewReplayer(number int32, fold Fold) *Replayer { return &Replayer{newPartition(number, fold)} }

// RestoreReplayer begins where a state was frozen. read hands its frames on, in
// order, as a store does.
func RestoreReplayer(number int32, fold Fold, read func(take func(frame []byte) error) error) (*Replayer, error) {
	p := newPartition(number, fold)
	if err := read(p.takeRead); err != nil {
		return nil, err
	}
	return &Replayer{p}, p.restored()
}

// Apply folds records; those before the next offset are passed over.
func (r *Replayer) Apply(records ...*kgo.Record) error {
	for _, record := range records {
		if err := r.p.apply(record); err != nil {
			return err
		}
	}
	return nil
}

// Quiet says whether outputs are left out from here on, which is faster: what came
// before a stretch that somebody asks for.
func (r *Replayer) Quiet(quiet bool) { r.p.quiet = quiet }

// Take returns the outputs since the last Take, in order.
func (r *Replayer) Take() []*kgo.Record {
	outputs := make([]*kgo.Record, len(r.p.pending))
	for i, out := range r.p.pending {
		outputs[i] = out.record
	}
	r.p.drop(r.p.next)
	return outputs
}

// Freeze freezes the state as it is now, when all outputs were taken. What it
// returns are the frames, encoded when they are asked for, once, in any
// goroutine; each is good until the next.
func (r *Replayer) Freeze() iter.Seq[[]byte] { return r.p.freeze().frames() }
