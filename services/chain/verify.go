package chain

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// Options of Verify.
type Options struct {
	Kafka eventlog.Config
	Log   *slog.Logger
	// Trusted are the keys whose checkpoints count.
	Trusted note.Verifiers
	// Partitions to look at; empty for all.
	Partitions []int32
	// From and To bound the offsets to look at, To excluded and 0 for the end. The
	// proof begins and ends at the checkpoints around them.
	From, To int64
	// Kept are checkpoints that were kept outside of Kafka.
	Kept []Checkpoint
	// Snapshots returns what the snapshots named by a progress record say of the
	// chain; nil where nobody looks.
	Snapshots func(ctx context.Context, p *vigiev1.Progress) ([]Anchor, error)
	// Parallel is how many partitions are read at once; 4 by default.
	Parallel int
	// Done and Total count records, for who shows how far it is.
	Done, Total *atomic.Int64
}

// PartitionReport is what was found in one partition.
type PartitionReport struct {
	Partition int32
	// From is where the proof began, To the offset after the last record compared.
	From Anchor
	To   int64
	// Records and Bytes (keys, values, headers) were hashed.
	Records, Bytes int64
	// Checkpoints that the log was compared with, and the newest of them.
	Checkpoints int
	Newest      Anchor
	Faults      []Fault
}

// Unsigned is how many records stand behind the newest checkpoint: no signature
// covers them yet.
func (p PartitionReport) Unsigned() int64 { return max(0, p.To-p.Newest.Offset) }

// Report is what Verify found, partitions in order.
type Report struct{ Partitions []PartitionReport }

// Faults of all partitions.
func (r *Report) Faults() (all []Fault) {
	for _, p := range r.Partitions {
		all = append(all, p.Faults...)
	}
	return all
}

// Verify recomputes the chain of each partition from the log's bytes and compares
// it with every checkpoint, the progress records and the snapshots. It changes
// nothing. The error says what could not be read; what is wrong with the log
// stands in the report.
func Verify(ctx context.Context, opts Options) (*Report, error) {
	cl, err := kgo.NewClient(opts.Kafka.ReaderOpts(opts.Log)...)
	if err != nil {
		return nil, fmt.Errorf("verify the chain: %w", err)
	}
	defer cl.Close()
	v := &verifier{Options: opts, adm: kadm.NewClient(cl), topic: opts.Kafka.Topic(topics.Events)}
	if err := v.look(ctx); err != nil {
		return nil, fmt.Errorf("verify the chain: %w", err)
	}
	report := &Report{Partitions: make([]PartitionReport, len(v.Partitions))}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, opts.Parallel))
	for i, number := range v.Partitions {
		group.Go(func() error {
			var err error
			report.Partitions[i], err = v.partition(ctx, number)
			if err != nil {
				return fmt.Errorf("verify the chain of partition %d: %w", number, err)
			}
			return nil
		})
	}
	return report, group.Wait()
}

type verifier struct {
	Options
	adm          *kadm.Client
	topic        string
	topicID      []byte
	starts, ends map[int32]int64
}

// look finds out which log it is and where it begins and ends.
func (v *verifier) look(ctx context.Context) error {
	details, err := v.adm.ListTopics(ctx, v.topic)
	if err == nil {
		err = details[v.topic].Err
	}
	if err != nil {
		return fmt.Errorf("topic %s: %w", v.topic, err)
	}
	id := details[v.topic].ID
	v.topicID = id[:]
	if len(v.Partitions) == 0 {
		v.Partitions = slices.Sorted(maps.Keys(details[v.topic].Partitions))
	}
	v.starts, v.ends = map[int32]int64{}, map[int32]int64{}
	for _, n := range v.Partitions {
		if v.starts[n], v.ends[n], err = eventlog.Bounds(ctx, v.adm, v.topic, n); err != nil {
			return err
		}
		if v.Total != nil {
			v.Total.Add(v.ends[n] - v.starts[n])
		}
	}
	if v.Parallel == 0 {
		v.Parallel = 4
	}
	return nil
}

// partition proves one partition.
func (v *verifier) partition(ctx context.Context, number int32) (PartitionReport, error) {
	report := PartitionReport{Partition: number}
	certain, faults, err := v.checkpoints(ctx, number)
	if err != nil {
		return report, err
	}
	report.Faults = faults
	marks, err := v.unsigned(ctx, number)
	if err != nil {
		return report, err
	}
	// The log goes on: its end is asked for after what speaks of it.
	start, end, err := eventlog.Bounds(ctx, v.adm, v.topic, number)
	if err != nil {
		return report, err
	}
	if certain, end = v.bounded(certain, start, end); len(certain) == 0 {
		report.Faults = append(report.Faults, Fault{Partition: number, Kind: NoBeginning, First: -1, Last: -1,
			Detail: fmt.Sprintf("the log begins at offset %d and no checkpoint after that is to be believed: give one that was kept (--against)", start)})
		return report, nil
	}
	if n := len(marks); n > 0 && v.To == 0 {
		// The progress record alone speaks of what no checkpoint covers yet.
		if last := marks[n-1]; last.Offset > certain[len(certain)-1].Offset {
			certain, marks = append(certain, last), marks[:n-1]
		}
	}
	report.From, report.Checkpoints = certain[0], 0
	for _, a := range certain {
		if a.certain() {
			report.Newest = a
		}
		if a.Source == Signed || a.Source == Kept || a.Source == Based {
			report.Checkpoints++
		}
	}
	w := newWalk(number, certain, marks)
	if err := v.read(ctx, &report, w, end); err != nil {
		return report, err
	}
	report.Faults = append(report.Faults, w.end(end)...)
	return report, nil
}

// bounded leaves the claims that the question is about: from the last one at or
// before From, or where the log begins, to the first one at or after To.
func (v *verifier) bounded(certain []Anchor, start, end int64) ([]Anchor, int64) {
	first := 0
	for first < len(certain) && certain[first].Offset < start {
		first++
	}
	for first+1 < len(certain) && certain[first+1].Offset <= v.From {
		first++
	}
	for first > 0 && certain[first-1].Offset == certain[first].Offset && certain[first-1].Offset >= start {
		first-- // All claims on the place where it begins: they may contradict each other.
	}
	certain = certain[first:]
	if v.To > 0 {
		if i := slices.IndexFunc(certain, func(a Anchor) bool { return a.Offset >= v.To }); i >= 0 {
			certain = certain[:i+1]
			end = min(end, certain[i].Offset)
		}
	}
	return certain, end
}

func (v *verifier) read(ctx context.Context, report *PartitionReport, w *walk, end int64) error {
	from := report.From.Offset
	if v.Done != nil {
		v.Done.Add(from - v.starts[report.Partition])
	}
	report.To = max(from, end)
	if from >= end {
		return nil
	}
	counted := from
	err := eventlog.ReadRange(ctx, v.Kafka.ReaderOpts(v.Log), v.topic, report.Partition, from, end, func(r *kgo.Record) error {
		w.add(r)
		report.Records++
		report.Bytes += size(r)
		const every = 1_000
		if v.Done != nil && r.Offset-counted >= every {
			v.Done.Add(r.Offset - counted)
			counted = r.Offset
		}
		return nil
	})
	if v.Done != nil {
		v.Done.Add(v.ends[report.Partition] - counted)
	}
	return err
}

func size(r *kgo.Record) int64 {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// checkpoints reads what was signed about a partition, what was kept about it, and
// the beginning; in order, each once.
func (v *verifier) checkpoints(ctx context.Context, number int32) ([]Anchor, []Fault, error) {
	certain := []Anchor{{Source: Beginning}}
	var faults []Fault
	full := v.Kafka.Topic(topics.Checkpoints)
	start, end, err := eventlog.Bounds(ctx, v.adm, full, number)
	if err != nil {
		return nil, nil, err
	}
	err = eventlog.ReadRange(ctx, v.Kafka.ReaderOpts(v.Log), full, number, start, end, func(r *kgo.Record) error {
		c, why := OpenCheckpoint(r.Value, v.Trusted)
		if why == nil {
			why = v.misplaced(c, number)
		}
		if why != nil {
			faults = append(faults, Fault{Partition: number, Kind: BadCheckpoint, First: -1, Last: -1,
				Detail: fmt.Sprintf("the record at offset %d of %s is no checkpoint to be believed: %v", r.Offset, full, why)})
			return nil
		}
		certain = append(certain, c.anchor(Signed))
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", full, err)
	}
	for _, c := range v.Kept {
		if c.Partition == number {
			certain = append(certain, c.anchor(Kept))
		}
	}
	// A log that began with a baseline has no empty beginning. Of two baselines the
	// second contradicts the first, as any two claims on one offset do.
	if slices.ContainsFunc(certain, func(a Anchor) bool { return a.Source == Based && a.Offset == 0 }) {
		certain = certain[1:]
	}
	slices.SortStableFunc(certain, func(a, b Anchor) int { return int(a.Offset - b.Offset) })
	return slices.CompactFunc(certain, func(a, b Anchor) bool {
		return a.Offset == b.Offset && a.Ordinal == b.Ordinal && a.Hash == b.Hash
	}), bounded(faults), nil
}

// maxBad bounds the checkpoints that a report names one by one.
const maxBad = 5

func bounded(faults []Fault) []Fault {
	if len(faults) <= maxBad {
		return faults
	}
	more := faults[maxBad]
	more.Detail = fmt.Sprintf("and %d checkpoints more are not to be believed", len(faults)-maxBad)
	return append(faults[:maxBad:maxBad], more)
}

func (v *verifier) misplaced(c Checkpoint, number int32) error {
	switch {
	case c.Partition != number:
		return fmt.Errorf("it is about partition %d", c.Partition)
	case string(c.TopicID) != string(v.topicID):
		return fmt.Errorf("it is about a topic of the id %s, this one has %s: a copy, or made anew", hex.EncodeToString(c.TopicID), hex.EncodeToString(v.topicID))
	}
	return nil
}

func (c Checkpoint) anchor(source Source) Anchor {
	if c.Baseline != "" {
		source = Based
	}
	return Anchor{Source: source, Offset: c.Offset, Ordinal: c.Ordinal, Hash: c.Hash, At: c.At, Baseline: c.Baseline}
}

// unsigned are the claims of progress records that are still there, and of
// snapshots, in order. The newest progress record is the last of them.
func (v *verifier) unsigned(ctx context.Context, number int32) ([]Anchor, error) {
	var marks []Anchor
	last := &vigiev1.Progress{}
	full := v.Kafka.Topic(topics.Progress)
	// Committed ones only, and no markers: the end is that of what is committed.
	ends, err := eventlog.Listed(ctx, full, func() (kadm.ListedOffsets, error) { return v.adm.ListCommittedOffsets(ctx, full) })
	if err != nil {
		return nil, fmt.Errorf("end of %s: %w", full, err)
	}
	start, _, err := eventlog.Bounds(ctx, v.adm, full, number)
	if err != nil {
		return nil, err
	}
	end, _ := ends.Lookup(full, number)
	opts := append(v.Kafka.ReaderOpts(v.Log), kgo.KeepControlRecords())
	err = eventlog.ReadRange(ctx, opts, full, number, start, end.Offset, func(r *kgo.Record) error {
		if r.Attrs.IsControl() {
			return nil
		}
		p := &vigiev1.Progress{}
		if err := proto.Unmarshal(r.Value, p); err != nil {
			return fmt.Errorf("the record at %d: %w", r.Offset, err)
		}
		c, err := OfProgress(p, v.topicID, time.Time{})
		if err != nil {
			return err
		}
		a := c.anchor(Progress)
		a.At = time.Time{}
		marks, last = append(marks, a), p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", full, err)
	}
	if v.Snapshots != nil {
		more, err := v.Snapshots(ctx, last)
		if err != nil {
			return nil, err
		}
		marks = append(marks, more...)
	}
	slices.SortStableFunc(marks, func(a, b Anchor) int { return int(a.Offset - b.Offset) })
	return marks, nil
}

// ErrFaults is that of a report with faults.
var ErrFaults = errors.New("the log is not the one that was signed")

// Err is nil when nothing is wrong.
func (r *Report) Err() error {
	faults := r.Faults()
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d faults; first %s", ErrFaults, len(faults), faults[0])
}
