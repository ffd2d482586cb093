package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// stablePatience is how long a restore waits for the transactions of the last
// owner to end; past it something holds the log and a person must look.
const stablePatience = 60 * time.Second

// restore brings a partition to the committed offset C, outputs off.
//
//  1. C is the group's committed offset, once no transaction is pending on it.
//  2. The progress record, read to the high watermark, must say the same: a
//     group offset that expired or was reset would double or lose everything.
//  3. What a rebuilt client kept is used as it stands; otherwise the log is
//     folded from its start.
func (p *Processor) restore(ctx context.Context, number int32, kept *partition) (*partition, error) {
	cl, err := kgo.NewClient(p.deps.Kafka.ReaderOpts(p.deps.Log)...)
	if err != nil {
		return nil, fmt.Errorf("restore partition %d: %w", number, err)
	}
	defer cl.Close()
	wait, done := context.WithTimeout(ctx, stablePatience)
	defer done()
	adm := kadm.NewClient(cl)
	topic := p.deps.Kafka.Topic(topics.Events)
	committed, err := p.committed(wait, adm, number)
	if err != nil {
		return nil, err
	}
	part := kept
	if part == nil {
		part = newPartition(number, p.cfg.NewFold())
		if err := p.startOfLog(wait, adm, part, topic); err != nil {
			return nil, err
		}
	}
	part.drop(committed)
	if part.next >= committed {
		return part, nil
	}
	start := time.Now()
	from := part.next
	part.quiet = true
	err = readRange(ctx, p.deps.Kafka.ReaderOpts(p.deps.Log), topic, number, from, committed, part.apply)
	part.quiet = false
	part.pending, part.urgent = nil, false
	if err != nil {
		return nil, fmt.Errorf("replay partition %d from %d to %d: %w", number, from, committed, err)
	}
	part.next = committed
	p.metrics.restored.Observe(time.Since(start).Seconds())
	p.deps.Log.Debug("processor: partition restored", "partition", number, "from", from, "to", committed, "took", time.Since(start))
	return part, nil
}

// startOfLog places a new partition where its log begins.
func (p *Processor) startOfLog(ctx context.Context, adm *kadm.Client, part *partition, topic string) error {
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err != nil {
		return fmt.Errorf("start of partition %d: %w", part.number, err)
	}
	start, ok := starts.Lookup(topic, part.number)
	if !ok || start.Err != nil {
		return fmt.Errorf("start of partition %d: %w", part.number, errors.Join(start.Err, errors.New("not listed")))
	}
	part.next = start.Offset
	if start.Offset > 0 {
		p.deps.Log.Error("processor: the log no longer begins at its first record; what came before is not in the states",
			"partition", part.number, "first_offset", start.Offset)
	}
	return nil
}

// committed is the offset that the group and the progress record agree on.
func (p *Processor) committed(ctx context.Context, adm *kadm.Client, number int32) (int64, error) {
	topic := p.deps.Kafka.Topic(topics.Events)
	offsets, err := committedOffsets(ctx, adm, p.cfg.Group, topic)
	if err != nil {
		return 0, err
	}
	group, provisioned := offsets[number]
	progress, err := p.lastProgress(ctx, adm, number)
	if err != nil {
		return 0, err
	}
	switch {
	case !provisioned && progress == nil:
		return 0, &fatalError{fmt.Errorf("group %s has no offset for %s partition %d: run `vigie provision` first", p.cfg.Group, topic, number)}
	case !provisioned:
		return 0, &fatalError{fmt.Errorf("group %s lost its offset for %s partition %d, but progress says %d: set it back with `vigie provision`, a start from 0 would double every output", p.cfg.Group, topic, number, progress.Offset)}
	case progress == nil && group != 0:
		return 0, &fatalError{fmt.Errorf("group %s stands at %d of %s partition %d, but no progress record says so: the topics are not of one installation", p.cfg.Group, group, topic, number)}
	case progress != nil && progress.Offset != group:
		return 0, &fatalError{fmt.Errorf("group %s stands at %d of %s partition %d, but progress says %d: somebody moved the offset; set it back", p.cfg.Group, group, topic, number, progress.Offset)}
	}
	return group, nil
}

// committedOffsets asks for a group's offsets until no transaction is pending on them.
func committedOffsets(ctx context.Context, adm *kadm.Client, group, topic string) (map[int32]int64, error) {
	for {
		found, err := adm.FetchOffsetsForTopics(kadm.RequireStable(ctx), group, topic)
		if err == nil {
			err = found.Error()
		}
		if errors.Is(err, kerr.UnstableOffsetCommit) || kerr.IsRetriable(err) {
			if pause(ctx, 100*time.Millisecond) == nil {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("committed offsets of group %s: %w", group, err)
		}
		out := map[int32]int64{}
		found.Each(func(o kadm.OffsetResponse) {
			if o.Topic == topic && o.At >= 0 {
				out[o.Partition] = o.At
			}
		})
		return out, nil
	}
}

// lastProgress reads the newest committed progress record. It is bounded by the
// high watermark read uncommitted, and waits for the last stable offset to reach
// it: bounded by the stable offset it would miss what a pending transaction hides.
func (p *Processor) lastProgress(ctx context.Context, adm *kadm.Client, number int32) (*vigiev1.Progress, error) {
	topic := p.deps.Kafka.Topic(topics.Progress)
	start, end, err := bounds(ctx, adm, topic, number)
	if err != nil {
		return nil, err
	}
	for {
		stable, err := adm.ListCommittedOffsets(ctx, topic)
		if err != nil {
			return nil, fmt.Errorf("stable offset of %s partition %d: %w", topic, number, err)
		}
		if at, ok := stable.Lookup(topic, number); ok && at.Err == nil && at.Offset >= end {
			break
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, fmt.Errorf("a transaction holds %s partition %d: %w", topic, number, err)
		}
	}
	if start == end {
		return nil, nil
	}
	var last *vigiev1.Progress
	opts := append(p.deps.Kafka.ReaderOpts(p.deps.Log), kgo.KeepControlRecords())
	err = readRange(ctx, opts, topic, number, start, end, func(r *kgo.Record) error {
		if r.Attrs.IsControl() {
			return nil
		}
		progress := &vigiev1.Progress{}
		if err := proto.Unmarshal(r.Value, progress); err != nil {
			return fmt.Errorf("progress record at %d: %w", r.Offset, err)
		}
		last = progress
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s partition %d: %w", topic, number, err)
	}
	return last, nil
}

func bounds(ctx context.Context, adm *kadm.Client, topic string, number int32) (start, end int64, err error) {
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("start of %s: %w", topic, err)
	}
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("end of %s: %w", topic, err)
	}
	first, ok1 := starts.Lookup(topic, number)
	last, ok2 := ends.Lookup(topic, number)
	if !ok1 || !ok2 || first.Err != nil || last.Err != nil {
		return 0, 0, fmt.Errorf("%s partition %d is not there: run `vigie provision` (%w)", topic, number, errors.Join(first.Err, last.Err))
	}
	return first.Offset, last.Offset, nil
}

// readRange hands each record of [from, to) to f, in order.
func readRange(ctx context.Context, opts []kgo.Opt, topic string, number int32, from, to int64, f func(*kgo.Record) error) error {
	cl, err := kgo.NewClient(append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {number: kgo.NewOffset().At(from)},
	}))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for next := from; next < to; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			if failed != nil || r.Offset >= to {
				next = max(next, r.Offset+1)
				return
			}
			failed = f(r)
			next = r.Offset + 1
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
