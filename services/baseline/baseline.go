// Package baseline keeps the states of all partitions outside of Kafka, signed.
// A baseline and the log after it are the whole truth: the log before it may go.
// Nothing may delete more of vigie.events than that.
//
// A baseline is a directory, or a prefix in a bucket: baseline.note, and below it the
// snapshots.
// The note is signed; it has the checkpoint of each partition at its snapshot, and
// the snapshot's name with the hash of its bytes.
package baseline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// NoteFile is the signed note of a baseline's directory.
const NoteFile = "baseline.note"

const head = "vigie baseline"

// Baseline is what a directory holds.
type Baseline struct {
	// ID is the SHA-256 of its signed note, in hex.
	ID         string
	Partitions []Partition
}

// Partition is the state of one partition.
type Partition struct {
	// Checkpoint is the audit chain where the snapshot stands.
	Checkpoint chain.Checkpoint
	Snapshot   *vigiev1.Snapshot
}

// Checkpoints of all partitions.
func (b *Baseline) Checkpoints() (all []chain.Checkpoint) {
	for _, p := range b.Partitions {
		all = append(all, p.Checkpoint)
	}
	return all
}

// Export copies the newest snapshot that counts of each partition to a place where
// nothing is yet, and signs it. The error names a partition that has none yet.
func Export(ctx context.Context, cfg eventlog.Config, log *slog.Logger, from snapshot.Store, signer note.Signer, to Place, now time.Time) (*Baseline, error) {
	if err := to.Free(ctx); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already: a baseline is written once, name another place", to)
	} else if err != nil {
		return nil, err
	}
	partitions, err := eventlog.Partitions(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	last, err := eventlog.LastProgress(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	for number := range partitions {
		if len(last[number].GetSnapshots()) == 0 {
			return nil, fmt.Errorf("partition %d has no snapshot yet: a processor takes the first one after processor.snapshot_seconds", number)
		}
	}
	b := &Baseline{}
	for number := range partitions {
		p, err := export(ctx, from, last[number].GetSnapshots()[0], to, last[number], now)
		if err != nil {
			// Half a baseline is none, and its name must be free for the next try.
			return nil, errors.Join(fmt.Errorf("export partition %d: %w", number, err), to.Discard(ctx, b.snapshots()))
		}
		b.Partitions = append(b.Partitions, p)
	}
	return b, b.sign(ctx, signer, to)
}

func (b *Baseline) snapshots() (all []*vigiev1.Snapshot) {
	for _, p := range b.Partitions {
		all = append(all, p.Snapshot)
	}
	return all
}

func export(ctx context.Context, from snapshot.Store, name *vigiev1.Snapshot, to snapshot.Store, progress *vigiev1.Progress, now time.Time) (Partition, error) {
	offset, c, err := processor.SnapshotChain(ctx, from, name)
	if err != nil {
		return Partition{}, err
	}
	copied := proto.CloneOf(name)
	if err := transfer(ctx, from, name, to, copied); err != nil {
		return Partition{}, err
	}
	if !bytes.Equal(copied.GetHash(), name.GetHash()) {
		return Partition{}, fmt.Errorf("the copy is not what was named: %w", snapshot.ErrUnusable)
	}
	return Partition{
		Checkpoint: chain.Checkpoint{
			Partition: int32(name.GetPartition()), TopicID: name.GetTopicId(), Offset: offset, Ordinal: c.Ordinal, Hash: c.Hash,
			At: time.UnixMilli(now.UnixMilli()).UTC(), WatermarkMS: progress.GetWatermarkMs(), FoldVersion: name.GetFoldVersion(),
		},
		Snapshot: copied,
	}, nil
}

// transfer copies the frames of a snapshot from store to store as they come.
func transfer(ctx context.Context, from snapshot.Store, name *vigiev1.Snapshot, to snapshot.Store, copied *vigiev1.Snapshot) error {
	var failed error
	frames := iter.Seq[[]byte](func(yield func([]byte) bool) {
		failed = from.Read(ctx, name, func(frame []byte) error {
			if !yield(frame) {
				return context.Canceled
			}
			return nil
		})
	})
	return errors.Join(to.Write(ctx, copied, frames), failed)
}

func (b *Baseline) sign(ctx context.Context, signer note.Signer, to Place) error {
	var text strings.Builder
	text.WriteString(head + "\n")
	for _, p := range b.Partitions {
		checkpoint, err := p.Checkpoint.Sign(signer)
		if err != nil {
			return err
		}
		name, err := proto.MarshalOptions{Deterministic: true}.Marshal(p.Snapshot)
		if err != nil {
			return fmt.Errorf("encode the name of a snapshot: %w", err)
		}
		fmt.Fprintf(&text, "%s %s\n", base64.StdEncoding.EncodeToString(checkpoint), base64.StdEncoding.EncodeToString(name))
	}
	signed, err := note.Sign(&note.Note{Text: text.String()}, signer)
	if err != nil {
		return fmt.Errorf("sign the baseline: %w", err)
	}
	b.ID = idOf(signed)
	if err := to.PutNote(ctx, signed); err != nil {
		return fmt.Errorf("write the baseline: %w", err)
	}
	return nil
}

// Read reads the signed note of a baseline; the snapshots are not looked at.
func Read(ctx context.Context, at Place, trusted note.Verifiers) (*Baseline, error) {
	signed, err := at.Note(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the baseline: %w", err)
	}
	text, err := chain.OpenNote(signed, trusted)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", at, NoteFile, err)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != head {
		return nil, fmt.Errorf("%s/%s is no baseline: its first line is %q", at, NoteFile, lines[0])
	}
	b := &Baseline{ID: idOf(signed)}
	for _, line := range lines[1:] {
		p, err := parse(line, trusted)
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", at, NoteFile, err)
		}
		b.Partitions = append(b.Partitions, p)
	}
	return b, nil
}

func idOf(signed []byte) string {
	sum := sha256.Sum256(signed)
	return hex.EncodeToString(sum[:])
}

func parse(line string, trusted note.Verifiers) (p Partition, err error) {
	first, second, _ := strings.Cut(line, " ")
	checkpoint, err1 := base64.StdEncoding.DecodeString(first)
	name, err2 := base64.StdEncoding.DecodeString(second)
	if err := errors.Join(err1, err2); err != nil {
		return p, err
	}
	if p.Checkpoint, err = chain.OpenCheckpoint(checkpoint, trusted); err != nil {
		return p, err
	}
	p.Snapshot = &vigiev1.Snapshot{}
	return p, proto.Unmarshal(name, p.Snapshot)
}

// Verify reads a baseline whole: its signature, the bytes of each snapshot, and that
// the chain inside each is the one signed. The error says what is wrong where.
func Verify(ctx context.Context, at Place, trusted note.Verifiers) (*Baseline, error) {
	b, err := Read(ctx, at, trusted)
	if err != nil {
		return nil, err
	}
	for _, p := range b.Partitions {
		if err := at.Read(ctx, p.Snapshot, func([]byte) error { return nil }); err != nil {
			return nil, fmt.Errorf("the baseline of partition %d: %w", p.Checkpoint.Partition, err)
		}
		offset, c, err := processor.SnapshotChain(ctx, at, p.Snapshot)
		if err != nil {
			return nil, fmt.Errorf("the baseline of partition %d: %w", p.Checkpoint.Partition, err)
		}
		if offset != p.Checkpoint.Offset || c.Ordinal != p.Checkpoint.Ordinal || c.Hash != p.Checkpoint.Hash {
			return nil, fmt.Errorf("the baseline of partition %d: its chain is not the one signed", p.Checkpoint.Partition)
		}
	}
	return b, nil
}
