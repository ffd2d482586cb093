// Package fleetfold runs the fold of the fleet in the engine: package fleet is pure
// and knows no engine, the processor knows no fleet; here they meet.
package fleetfold

import (
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/fleet"
	"github.com/open-vigie/vigie/services/processor"
)

// New makes the fold of the fleet as the engine runs it, over a log of so many
// partitions.
func New(partitions int32) func() processor.Fold {
	return func() processor.Fold { return &fleetFold{fleet.New(partitions)} }
}

type fleetFold struct{ fold *fleet.Fold }

func (f *fleetFold) Version() uint32 { return fleet.FoldVersion }

func (f *fleetFold) Apply(ctx *processor.Context, r processor.Record) { f.fold.Apply(env{ctx}, r.Log) }

// Fire is never called: the ticks are the fleet's time.
func (f *fleetFold) Fire(*processor.Context, processor.Timer) bool { return false }

func (f *fleetFold) Counts() processor.Counts {
	_, open, policy, said := f.fold.Counts()
	return processor.Counts{OpenDetections: open, PolicyVersion: policy, BroadcastVersion: said}
}

// Time is the last tick that all partitions have told.
func (f *fleetFold) Time() int64 { return f.fold.Applied() }

func (f *fleetFold) Snapshot() processor.Frozen { return f.fold.Snapshot() }

func (f *fleetFold) Restore(piece *packed.Coder) error { return f.fold.Restore(piece) }

// env is what package fleet sees of the engine.
type env struct{ *processor.Context }

func (e env) Emit(topic string, key []byte, value proto.Message) {
	e.Context.Emit(processor.Output{Topic: topic, Key: key, Value: value, Urgent: true})
}

func (e env) Broadcast(b *vigiev1.Broadcast) {
	e.Context.Emit(processor.Output{
		Value:  &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Broadcast{Broadcast: b}},
		Urgent: true, Everywhere: true,
	})
}
