package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Bounds are the first offset of a partition and the one after its last record,
// by the high watermark: a pending transaction's records count. topic is a full
// name.
func Bounds(ctx context.Context, adm *kadm.Client, topic string, number int32) (start, end int64, err error) {
	starts, err := Listed(ctx, topic, func() (kadm.ListedOffsets, error) { return adm.ListStartOffsets(ctx, topic) })
	if err != nil {
		return 0, 0, fmt.Errorf("start of %s: %w", topic, err)
	}
	ends, err := Listed(ctx, topic, func() (kadm.ListedOffsets, error) { return adm.ListEndOffsets(ctx, topic) })
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

// Listed asks for offsets of a topic, again while a partition has no leader: that
// passes by itself. A partition that is not there is no error, as in Bounds.
func Listed(ctx context.Context, topic string, list func() (kadm.ListedOffsets, error)) (found kadm.ListedOffsets, err error) {
	err = insist(ctx, func() error {
		if found, err = list(); err != nil {
			return err
		}
		for _, o := range found[topic] {
			if o.Err != nil && kerr.IsRetriable(o.Err) && !errors.Is(o.Err, kerr.UnknownTopicOrPartition) {
				return o.Err
			}
		}
		return nil
	})
	return found, err
}

// ReadRange hands each record of [from, to) to f, in order, through a client of
// its own made with opts. It ends early with f's error.
func ReadRange(ctx context.Context, opts []kgo.Opt, topic string, number int32, from, to int64, f func(*kgo.Record) error) error {
	cl, err := readerAt(opts, topic, number, from)
	if err != nil {
		return err
	}
	defer cl.Close()
	return readTo(ctx, cl, from, to, f)
}

// ReadToEnd is ReadRange to the high watermark as it stands now. A from that the
// log does not hold any more is kerr.OffsetOutOfRange.
func ReadToEnd(ctx context.Context, opts []kgo.Opt, topic string, number int32, from int64, f func(*kgo.Record) error) error {
	cl, err := readerAt(opts, topic, number, from)
	if err != nil {
		return err
	}
	defer cl.Close()
	_, end, err := Bounds(ctx, kadm.NewClient(cl), topic, number)
	if err != nil {
		return err
	}
	return readTo(ctx, cl, from, end, f)
}

func readerAt(opts []kgo.Opt, topic string, number int32, from int64) (*kgo.Client, error) {
	return kgo.NewClient(append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {number: kgo.NewOffset().At(from)},
	}))...)
}

func readTo(ctx context.Context, cl *kgo.Client, from, to int64, f func(*kgo.Record) error) error {
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
