package baseline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// ErrNotEmpty: something was written to the cluster already. A state can only be
// what a log begins with.
var ErrNotEmpty = errors.New("the cluster is not empty")

// Loading says where a baseline goes.
type Loading struct {
	Kafka eventlog.Config
	// Topics says how those are made that are missing; Partitions and Fill are ours.
	Topics eventlog.Options
	// NewFold makes the fold of a partition, which says the public state anew.
	NewFold func() processor.Fold
	// Store keeps the snapshots of the new log.
	Store snapshot.Store
	// Signer signs the first checkpoint of each partition.
	Signer note.Signer
	Now    time.Time
}

// Load lets the log of an empty cluster begin with a baseline: states, clocks,
// timers and the audit chain go on from it.
//
//  1. The baseline is proven whole, and of rules that this program folds by.
//  2. No topic of ours holds a record; those that are missing are made.
//  3. What readers of topics need (bindings, directory, open incidents, states) is
//     said anew, the states become the snapshots of the new log, a signed checkpoint
//     names the baseline, a progress record the snapshot.
//  4. The groups begin. Cut off before that, no role starts on the cluster.
//
// Errors: ErrNotEmpty, processor.ErrOtherRules, snapshot.ErrUnusable, those of Read
// and of eventlog.Provision.
func Load(ctx context.Context, at Place, trusted note.Verifiers, l Loading) (*Baseline, eventlog.Report, error) {
	b, err := Verify(ctx, at, trusted)
	if err != nil {
		return nil, eventlog.Report{}, err
	}
	if err := b.fits(l.NewFold().Version()); err != nil {
		return nil, eventlog.Report{}, err
	}
	if err := l.empty(ctx); err != nil {
		return nil, eventlog.Report{}, err
	}
	l.Topics.Partitions = int32(len(b.Partitions))
	l.Topics.Fill = func(ctx context.Context, _ int32) error {
		if err := l.fill(ctx, b, at); err != nil {
			return fmt.Errorf("load the baseline: %w; what was written so far is no log: delete the topics below %q, or give another --topic-prefix, and load again", err, l.Kafka.Topic(""))
		}
		return nil
	}
	report, err := eventlog.Provision(ctx, l.Kafka, l.Topics)
	return b, report, err
}

// fits refuses a baseline that lacks a partition or that no fold of ours goes on from.
func (b *Baseline) fits(version uint32) error {
	for i, p := range b.Partitions {
		if p.Checkpoint.Partition != int32(i) || p.Snapshot.GetPartition() != uint32(i) {
			return fmt.Errorf("the baseline lacks partition %d", i)
		}
		if p.Snapshot.GetFoldVersion() != version {
			return fmt.Errorf("%w: the baseline is of fold version %d, this program folds by %d: load it with the release that wrote it",
				processor.ErrOtherRules, p.Snapshot.GetFoldVersion(), version)
		}
	}
	if len(b.Partitions) == 0 {
		return errors.New("the baseline has no partition")
	}
	return nil
}

// empty refuses a cluster on which a record stands in any topic of ours.
func (l Loading) empty(ctx context.Context) error {
	cl, err := kgo.NewClient(l.Kafka.ReaderOpts(l.Topics.Log)...)
	if err != nil {
		return fmt.Errorf("look at the cluster: %w", err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for _, row := range topics.Table() {
		name := l.Kafka.Topic(row.Name)
		have, err := adm.ListTopics(ctx, name)
		if err != nil {
			return fmt.Errorf("look at the cluster: %w", err)
		}
		if !have.Has(name) || have[name].Err != nil {
			continue
		}
		ends, err := eventlog.Listed(ctx, name, func() (kadm.ListedOffsets, error) { return adm.ListEndOffsets(ctx, name) })
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return fmt.Errorf("end of %s: %w", name, err)
		}
		for partition := range have[name].Partitions {
			if end, _ := ends.Lookup(name, partition); end.Offset > 0 {
				return fmt.Errorf("%w: %s has had %d records in partition %d; a baseline is what a log begins with, not what one goes on with: give another --topic-prefix, or another cluster",
					ErrNotEmpty, name, end.Offset, partition)
			}
		}
	}
	return nil
}

// fill writes all that the log begins with. Progress records come last: they make
// the rest count.
func (l Loading) fill(ctx context.Context, b *Baseline, from Place) error {
	cl, err := kgo.NewClient(l.Kafka.IngestOpts(l.Topics.Log)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	id, err := topicID(ctx, cl, l.Kafka.Topic(topics.Events))
	if err != nil {
		return err
	}
	var last []*kgo.Record
	for _, p := range b.Partitions {
		progress, err := l.partition(ctx, cl, p, from, id)
		if err != nil {
			return fmt.Errorf("partition %d: %w", p.Checkpoint.Partition, err)
		}
		checkpoint, err := chain.OfProgress(progress, id, l.Now)
		if err != nil {
			return err
		}
		checkpoint.Baseline = b.ID
		signed, err := checkpoint.Sign(l.Signer)
		if err != nil {
			return err
		}
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(progress)
		if err != nil {
			return fmt.Errorf("encode a progress record: %w", err)
		}
		last = append(last, l.record(topics.Checkpoints, p, signed), l.record(topics.Progress, p, value))
	}
	return cl.ProduceSync(ctx, last...).FirstErr()
}

func (l Loading) record(topic string, p Partition, value []byte) *kgo.Record {
	n := p.Checkpoint.Partition
	return &kgo.Record{Topic: l.Kafka.Topic(topic), Partition: n, Key: strconv.AppendInt(nil, int64(n), 10), Value: value, Timestamp: l.Now}
}

// partition says the public state of one anew and keeps its snapshot.
func (l Loading) partition(ctx context.Context, cl *kgo.Client, p Partition, from snapshot.Store, id []byte) (*vigiev1.Progress, error) {
	var failed kgo.FirstErrPromise
	progress, err := processor.Rebase(ctx, l.NewFold(), processor.Rebased{
		Number: p.Checkpoint.Partition, TopicID: id, At: l.Now, From: from, To: l.Store, Name: p.Snapshot,
	}, func(r *kgo.Record) {
		r.Topic, r.Timestamp = l.Kafka.Topic(r.Topic), l.Now
		cl.Produce(ctx, r, failed.Promise())
	})
	if err != nil {
		return nil, errors.Join(err, cl.Flush(ctx))
	}
	if err := cl.Flush(ctx); err != nil {
		return nil, err
	}
	return progress, failed.Err()
}

func topicID(ctx context.Context, cl *kgo.Client, topic string) ([]byte, error) {
	details, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err == nil {
		err = details[topic].Err
	}
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	id := details[topic].ID
	return id[:], nil
}
