// Package reader reads Vigie's topics as any outside consumer does: committed
// records only, without a group. Whole partitions for the oracle, live tails for
// the measures.
package reader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// MaxPartitionBytes of keys and values is the most that the oracle holds of one
// partition of one topic at a time; a longer history is refused, not half read.
const MaxPartitionBytes = 1 << 30

// ErrTooLong: the history of a partition is past MaxPartitionBytes.
var ErrTooLong = errors.New("the history is too long to be checked: use an installation of its own for each run")

// ErrCut: a topic no longer begins at its first record, so that the history
// cannot be folded again from its beginning.
var ErrCut = errors.New("the log no longer holds its first records, so that nothing can be derived from it anew")

// fetchPatience bounds the wait for records that must be there.
const fetchPatience = time.Minute

// Log is Vigie's log from outside.
type Log struct {
	brokers []string
	prefix  string
	admin   *kgo.Client
}

// Open connects to the brokers (host:port); prefix stands before each name of
// package topics.
func Open(brokers []string, prefix string) (*Log, error) {
	l := &Log{brokers: brokers, prefix: prefix}
	cl, err := l.client()
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	l.admin = cl
	return l, nil
}

// Close ends the connection.
func (l *Log) Close() { l.admin.Close() }

func (l *Log) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(l.brokers...), kgo.ClientID("vigie-load"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100 * time.Millisecond),
		// Markers of transactions move the position; without them a reader would
		// never reach an end that stands behind one.
		kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.RetryTimeout(30 * time.Second),
	}, opts...)...)
}

// Bounds of a topic's partitions: the first offset and the one after the last
// committed record.
type Bounds map[int32]struct{ First, End int64 }

// Bounds reads where a topic (name without prefix) begins and ends now.
func (l *Log) Bounds(ctx context.Context, topic string) (Bounds, error) {
	adm := kadm.NewClient(l.admin)
	full := l.prefix + topic
	starts, err := adm.ListStartOffsets(ctx, full)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the beginning of %s: %w", full, err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, full)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the end of %s: %w", full, err)
	}
	b := Bounds{}
	ends.Each(func(o kadm.ListedOffset) {
		first, _ := starts.Lookup(full, o.Partition)
		b[o.Partition] = struct{ First, End int64 }{first.Offset, o.Offset}
	})
	return b, nil
}

// Ends reads the end of each partition of a topic.
func (l *Log) Ends(ctx context.Context, topic string) (map[int32]int64, error) {
	full := l.prefix + topic
	ends, err := kadm.NewClient(l.admin).ListCommittedOffsets(ctx, full)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the end of %s: %w", full, err)
	}
	out := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out, nil
}

// Partition reads the records of one partition that are committed now, from the
// first that is still there. It returns ErrTooLong past MaxPartitionBytes.
func (l *Log) Partition(ctx context.Context, topic string, partition int32) ([]*kgo.Record, error) {
	bounds, err := l.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	full, b := l.prefix+topic, bounds[partition]
	if b.End <= b.First {
		return nil, nil
	}
	cl, err := l.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{full: {partition: kgo.NewOffset().At(b.First)}}))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", full, err)
	}
	defer cl.Close()
	var records []*kgo.Record
	size := 0
	for at := b.First; at < b.End; {
		wait, done := context.WithTimeout(ctx, fetchPatience)
		fetches := cl.PollFetches(wait)
		done()
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %s partition %d from %d to %d: %w", full, partition, at, b.End, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset + 1
			if !r.Attrs.IsControl() && r.Offset < b.End {
				records = append(records, r)
				size += len(r.Key) + len(r.Value)
			}
		})
		if size > MaxPartitionBytes {
			return nil, fmt.Errorf("%s partition %d: %w", full, partition, ErrTooLong)
		}
	}
	return records, nil
}

// Follow reads topics (names without prefix) from their ends on until ctx ends,
// and hands each record over with the moment at which it was seen. begun is
// called once reading has begun: all that is committed later will be seen.
func (l *Log) Follow(ctx context.Context, names []string, begun func(), each func(topic string, r *kgo.Record, seen time.Time)) error {
	at := map[string]map[int32]kgo.Offset{}
	short := map[string]string{}
	for _, name := range names {
		ends, err := l.Ends(ctx, name)
		if err != nil {
			return err
		}
		full := l.prefix + name
		short[full], at[full] = name, map[int32]kgo.Offset{}
		for p, end := range ends {
			at[full][p] = kgo.NewOffset().At(end)
		}
	}
	cl, err := l.client(kgo.ConsumePartitions(at))
	if err != nil {
		return fmt.Errorf("follow the topics: %w", err)
	}
	defer cl.Close()
	begun()
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("follow the topics: %w", err)
		}
		seen := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				each(short[r.Topic], r, seen)
			}
		})
	}
}

// Version is the broker's, as far as its protocol tells; "" when it does not.
func (l *Log) Version() string {
	ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	versions, err := kadm.NewClient(l.admin).ApiVersions(ctx)
	if err != nil {
		return ""
	}
	for _, v := range versions.Sorted() {
		if v.Err == nil {
			return v.VersionGuess()
		}
	}
	return ""
}
