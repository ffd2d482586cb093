package replay

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/fleetfold"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// fleetReplay is the fold of the fleet beside the folds of all partitions, when all of
// them are replayed.
//
// By the policies of the log it folds what stands on vigie.fleet. By another one it
// folds what the replayed partitions tell (fleet_tried.go). Either way it begins with
// the state that the fleet had then, which knows the groups' own rates.
type fleetReplay struct {
	r    *runner
	fold processor.Fold
	rep  *processor.Replayer
	// next is the offset of the next record that is folded.
	next int64
	// first and last are the offsets of those that were folded of the stretch itself.
	first, last int64
	// now is what is said of the stretch.
	now []*kgo.Record
}

// beginFleet brings the fleet to where the ranges begin; nil when it cannot be judged,
// which it says.
func (r *runner) beginFleet(ctx context.Context) (*fleetReplay, error) {
	partitions, err := eventlog.Partitions(ctx, r.Kafka, r.Log)
	if err != nil {
		return nil, err
	}
	for n := range partitions {
		if in := r.Ranges[n]; in.From >= in.To {
			r.Log.Info("replay: what the fleet says is left out: it needs all partitions", "partition", n)
			return nil, nil
		}
	}
	progress, err := eventlog.LastFleetProgress(ctx, r.Kafka, r.Log)
	if err != nil || progress == nil {
		return nil, err // Nobody has ever folded the fleet here.
	}
	f := &fleetReplay{r: r, first: -1}
	if err := f.restore(ctx, partitions, progress); err != nil {
		return nil, err
	}
	return f, f.read(ctx, progress.GetOffset())
}

// restore takes the nearest snapshot that holds nothing of the ranges.
func (f *fleetReplay) restore(ctx context.Context, partitions int32, progress *vigiev1.Progress) error {
	first, begin, err := f.bounds(ctx)
	if err != nil {
		return err
	}
	store := snapshot.NewTopic(f.r.Kafka, topics.FleetSnapshots, f.r.Log)
	for _, name := range progress.GetSnapshots() {
		f.fold = fleetfold.New(partitions)()
		if name.GetOffset() > begin || name.GetOffset() < first || name.GetFoldVersion() != f.fold.Version() {
			continue
		}
		f.rep, err = processor.RestoreReplayer(0, f.fold, func(take func([]byte) error) error { return store.Read(ctx, name, take) })
		if err == nil {
			f.next = name.GetOffset()
			return nil
		}
		f.r.Log.Warn("replay: a snapshot of the fleet cannot be used, its topic is", "offset", name.GetOffset(), "because", err)
	}
	f.fold = fleetfold.New(partitions)()
	f.rep, f.next = processor.NewReplayer(0, f.fold), first
	return nil
}

// bounds are the first offset of vigie.fleet, and one before all that the ranges caused.
func (f *fleetReplay) bounds(ctx context.Context) (first, before int64, err error) {
	var begins time.Time
	for n, in := range f.r.Ranges {
		at, err := f.r.timeOf(ctx, n, in.From)
		if err != nil {
			return 0, 0, err
		}
		if begins.IsZero() || at.Before(begins) {
			begins = at
		}
	}
	cl, err := kgo.NewClient(f.r.Kafka.ReaderOpts(f.r.Log)...)
	if err != nil {
		return 0, 0, err
	}
	defer cl.Close()
	adm, topic := kadm.NewClient(cl), f.r.Kafka.Topic(topics.Fleet)
	if first, _, err = eventlog.Bounds(ctx, adm, topic, 0); err != nil {
		return 0, 0, err
	}
	offset, err := offsetsAt(ctx, adm, topic, Point{At: begins.Add(-clockSlack), Given: true})
	if err != nil {
		return 0, 0, err
	}
	return first, max(first, offset(0)), nil
}

// read folds what came before the ranges, in silence; and, by the policies of the log,
// what they caused, in the order of its day.
func (f *fleetReplay) read(ctx context.Context, end int64) error {
	f.rep.Quiet(true)
	err := f.each(ctx, f.next, end, func(rec *kgo.Record) error {
		n, cause := causeOf(rec)
		in := f.r.Ranges[n]
		inside := cause >= in.From
		if cause >= in.To || inside && f.r.Policy != nil {
			return nil
		}
		if inside && f.first < 0 {
			f.first = rec.Offset
			f.rep.Quiet(false)
		}
		if err := f.rep.Apply(rec); err != nil {
			return fmt.Errorf("replay the fleet: %w", err)
		}
		f.keep(f.rep.Take())
		f.last, f.next = rec.Offset, rec.Offset+1
		return nil
	})
	f.rep.Quiet(false)
	return err
}

func (f *fleetReplay) each(ctx context.Context, from, to int64, do func(*kgo.Record) error) error {
	if from >= to {
		return nil
	}
	opts := append(f.r.Kafka.ReaderOpts(f.r.Log), kgo.KeepControlRecords())
	return eventlog.ReadRange(ctx, opts, f.r.Kafka.Topic(topics.Fleet), 0, from, to, func(rec *kgo.Record) error {
		if rec.Attrs.IsControl() {
			return nil
		}
		rec.Topic = topics.Fleet
		return do(rec)
	})
}

// causeOf is the partition and offset of the record that made a partition tell.
func causeOf(rec *kgo.Record) (partition int32, offset int64) {
	for _, h := range rec.Headers {
		n, err := strconv.ParseInt(string(h.Value), 10, 64)
		switch {
		case err != nil:
		case h.Key == topics.HeaderInPartition:
			partition = int32(n)
		case h.Key == topics.HeaderInOffset:
			offset = n
		}
	}
	return partition, offset
}

// saidOfIt are those that were said of the stretch then, by the records that caused them.
func (f *fleetReplay) saidOfIt(ctx context.Context) ([]*kgo.Record, error) {
	if f.first < 0 {
		return nil, nil
	}
	return f.said(ctx, func(rec *kgo.Record, _ *vigiev1.Detection) bool {
		_, cause := causeOf(rec)
		return cause >= f.first && cause <= f.last
	})
}

// keep keeps what is for the world.
func (f *fleetReplay) keep(outputs []*kgo.Record) {
	for _, out := range outputs {
		if out.Topic == topics.Detections {
			f.now = append(f.now, out)
		}
	}
}

// said are the detections of the fleet that stand on vigie.detections.
func (f *fleetReplay) said(ctx context.Context, which func(*kgo.Record, *vigiev1.Detection) bool) (list []*kgo.Record, err error) {
	const partition = 0 // that of the fold of the fleet
	full := f.r.Kafka.Topic(topics.Detections)
	end, err := f.r.committedEnd(ctx, full, partition)
	if err != nil || end == 0 {
		return nil, err
	}
	opts := append(f.r.Kafka.ReaderOpts(f.r.Log), kgo.KeepControlRecords())
	return list, eventlog.ReadRange(ctx, opts, full, partition, 0, end, func(rec *kgo.Record) error {
		if rec.Attrs.IsControl() || !topics.OfFleet(rec) {
			return nil
		}
		d := &vigiev1.Detection{}
		if err := proto.Unmarshal(rec.Value, d); err != nil {
			return fmt.Errorf("a detection of the fleet: %w", err)
		}
		if which(rec, d) {
			rec.Topic = topics.Detections
			list = append(list, rec)
		}
		return nil
	})
}

// judgeFleet adds to the report what the fleet says of the stretch.
func (r *runner) judgeFleet(ctx context.Context, f *fleetReplay) error {
	if r.Out != nil {
		if err := r.write(0, -1, f.now); err != nil {
			return err
		}
	}
	if r.Copy != nil {
		if err := r.Copy.add(ctx, 0, f.now); err != nil {
			return err
		}
	}
	r.report.Outputs += int64(len(f.now))
	if !r.Compare {
		return nil
	}
	saidThen := f.saidOfIt
	if r.tried != nil {
		saidThen = r.tried.saidThen
	}
	then, err := saidThen(ctx)
	if err != nil {
		return err
	}
	c := newComparison(r.Policy != nil)
	if err := c.step(0, then, f.now); err != nil {
		return err
	}
	r.table.add(c)
	return nil
}
