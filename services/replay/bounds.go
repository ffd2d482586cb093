package replay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

// Point is a place in the log: an offset, or a moment; the zero value is the
// beginning, or the end.
type Point struct {
	// Offset counts when Given is set and At is zero.
	Offset int64
	At     time.Time
	Given  bool
}

// Bounds finds the offsets between two points in each partition; partition -1 is
// all of them. No range goes past what processors have committed: nothing was said
// of what comes after.
func Bounds(ctx context.Context, opts Options, partition int32, from, to Point) (map[int32]Range, error) {
	cl, err := kgo.NewClient(opts.Kafka.ReaderOpts(opts.Log)...)
	if err != nil {
		return nil, fmt.Errorf("find the range: %w", err)
	}
	defer cl.Close()
	progress, err := eventlog.LastProgress(ctx, opts.Kafka, opts.Log)
	if err != nil {
		return nil, fmt.Errorf("find the range: %w", err)
	}
	adm, topic := kadm.NewClient(cl), opts.Kafka.Topic(topics.Events)
	froms, err := offsetsAt(ctx, adm, topic, from)
	if err != nil {
		return nil, err
	}
	tos, err := offsetsAt(ctx, adm, topic, to)
	if err != nil {
		return nil, err
	}
	ranges := map[int32]Range{}
	for number, committed := range progress {
		if partition >= 0 && number != partition {
			continue
		}
		first, _, err := eventlog.Bounds(ctx, adm, topic, number)
		if err != nil {
			return nil, err
		}
		r := Range{First: first, From: first, To: committed.GetOffset(), Snapshots: committed.GetSnapshots()}
		if base := committed.GetBaseline(); base != nil {
			r.Snapshots, r.Based = append(slices.Clone(r.Snapshots), base), true
		}
		if from.Given {
			r.From = max(first, froms(number))
		}
		if to.Given {
			r.To = min(r.To, tos(number))
		}
		ranges[number] = r
	}
	if partition >= 0 && len(ranges) == 0 {
		return nil, fmt.Errorf("partition %d was never folded, or is not there", partition)
	}
	return ranges, nil
}

// offsetsAt says the first offset of a partition at or after a point.
func offsetsAt(ctx context.Context, adm *kadm.Client, topic string, p Point) (func(int32) int64, error) {
	if !p.Given || p.At.IsZero() {
		return func(int32) int64 { return p.Offset }, nil
	}
	found, err := eventlog.Listed(ctx, topic, func() (kadm.ListedOffsets, error) { return adm.ListOffsetsAfterMilli(ctx, p.At.UnixMilli(), topic) })
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("where %s was at %s: %w", topic, p.At.Format(time.RFC3339), err)
	}
	return func(number int32) int64 {
		o, _ := found.Lookup(topic, number)
		return o.Offset
	}, nil
}
