package processor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
)

// transact sends the outputs and progress of partitions and ends the transaction.
func (s *session) transact(ctx context.Context, touched []*partition) (bool, error) {
	if err := s.broadcast(ctx, touched); err != nil {
		return false, err
	}
	if err := s.gts.Begin(); err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	sent := newSending(s.cl)
	owner := s.p.transactionalID()
	for _, part := range touched {
		for _, out := range part.pending {
			if out.at >= part.next {
				panic("processor: an output would be committed without the offset that caused it")
			}
			if !out.everywhere {
				s.gts.Produce(ctx, s.outgoing(out.record), sent.promise(part.number))
			}
		}
	}
	for _, part := range touched {
		record, err := progressRecord(s.p.cfg.Source.Progress, part, owner)
		if err != nil {
			return false, err
		}
		s.gts.Produce(ctx, s.outgoing(record), sent.promise(part.number))
	}
	if err := s.flush(ctx, sent); err != nil {
		return false, fmt.Errorf("send the outputs: %w", err)
	}
	if bad := sent.unwritable(); len(bad) > 0 {
		s.park(bad)
		return s.gts.End(ctx, kgo.TryAbort)
	}
	failed := sent.first.Err()
	if failed != nil {
		s.p.deps.Log.Warn("processor: an output was refused, its transaction is aborted and sent again", "because", failed)
	}
	return s.gts.End(s.committing(ctx, standing(touched)), failed == nil)
}

// outgoing is a fresh copy of an output for one try: the client writes into
// what it is given.
func (s *session) outgoing(r *kgo.Record) *kgo.Record {
	out := *r
	out.Topic = s.p.deps.Kafka.Topic(r.Topic)
	if n := topics.FixedPartitions(r.Topic); n > 0 {
		out.Partition %= n
	}
	return &out
}

func progressRecord(topic string, part *partition, owner string) (*kgo.Record, error) {
	value, err := encoding.Marshal(part.progress(owner))
	if err != nil {
		return nil, fmt.Errorf("encode progress of partition %d: %w", part.number, err)
	}
	return &kgo.Record{
		Topic: topic, Partition: part.number,
		Key: strconv.AppendInt(nil, int64(part.number), 10), Value: value,
	}, nil
}

// afterAbort makes sure that the transaction really has no effect: an abort
// that follows a lost answer may hide a commit, and sending again would double it.
func (s *session) afterAbort(ctx context.Context, touched []*partition) error {
	committed, err := committedOffsets(ctx, kadm.NewClient(s.cl), s.p.cfg.Group, s.topic)
	if err != nil {
		return err
	}
	for _, part := range touched {
		if len(part.pending) == 0 && part.stands {
			continue // It may have stood there before; there is nothing to double.
		}
		if at, ok := committed[part.number]; ok && at >= part.next {
			return fmt.Errorf("the aborted transaction of partition %d was committed after all", part.number)
		}
	}
	return nil
}
