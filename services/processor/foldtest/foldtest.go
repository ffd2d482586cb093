// Package foldtest tries the contract of processor.Fold on any fold, over random
// histories. A fold that passes can be killed, frozen, restored and cut into any
// batches, and nobody can tell from its outputs.
package foldtest

import (
	"bytes"
	"fmt"
	"iter"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/services/processor"
)

// partition of the records that Conform folds.
const partition = 3

// Conform tries the contract on histories that draw gives: records of one
// partition, offsets rising.
func Conform(t *testing.T, newFold func() processor.Fold, draw func(*rapid.T) []*kgo.Record) {
	for name, rule := range map[string]func(*rapid.T, func() processor.Fold, []*kgo.Record){
		"the same history gives the same bytes":         deterministic,
		"a restored fold goes on as the one frozen":     snapshotIsReplay,
		"outputs do not depend on where batches end":    batchesDoNotShow,
		"two restores are one state":                    restoresAreEqual,
		"nothing of a record is kept":                   recordsAreBorrowed,
		"bytes cut off or changed are an error at most": damageIsAnError,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { rule(t, newFold, draw(t)) })
		})
	}
}

// run is what a history, or a part of it, gave.
type run struct {
	outputs []*kgo.Record
	state   [][]byte
}

// fold folds records to their end.
func fold(t *rapid.T, r *processor.Replayer, records []*kgo.Record) run {
	if err := r.Apply(records...); err != nil {
		t.Fatal(err)
	}
	return run{r.Take(), frames(r.Freeze())}
}

func deterministic(t *rapid.T, newFold func() processor.Fold, records []*kgo.Record) {
	one := fold(t, processor.NewReplayer(partition, newFold()), records)
	two := fold(t, processor.NewReplayer(partition, newFold()), records)
	one.mustEqual(t, two)
}

// snapshotIsReplay also encodes the frozen state late, while the fold has gone on.
func snapshotIsReplay(t *rapid.T, newFold func() processor.Fold, records []*kgo.Record) {
	cut := rapid.IntRange(0, len(records)).Draw(t, "cut")
	live := processor.NewReplayer(partition, newFold())
	before := fold(t, live, records[:cut])
	frozen := live.Freeze()
	after := fold(t, live, records[cut:])
	late := frames(frozen)
	if err := sameFrames(late, before.state); err != nil {
		t.Fatalf("the frozen state moved with the fold: %v", err)
	}
	after.mustEqual(t, fold(t, restore(t, newFold, late), records[cut:]))
}

func batchesDoNotShow(t *rapid.T, newFold func() processor.Fold, records []*kgo.Record) {
	want := fold(t, processor.NewReplayer(partition, newFold()), records)
	r := processor.NewReplayer(partition, newFold())
	var got run
	for rest := records; len(rest) > 0; {
		n := rapid.IntRange(1, len(rest)).Draw(t, "batch")
		batch := fold(t, r, rest[:n])
		got.outputs, got.state, rest = append(got.outputs, batch.outputs...), batch.state, rest[n:]
	}
	if len(records) > 0 {
		want.mustEqual(t, got)
	}
}

func restoresAreEqual(t *rapid.T, newFold func() processor.Fold, records []*kgo.Record) {
	state := fold(t, processor.NewReplayer(partition, newFold()), records).state
	for range 2 {
		if err := sameFrames(frames(restore(t, newFold, state).Freeze()), state); err != nil {
			t.Fatalf("a restored state is not the one frozen: %v", err)
		}
	}
}

// damageIsAnError asks for no panic; that bytes are the right ones is for the
// hash of the whole to say.
func damageIsAnError(t *rapid.T, newFold func() processor.Fold, records []*kgo.Record) {
	state := fold(t, processor.NewReplayer(partition, newFold()), records).state
	i := rapid.IntRange(0, len(state)-1).Draw(t, "frame")
	damaged := append([][]byte(nil), state...)
	at := rapid.IntRange(0, len(state[i])-1).Draw(t, "at")
	if rapid.Bool().Draw(t, "cut") {
		damaged[i] = state[i][:at]
		if _, err := processor.RestoreReplayer(partition, newFold(), in(damaged)); err == nil {
			t.Fatalf("frame %d cut off at %d of %d was taken", i, at, len(state[i]))
		}
		return
	}
	damaged[i] = bytes.Clone(state[i])
	damaged[i][at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	if r, err := processor.RestoreReplayer(partition, newFold(), in(damaged)); err == nil {
		frames(r.Freeze())
	}
}

// frames keeps a state.
func frames(state iter.Seq[[]byte]) (out [][]byte) {
	for frame := range state {
		out = append(out, bytes.Clone(frame))
	}
	return out
}

// in hands a state on, as a store does.
func in(state [][]byte) func(func([]byte) error) error {
	return func(take func([]byte) error) error {
		for i, frame := range state {
			if err := take(frame); err != nil {
				return fmt.Errorf("frame %d: %w", i, err)
			}
		}
		return nil
	}
}

func restore(t *rapid.T, newFold func() processor.Fold, state [][]byte) *processor.Replayer {
	r, err := processor.RestoreReplayer(partition, newFold(), in(state))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r run) mustEqual(t *rapid.T, other run) {
	if err := sameOutputs(r.outputs, other.outputs); err != nil {
		t.Fatal(err)
	}
	if err := sameFrames(r.state, other.state); err != nil {
		t.Fatalf("the states at the end: %v", err)
	}
}

func sameOutputs(a, b []*kgo.Record) error {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x.Topic != y.Topic || !bytes.Equal(x.Key, y.Key) || !bytes.Equal(x.Value, y.Value) || !x.Timestamp.Equal(y.Timestamp) || fmt.Sprint(x.Headers) != fmt.Sprint(y.Headers) {
			return fmt.Errorf("output %d differs: %s %q and %s %q", i, x.Topic, x.Key, y.Topic, y.Key)
		}
	}
	if len(a) != len(b) {
		return fmt.Errorf("%d outputs and %d", len(a), len(b))
	}
	return nil
}

func sameFrames(a, b [][]byte) error {
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			return fmt.Errorf("frame %d differs", i)
		}
	}
	if len(a) != len(b) {
		return fmt.Errorf("%d frames and %d", len(a), len(b))
	}
	return nil
}
