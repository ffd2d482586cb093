package main

import (
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/processor"
)

// newSiteFold is the fold of sites as the engine runs it: package alarm is pure
// and knows no engine, the engine knows no alarms; here they meet.
func newSiteFold() processor.Fold { return siteFold{alarm.NewFold()} }

type siteFold struct{ fold *alarm.Fold }

func (f siteFold) Version() uint32 { return alarm.FoldVersion }

func (f siteFold) Apply(ctx *processor.Context, r processor.Record) {
	f.fold.Apply(siteEnv{ctx}, r.Partition, r.Offset, r.Log)
}

func (f siteFold) Fire(ctx *processor.Context, t processor.Timer) bool {
	return f.fold.Fire(siteEnv{ctx}, alarm.Timer{
		Absence: t.Class == processor.Absence, Group: t.Group, Deadline: t.Deadline, Site: t.Site, Kind: t.Kind, What: t.What,
	})
}

func (f siteFold) Counts() processor.Counts { return processor.Counts(f.fold.Counts()) }

// siteEnv is what package alarm sees of the engine.
type siteEnv struct{ *processor.Context }

func (e siteEnv) Emit(topic string, key []byte, value proto.Message, urgent bool) {
	e.Context.Emit(processor.Output{Topic: topic, Key: key, Value: value, Urgent: urgent})
}

func (e siteEnv) Arm(t alarm.Timer) {
	class := processor.Civil
	if t.Absence {
		class = processor.Absence
	}
	e.Context.Arm(processor.Timer{Class: class, Group: t.Group, Deadline: t.Deadline, Site: t.Site, Kind: t.Kind, What: t.What})
}
