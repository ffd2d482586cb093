package baseline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

// Allowed is what may go of one partition: the records [First, To).
type Allowed struct {
	Partition int32
	First, To int64
	// Baseline is where the baseline stands, never before To.
	Baseline int64
}

// Allows says what a baseline allows to be deleted: what stands before it and is older
// than a moment. The error is that of a baseline of another log, or of one that
// lacks a partition.
func Allows(ctx context.Context, cfg eventlog.Config, log *slog.Logger, b *Baseline, before time.Time) ([]Allowed, error) {
	cl, err := kgo.NewClient(cfg.ReaderOpts(log)...)
	if err != nil {
		return nil, fmt.Errorf("look at the log: %w", err)
	}
	defer cl.Close()
	adm, topic := kadm.NewClient(cl), cfg.Topic(topics.Events)
	details, err := adm.ListTopics(ctx, topic)
	if err == nil {
		err = details[topic].Err
	}
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	young, err := eventlog.Listed(ctx, topic, func() (kadm.ListedOffsets, error) { return adm.ListOffsetsAfterMilli(ctx, before.UnixMilli(), topic) })
	if err == nil {
		err = young.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("where %s was at %s: %w", topic, before.UTC().Format(time.RFC3339), err)
	}
	if len(b.Partitions) != len(details[topic].Partitions) {
		return nil, fmt.Errorf("the baseline has %d partitions, %s has %d: it is of another log", len(b.Partitions), topic, len(details[topic].Partitions))
	}
	id := details[topic].ID
	var allowed []Allowed
	for _, p := range b.Partitions {
		if !bytes.Equal(p.Checkpoint.TopicID, id[:]) {
			return nil, fmt.Errorf("the baseline of partition %d is of another %s", p.Checkpoint.Partition, topic)
		}
		number := p.Checkpoint.Partition
		first, _, err := eventlog.Bounds(ctx, adm, topic, number)
		if err != nil {
			return nil, err
		}
		at, _ := young.Lookup(topic, number)
		allowed = append(allowed, Allowed{number, first, max(first, min(p.Checkpoint.Offset, at.Offset)), p.Checkpoint.Offset})
	}
	return allowed, nil
}
