// Package replay folds the past again, from the log alone and beside everything
// that runs: to see it, to compare it with what was said then, or to learn what
// another policy would have made of it. It writes to no topic of the log's prefix.
//
// A replay streams: of the log it holds what is on the wire, of the outputs only
// what differs (diff.go).
package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
	"github.com/open-vigie/vigie/services/sitefold"
)

// Options of Run.
type Options struct {
	Kafka eventlog.Config
	Log   *slog.Logger
	// Ranges are the offsets to give outputs of, by partition; Bounds makes them.
	Ranges map[int32]Range
	// Policy judges what stands in the ranges; nil for the policies of the log.
	Policy *vigiev1.Policy
	// Store keeps the snapshots, the nearest of which a replay begins at.
	Store snapshot.Store
	// Out takes each output as a line of JSON; nil for none.
	Out io.Writer
	// Copy takes each output, as the processor would have written it; nil for none.
	Copy *Copy
	// Compare compares with what was said then.
	Compare bool
	// Parallel is how many partitions are folded at once; 2 by default.
	Parallel int
	// Done and Total count records, for who shows how far it is.
	Done, Total *atomic.Int64
}

// Range of offsets of a partition: [From, To).
type Range struct {
	From, To int64
	// First is the first offset that the log holds.
	First int64
	// Snapshots that may be begun at.
	Snapshots []*vigiev1.Snapshot
	// Based says that the log began with a baseline, the last of the snapshots: the
	// log alone gives no state.
	Based bool
}

// Report says what a replay came to.
type Report struct {
	// Folded records, of which Judged stand in the ranges; Outputs that these gave.
	Folded, Judged, Outputs int64
	// Begun says where each partition's replay began: an offset, 0 for the first record.
	Begun map[int32]int64
	// Rows are the differences by kind; nil when nothing was compared.
	Rows []Row
	// NotComparable incidents went on after the range: their record of then is gone.
	NotComparable int
}

type runner struct {
	Options
	mu     sync.Mutex
	report *Report
	table  *table
	// tried is the fleet that judges by another policy; nil without one.
	tried *triedFleet
}

// Run replays.
func Run(ctx context.Context, opts Options) (*Report, error) {
	r := &runner{Options: opts, report: &Report{Begun: map[int32]int64{}}, table: newTable()}
	fleet, err := r.beginFleet(ctx)
	if err != nil {
		return nil, fmt.Errorf("replay the fleet: %w", err)
	}
	if fleet != nil && r.Policy != nil {
		r.tried = newTriedFleet(fleet, len(opts.Ranges))
	}
	if err := r.partitions(ctx); err != nil {
		return nil, err
	}
	if fleet != nil {
		if err := r.judgeFleet(ctx, fleet); err != nil {
			return nil, err
		}
	}
	if r.Copy != nil {
		if err := r.Copy.Flush(context.WithoutCancel(ctx)); err != nil {
			return nil, err
		}
	}
	if opts.Compare {
		r.report.Rows, r.report.NotComparable = r.table.rows(), r.table.notComparable
	}
	return r.report, nil
}

// partitions replays each of them; in step with the fleet all at once.
func (r *runner) partitions(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(r.Parallel, 2))
	if r.tried != nil {
		group.SetLimit(len(r.Ranges))
	}
	for number, bounds := range r.Ranges {
		if bounds.From >= bounds.To {
			continue
		}
		group.Go(func() error {
			if r.tried != nil {
				defer r.tried.end(number)
			}
			if err := r.partition(ctx, number, bounds); err != nil {
				return fmt.Errorf("replay partition %d: %w", number, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// fold is the fold of a partition, under the policy that is asked for.
func (r *runner) fold(from int64) processor.Fold {
	fold := sitefold.New(r.Log)()
	if r.Policy != nil {
		var hear func(int32) []*vigiev1.Broadcast
		if r.tried != nil {
			hear = r.tried.hear
		}
		fold = sitefold.JudgedBy(fold, r.Policy, from, hear)
	}
	return fold
}

// begin finds the nearest state at or before the range, or begins at the first record.
func (r *runner) begin(ctx context.Context, number int32, in Range) (*processor.Replayer, int64, error) {
	for _, name := range in.Snapshots {
		fold := r.fold(in.From)
		if r.Store == nil || name.GetOffset() > in.From || name.GetOffset() < in.First || name.GetFoldVersion() != fold.Version() {
			continue
		}
		restored, err := processor.RestoreReplayer(number, fold, func(take func([]byte) error) error {
			return r.Store.Read(ctx, name, take)
		})
		if err == nil {
			return restored, name.GetOffset(), nil
		}
		r.Log.Warn("replay: a snapshot cannot be used, the log is", "partition", number, "offset", name.GetOffset(), "because", err)
	}
	if in.Based {
		return nil, 0, errors.New("the log began with a baseline that cannot be used here, and alone gives no state: replay with the release that loaded it, beside its snapshots")
	}
	return processor.NewReplayer(number, r.fold(in.From)), in.First, nil
}

// progressEvery is how many records are folded between two words of how far it is.
const progressEvery = 1_000

func (r *runner) partition(ctx context.Context, number int32, in Range) error {
	state, start, err := r.begin(ctx, number, in)
	if err != nil {
		return err
	}
	var then *said
	if r.Compare {
		if then, err = r.saidThen(ctx, number, in); err != nil {
			return err
		}
		defer then.close()
	}
	c := newComparison(r.Policy != nil)
	var folded, judged, outputs int64
	if r.Total != nil {
		r.Total.Add(in.To - start)
	}
	counted := start
	topic := r.Kafka.Topic(topics.Events)
	err = eventlog.ReadRange(ctx, r.Kafka.ReaderOpts(r.Log), topic, number, start, in.To, func(rec *kgo.Record) error {
		state.Quiet(rec.Offset < in.From)
		if err := state.Apply(rec); err != nil {
			return err
		}
		folded++
		if r.Done != nil && rec.Offset-counted >= progressEvery {
			r.Done.Add(rec.Offset - counted)
			counted = rec.Offset
		}
		if rec.Offset < in.From {
			return nil
		}
		out := state.Take()
		judged++
		outputs += int64(len(out))
		if err := r.tellFleet(ctx, number, out); err != nil {
			return err
		}
		return r.give(ctx, number, rec.Offset, out, then, c)
	})
	if err != nil {
		return err
	}
	if r.Compare {
		if err := r.compareIncidents(ctx, number, in, c); err != nil {
			return err
		}
	}
	if r.Done != nil {
		r.Done.Add(in.To - counted)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Folded += folded
	r.report.Judged += judged
	r.report.Outputs += outputs
	r.report.Begun[number] = start
	r.table.add(c)
	return nil
}

// tellFleet hands a partition's ticks to the fleet that judges by another policy.
func (r *runner) tellFleet(ctx context.Context, number int32, out []*kgo.Record) error {
	for _, o := range out {
		if r.tried != nil && o.Topic == topics.Fleet {
			if err := r.tried.tell(ctx, number, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// give writes and compares what one record gave.
func (r *runner) give(ctx context.Context, number int32, offset int64, out []*kgo.Record, then *said, c *comparison) error {
	if r.Out != nil {
		if err := r.write(number, offset, out); err != nil {
			return err
		}
	}
	if r.Copy != nil {
		if err := r.Copy.add(ctx, number, out); err != nil {
			return err
		}
	}
	if then == nil {
		return nil
	}
	recorded, err := then.of(ctx, offset)
	if err != nil {
		return err
	}
	return c.step(offset, recorded, out)
}

// line is an output as a line of JSON.
type line struct {
	Topic       string          `json:"topic"`
	Partition   int32           `json:"partition"`
	InOffset    int64           `json:"in_offset"`
	TimestampMS int64           `json:"timestamp_ms"`
	Key         string          `json:"key"`
	Type        string          `json:"type,omitempty"`
	Value       json.RawMessage `json:"value"`
}

// write writes the outputs of one record together: partitions share the writer.
func (r *runner) write(number int32, offset int64, out []*kgo.Record) error {
	var lines []byte
	for _, o := range out {
		value, name, err := inWords(o)
		if err != nil {
			return err
		}
		b, err := json.Marshal(line{
			Topic: o.Topic, Partition: number, InOffset: offset, TimestampMS: o.Timestamp.UnixMilli(), Key: string(o.Key), Type: name, Value: value,
		})
		if err != nil {
			return fmt.Errorf("an output on %s: %w", o.Topic, err)
		}
		lines = append(append(lines, b...), '\n')
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.Out.Write(lines); err != nil {
		return fmt.Errorf("write the outputs: %w", err)
	}
	return nil
}
