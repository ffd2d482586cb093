package snapshot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// writeAhead is how many chunks may be on their way at once: it bounds the
// memory of a writer.
const writeAhead = 4

// Topic keeps snapshots in a topic of their own, in the partition of the same number.
// Keys are partition/offset/fold version/id/chunk, the manifest's last part is
// "manifest".
type Topic struct {
	cfg  eventlog.Config
	name string
	log  *slog.Logger
}

// NewTopic keeps snapshots in the topic of this name: topics.Snapshots, or
// topics.FleetSnapshots.
func NewTopic(cfg eventlog.Config, name string, log *slog.Logger) *Topic {
	return &Topic{cfg: cfg, name: name, log: log}
}

const manifestPart = "manifest"

func (t *Topic) topic() string { return t.cfg.Topic(t.name) }

func prefix(name *vigiev1.Snapshot) string {
	return fmt.Sprintf("%d/%d/%d/%s/", name.GetPartition(), name.GetOffset(), name.GetFoldVersion(), ids.Show(name.GetId()))
}

// writer is a client of its own for each piece of work: one that failed half-way
// leaves nothing behind that could come later. It asks for its producer id first:
// while brokers refuse connections, a client with records to send but no id asks
// for one again and again without a pause.
func (t *Topic) writer(ctx context.Context) (*kgo.Client, error) {
	cl, err := kgo.NewClient(append(t.cfg.IngestOpts(t.log), kgo.MaxBufferedRecords(writeAhead))...)
	if err != nil {
		return nil, err
	}
	if _, _, err := cl.ProducerID(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("begin to write to %s: %w", t.topic(), err)
	}
	return cl, nil
}

// Write implements Store.
func (t *Topic) Write(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
	cl, err := t.writer(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	var failed kgo.FirstErrPromise
	partition, first := int32(name.GetPartition()), int64(-1)
	err = cut(name, frames, func(number uint32, chunk []byte) error {
		r := &kgo.Record{Topic: t.topic(), Partition: partition, Key: []byte(prefix(name) + strconv.Itoa(int(number))), Value: chunk}
		answered := failed.Promise()
		cl.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err == nil && number == 0 {
				first = r.Offset
			}
			answered(r, err)
		})
		return ctx.Err()
	})
	if err == nil {
		err = cl.Flush(ctx)
	}
	if err == nil {
		err = failed.Err()
	}
	if err != nil {
		return fmt.Errorf("write a snapshot of partition %d to %s: %w", partition, t.topic(), err)
	}
	name.Start = first
	last := &kgo.Record{Topic: t.topic(), Partition: partition, Key: []byte(prefix(name) + manifestPart), Value: manifest(name)}
	if err := send(ctx, cl, last); err != nil {
		return fmt.Errorf("write the manifest of a snapshot of partition %d to %s: %w", partition, t.topic(), err)
	}
	return nil
}

// send waits for the answers, but no longer than ctx: a record on its way cannot
// be called back, and its answer may never come.
func send(ctx context.Context, cl *kgo.Client, records ...*kgo.Record) error {
	var failed kgo.FirstErrPromise
	for _, r := range records {
		cl.Produce(ctx, r, failed.Promise())
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return failed.Err()
}

// errWhole ends the reading: all is there.
var errWhole = errors.New("the snapshot is whole")

// Read implements Store.
func (t *Topic) Read(ctx context.Context, name *vigiev1.Snapshot, f func([]byte) error) error {
	j, own := join(f), prefix(name)
	err := eventlog.ReadToEnd(ctx, t.cfg.ReaderOpts(t.log), t.topic(), int32(name.GetPartition()), name.GetStart(), func(r *kgo.Record) error {
		part, ours := strings.CutPrefix(string(r.Key), own)
		switch {
		case !ours:
			return nil
		case r.Value == nil:
			return unusable("it was removed")
		case part == strconv.Itoa(int(j.chunks)):
			return j.add(r.Value)
		case part == manifestPart:
			if err := errors.Join(j.end(name), checkManifest(r.Value, name)); err != nil {
				return err
			}
			return errWhole
		}
		return unusable("chunk %d is missing, %s stands in its place", j.chunks, part)
	})
	switch {
	case errors.Is(err, errWhole):
		return nil
	case errors.Is(err, kerr.OffsetOutOfRange):
		return unusable("%s does not hold its start %d", t.topic(), name.GetStart())
	case err == nil:
		return unusable("it has no manifest behind %d chunks", j.chunks)
	}
	return err
}

func (t *Topic) bounds(ctx context.Context, partition int32) (start, end int64, err error) {
	cl, err := kgo.NewClient(t.cfg.ReaderOpts(t.log)...)
	if err != nil {
		return 0, 0, err
	}
	defer cl.Close()
	return eventlog.Bounds(ctx, kadm.NewClient(cl), t.topic(), partition)
}

// Remove implements Store, by tombstones.
func (t *Topic) Remove(ctx context.Context, names []*vigiev1.Snapshot) error {
	for _, name := range names {
		keys := []string{prefix(name) + manifestPart}
		for number := range name.GetChunks() {
			keys = append(keys, prefix(name)+strconv.Itoa(int(number)))
		}
		if err := t.bury(ctx, int32(name.GetPartition()), keys); err != nil {
			return err
		}
	}
	return nil
}

func (t *Topic) bury(ctx context.Context, partition int32, keys []string) error {
	cl, err := t.writer(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	tombstones := make([]*kgo.Record, len(keys))
	for i, key := range keys {
		tombstones[i] = &kgo.Record{Topic: t.topic(), Partition: partition, Key: []byte(key)}
	}
	if err := send(ctx, cl, tombstones...); err != nil {
		return fmt.Errorf("remove snapshots of partition %d from %s: %w", partition, t.topic(), err)
	}
	return nil
}

// Sweep implements Store. It reads the partition of vigie.snapshots once.
func (t *Topic) Sweep(ctx context.Context, partition int32, upTo int64, keep []*vigiev1.Snapshot) (int, error) {
	start, end, err := t.bounds(ctx, partition)
	if err != nil {
		return 0, err
	}
	waste := map[string]bool{}
	err = eventlog.ReadRange(ctx, t.cfg.ReaderOpts(t.log), t.topic(), partition, start, end, func(r *kgo.Record) error {
		key := string(r.Key)
		if offset, id, ok := parseKey(key); !ok || offset > upTo || kept(id, keep) {
			return nil
		}
		if r.Value == nil {
			delete(waste, key)
		} else {
			waste[key] = true
		}
		return nil
	})
	if err != nil || len(waste) == 0 {
		return 0, err
	}
	snapshots, keys := map[string]bool{}, make([]string, 0, len(waste))
	for key := range waste {
		keys = append(keys, key)
		snapshots[key[:strings.LastIndexByte(key, '/')]] = true
	}
	return len(snapshots), t.bury(ctx, partition, keys)
}

// parseKey takes the offset and the id out of a key.
func parseKey(key string) (offset int64, id []byte, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 5 {
		return 0, nil, false
	}
	offset, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return 0, nil, false
	}
	parsed, err := ids.Parse(parts[3])
	return offset, parsed[:], err == nil
}
