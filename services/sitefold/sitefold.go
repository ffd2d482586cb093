// Package sitefold runs the fold of a site in the engine: package alarm is pure
// and knows no engine, the processor knows no alarms; here they meet. The
// processor role and everybody who checks it from outside (the kill tests, the
// load lab's oracle) fold by the same code.
package sitefold

import (
	"log/slog"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/processor"
)

// New makes the folds of sites as the engine runs them, one a partition. A fold
// that fails on a site is told to log once and goes on by a minimal rule.
func New(log *slog.Logger) func() processor.Fold {
	return func() processor.Fold { return &siteFold{fold: alarm.NewFold(), log: log} }
}

type siteFold struct {
	fold *alarm.Fold
	log  *slog.Logger
	// degraded is how many failures were told.
	degraded uint64
}

func (f *siteFold) Version() uint32 { return alarm.FoldVersion }

func (f *siteFold) Apply(ctx *processor.Context, r processor.Record) {
	f.fold.Apply(siteEnv{ctx}, r.Partition, r.Offset, r.Log)
	if n := f.fold.Counts().Degraded; n > f.degraded {
		f.degraded = n
		f.log.Error("the fold failed on a site, which a minimal rule keeps from here on: report this",
			"partition", r.Partition, "offset", r.Offset, "failure", f.fold.Failure())
	}
}

func (f *siteFold) Fire(ctx *processor.Context, t processor.Timer) bool {
	return f.fold.Fire(siteEnv{ctx}, alarm.Timer{
		Absence: t.Class == processor.Absence, Group: t.Group, Deadline: t.Deadline, Site: t.Site, Kind: t.Kind, What: t.What,
	})
}

func (f *siteFold) Counts() processor.Counts { return processor.Counts(f.fold.Counts()) }

// Republish says the public state anew: see processor.Republisher.
func (f *siteFold) Republish(ctx *processor.Context) { f.fold.Republish(siteEnv{ctx}) }

func (f *siteFold) Snapshot() processor.Frozen { return f.fold.Snapshot() }

// Restore takes in a piece; the failures that it tells of were told before.
func (f *siteFold) Restore(piece *packed.Coder) error {
	err := f.fold.Restore(piece)
	f.degraded = f.fold.Counts().Degraded
	return err
}

// siteEnv is what package alarm sees of the engine.
type siteEnv struct{ *processor.Context }

func (e siteEnv) Emit(topic string, key []byte, value proto.Message, urgent bool) {
	e.Context.Emit(processor.Output{Topic: topic, Key: key, Value: value, Urgent: urgent})
}

func (e siteEnv) Listening() []alarm.Listening {
	told := e.Context.Listening()
	out := make([]alarm.Listening, len(told))
	for i, l := range told {
		out[i] = alarm.Listening(l)
	}
	return out
}

func (e siteEnv) Arm(t alarm.Timer) {
	class := processor.Civil
	if t.Absence {
		class = processor.Absence
	}
	e.Context.Arm(processor.Timer{Class: class, Group: t.Group, Deadline: t.Deadline, Site: t.Site, Kind: t.Kind, What: t.What})
}
