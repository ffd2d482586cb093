package baseline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// Place keeps one baseline: its snapshots, and its note.
type Place interface {
	snapshot.Store
	fmt.Stringer
	// Free is nil when nothing is there yet.
	Free(ctx context.Context) error
	// Note reads the note, PutNote writes it, once.
	Note(ctx context.Context) ([]byte, error)
	PutNote(ctx context.Context, signed []byte) error
	// Discard takes away snapshots of a baseline that did not come about.
	Discard(ctx context.Context, names []*vigiev1.Snapshot) error
}

// In is the place of a baseline in a directory of its own.
func In(dir string) Place { return directory{snapshot.NewDirectory(dir), dir} }

type directory struct {
	*snapshot.Directory
	path string
}

func (d directory) String() string { return d.path }

func (d directory) Free(context.Context) error {
	if _, err := os.Stat(d.path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	return nil
}

func (d directory) Note(context.Context) ([]byte, error) {
	return os.ReadFile(filepath.Join(d.path, NoteFile))
}

func (d directory) PutNote(_ context.Context, signed []byte) error {
	f, err := os.OpenFile(filepath.Join(d.path, NoteFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(signed)
	return errors.Join(err, f.Sync(), f.Close())
}

func (d directory) Discard(context.Context, []*vigiev1.Snapshot) error { return os.RemoveAll(d.path) }

// InBucket is the place of a baseline below a prefix of its own in a bucket.
func InBucket(s *snapshot.S3) Place { return bucket{s} }

type bucket struct{ *snapshot.S3 }

func (b bucket) Free(ctx context.Context) error {
	_, err := b.File(ctx, NoteFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fs.ErrExist
	}
	return err
}

func (b bucket) Note(ctx context.Context) ([]byte, error) { return b.File(ctx, NoteFile) }

func (b bucket) PutNote(ctx context.Context, signed []byte) error {
	return b.PutFile(ctx, NoteFile, signed)
}

func (b bucket) Discard(ctx context.Context, names []*vigiev1.Snapshot) error {
	return b.Remove(context.WithoutCancel(ctx), names)
}
