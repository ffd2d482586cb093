package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// stablePatience is how long a restore waits for the transactions of the last
// owner to end; past it something holds the log and a person must look.
const stablePatience = 60 * time.Second

// restore brings a partition to the committed offset C, outputs off.
//
//  1. C is the group's committed offset, once no transaction is pending on it.
//  2. The progress record, read to the high watermark, must say the same: a
//     group offset that expired or was reset would double or lose everything.
//  3. What a rebuilt client kept is used as it stands; otherwise the newest
//     snapshot that the progress record names and that proves sound; otherwise
//     the log from its start. What follows up to C is folded from the log.
func (p *Processor) restore(ctx context.Context, number int32, kept *partition) (*partition, error) {
	cl, err := kgo.NewClient(p.deps.Kafka.ReaderOpts(p.deps.Log)...)
	if err != nil {
		return nil, fmt.Errorf("restore partition %d: %w", number, err)
	}
	defer cl.Close()
	wait, done := context.WithTimeout(ctx, stablePatience)
	defer done()
	start := time.Now()
	r := &recovery{p: p, number: number, adm: kadm.NewClient(cl)}
	if err := r.look(wait); err != nil {
		return nil, err
	}
	if kept != nil && kept.stands && r.committed > kept.next {
		kept = nil // Another program has gone over what this one could not fold.
	}
	part, source := kept, fromMemory
	if part == nil {
		part, source, err = r.rebuild(ctx)
	} else {
		part.drop(r.committed)
		err = r.replay(ctx, part)
	}
	if err != nil {
		return nil, err
	}
	part.saved = r.saved(time.Now(), p.cfg.Snapshots.Every)
	p.metrics.restoredFrom(source, time.Since(start))
	p.deps.Log.Debug("processor: partition restored", "partition", number, "from", source, "to", r.committed, "took", time.Since(start))
	return part, nil
}

// Where a state came from, as the metric says it.
const (
	fromMemory   = "memory"
	fromSnapshot = "snapshot"
	fromOlder    = "older_snapshot"
	fromLog      = "log"
)

func (p *Processor) newPartition(number int32) *partition {
	part := newPartition(number, p.cfg.NewFold())
	part.reads, part.input = p.reads, p.cfg.Source.Input
	return part
}

// recovery is one restore of a partition.
type recovery struct {
	p      *Processor
	number int32
	adm    *kadm.Client
	// committed is C, progress what stands there; nil before the first commit.
	committed int64
	progress  *vigiev1.Progress
	// first is where the log of events begins, topicID which log that is.
	first   int64
	topicID []byte
	// named are the snapshots that go on counting.
	named []*vigiev1.Snapshot
}

// look finds out where things stand.
func (r *recovery) look(ctx context.Context) error {
	var err error
	if r.committed, r.progress, err = r.p.committed(ctx, r.adm, r.number); err != nil {
		return err
	}
	r.named = r.progress.GetSnapshots()
	topic := r.p.deps.Kafka.Topic(r.p.cfg.Source.Input)
	if r.first, _, err = eventlog.Bounds(ctx, r.adm, topic, r.number); err != nil {
		return err
	}
	details, err := r.adm.ListTopics(ctx, topic)
	if err != nil {
		return fmt.Errorf("the id of %s: %w", topic, err)
	}
	id := details[topic].ID
	r.topicID = id[:]
	return nil
}

// rebuild makes the state anew: from a snapshot, or from the log alone.
func (r *recovery) rebuild(ctx context.Context) (part *partition, source string, err error) {
	for i, name := range r.begins() {
		part, err := r.fromSnapshot(ctx, name)
		if err == nil {
			return part, []string{fromSnapshot, fromOlder}[min(i, 1)], nil
		}
		if ctx.Err() != nil || !errors.Is(err, errNoSnapshot) {
			return nil, "", err
		}
		if errors.Is(err, snapshot.ErrUnusable) {
			r.named = slices.DeleteFunc(slices.Clone(r.named), func(n *vigiev1.Snapshot) bool { return n == name })
		}
		r.p.metrics.snapshotFailed(choreRead)
		r.p.deps.Log.Error("processor: a snapshot cannot be used, an older one or the log is", "partition", r.number,
			"offset", name.GetOffset(), "snapshot", ids.Show(name.GetId()), "because", err)
	}
	if base := r.progress.GetBaseline(); base != nil {
		return nil, "", &fatalError{fmt.Errorf("partition %d began with a baseline, and neither it nor a snapshot after it can be used by this program (fold version %d, the baseline has %d): the log alone gives no state; run the release that loaded it, or load the baseline anew",
			r.number, r.p.cfg.NewFold().Version(), base.GetFoldVersion())}
	}
	part = r.p.newPartition(r.number)
	part.next = r.first
	if r.first > 0 {
		r.p.deps.Log.Error("processor: the log no longer begins at its first record; what came before is not in the states",
			"partition", r.number, "first_offset", r.first)
	}
	if err := r.replay(ctx, part); err != nil {
		return nil, "", err
	}
	if r.first == 0 && !r.chained(part) {
		r.p.deps.Log.Error("processor: the log is not the one that was folded: its audit chain differs from that of the progress record",
			"partition", r.number, "offset", r.committed)
	}
	return part, fromLog, nil
}

// begins are the states that a restore may begin with, the nearest first.
func (r *recovery) begins() []*vigiev1.Snapshot {
	all := slices.Clone(r.progress.GetSnapshots())
	if base := r.progress.GetBaseline(); base != nil && !slices.ContainsFunc(all, func(n *vigiev1.Snapshot) bool { return bytes.Equal(n.GetId(), base.GetId()) }) {
		all = append(all, base)
	}
	return all
}

// errNoSnapshot says that a snapshot cannot be used, as it is or at this time.
var errNoSnapshot = errors.New("not used")

// fromSnapshot restores a partition from one snapshot and the log after it. The
// chain proves at the end that both are of one history.
func (r *recovery) fromSnapshot(ctx context.Context, name *vigiev1.Snapshot) (*partition, error) {
	part := r.p.newPartition(r.number)
	if why := r.misfit(name, part.fold.Version()); why != "" {
		return nil, fmt.Errorf("%w: %s", errNoSnapshot, why)
	}
	wait, done := context.WithTimeout(ctx, chorePatience)
	defer done()
	if err := r.p.store.Read(wait, name, part.takeRead); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSnapshot, err)
	}
	if err := part.restored(); err != nil {
		return nil, fmt.Errorf("%w: %w: %w", errNoSnapshot, snapshot.ErrUnusable, err)
	}
	if err := r.replay(ctx, part); err != nil {
		return nil, err
	}
	if !r.chained(part) {
		return nil, fmt.Errorf("%w: %w: with the log after it the audit chain differs from that of the progress record", errNoSnapshot, snapshot.ErrUnusable)
	}
	return part, nil
}

// takeRead is takeFrame for a store: a frame that is no state makes it unusable.
func (p *partition) takeRead(frame []byte) error {
	if err := p.takeFrame(frame); err != nil {
		return fmt.Errorf("%w: %w", snapshot.ErrUnusable, err)
	}
	return nil
}

// misfit says why a sound snapshot would still not do; "" when it does.
func (r *recovery) misfit(name *vigiev1.Snapshot, version uint32) string {
	switch {
	case name.GetFoldVersion() != version:
		return fmt.Sprintf("it is of fold version %d, this program folds by %d", name.GetFoldVersion(), version)
	case name.GetFormat() > stateFormat:
		return fmt.Sprintf("its format is %d, this program reads up to %d", name.GetFormat(), stateFormat)
	case !bytes.Equal(name.GetTopicId(), r.topicID):
		return "it is of another topic of that name"
	case name.GetOffset() > r.committed || name.GetPartition() != uint32(r.number):
		return fmt.Sprintf("it is of partition %d, offset %d", name.GetPartition(), name.GetOffset())
	case name.GetOffset() < r.first:
		return fmt.Sprintf("it is of offset %d, the log begins at %d", name.GetOffset(), r.first)
	}
	return ""
}

// replay folds the log up to C, outputs off.
func (r *recovery) replay(ctx context.Context, part *partition) error {
	from := part.next
	if from >= r.committed {
		return nil
	}
	part.quiet = true
	topic := r.p.deps.Kafka.Topic(r.p.cfg.Source.Input)
	err := eventlog.ReadRange(ctx, r.p.deps.Kafka.ReaderOpts(r.p.deps.Log), topic, r.number, from, r.committed, part.apply)
	part.quiet = false
	part.pending, part.urgent, part.kept = nil, false, 0
	if err != nil {
		return fmt.Errorf("replay partition %d from %d to %d: %w", r.number, from, r.committed, err)
	}
	part.next = r.committed
	return nil
}

// chained says whether what was folded is what the progress record is about.
func (r *recovery) chained(part *partition) bool {
	return r.progress == nil || bytes.Equal(part.chain.Hash[:], r.progress.GetChainHash())
}

// committed is the offset that the group and the progress record agree on.
func (p *Processor) committed(ctx context.Context, adm *kadm.Client, number int32) (int64, *vigiev1.Progress, error) {
	topic := p.deps.Kafka.Topic(p.cfg.Source.Input)
	offsets, err := committedOffsets(ctx, adm, p.cfg.Group, topic)
	if err != nil {
		return 0, nil, err
	}
	group, provisioned := offsets[number]
	progress, err := p.lastProgress(ctx, adm, number)
	if err != nil {
		return 0, nil, err
	}
	switch {
	case !provisioned && progress == nil:
		return 0, nil, &fatalError{fmt.Errorf("group %s has no offset for %s partition %d: run `vigie provision` first", p.cfg.Group, topic, number)}
	case !provisioned:
		return 0, nil, &fatalError{fmt.Errorf("group %s lost its offset for %s partition %d, but progress says %d: set it back with `vigie provision`, a start from 0 would double every output", p.cfg.Group, topic, number, progress.Offset)}
	case progress == nil && group != 0:
		return 0, nil, &fatalError{fmt.Errorf("group %s stands at %d of %s partition %d, but no progress record says so: the topics are not of one installation", p.cfg.Group, group, topic, number)}
	case progress != nil && progress.Offset != group:
		return 0, nil, &fatalError{fmt.Errorf("group %s stands at %d of %s partition %d, but progress says %d: somebody moved the offset; set it back", p.cfg.Group, group, topic, number, progress.Offset)}
	}
	return group, progress, nil
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
	topic := p.deps.Kafka.Topic(p.cfg.Source.Progress)
	start, end, err := eventlog.Bounds(ctx, adm, topic, number)
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
	err = eventlog.ReadRange(ctx, opts, topic, number, start, end, func(r *kgo.Record) error {
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

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
