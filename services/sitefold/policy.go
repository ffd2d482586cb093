package sitefold

import (
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/processor"
)

// JudgedBy is a fold that judges what stands at offset from, and after it, by
// another policy, whatever policies the log holds there. It changes nothing in
// what came before. hear gives what a fleet that judges by the policy, too, has said
// to a partition since it was last asked, in place of what the log holds of that; nil
// leaves the log's.
func JudgedBy(fold processor.Fold, policy *vigiev1.Policy, from int64, hear func(partition int32) []*vigiev1.Broadcast) processor.Fold {
	tried := alarm.Stamped(&vigiev1.Policy{Author: policy.GetAuthor(), Classes: policy.GetClasses(), Groups: policy.GetGroups()}, alarm.TriedVersion, 1)
	return &judgedBy{Fold: fold, from: from, hear: hear, policy: &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: tried}}}
}

type judgedBy struct {
	processor.Fold
	policy  *vigiev1.LogRecord
	from    int64
	hear    func(partition int32) []*vigiev1.Broadcast
	inForce bool
}

func (f *judgedBy) Apply(ctx *processor.Context, r processor.Record) {
	if r.Offset < f.from {
		f.Fold.Apply(ctx, r)
		return
	}
	if !f.inForce {
		f.inForce = true
		first := r
		first.Log = f.policy
		f.Fold.Apply(ctx, first)
	}
	if f.hear != nil {
		for _, said := range f.hear(r.Partition) {
			heard := r
			heard.Log = &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Broadcast{Broadcast: said}}
			f.Fold.Apply(ctx, heard)
		}
		if ofTheFleet(r.Log.GetBroadcast()) {
			return
		}
	}
	if r.Log.GetPolicy() == nil {
		f.Fold.Apply(ctx, r)
	}
}

// ofTheFleet says that the fold of the fleet said it.
func ofTheFleet(b *vigiev1.Broadcast) bool {
	return b.GetFleetVerdict() != nil || b.GetFleetSetAside() != nil || b.GetOperatorLeft() != nil
}
