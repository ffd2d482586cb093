package snapshot

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Directory keeps snapshots as files, <partition>/<offset>-<fold version>-<id>.snapshot
// below a directory that every processor of the group must see. A file holds
// the chunks, each behind its length (4 bytes, big-endian), a length of 0 and the
// manifest.
type Directory struct{ path string }

// NewDirectory keeps snapshots below path, which is made when it is needed.
func NewDirectory(path string) *Directory { return &Directory{path: path} }

const (
	fileEnding = ".snapshot"
	// unfinished files were never named; a sweep takes them away.
	unfinished = ".part"
)

func (d *Directory) of(partition uint32) string {
	return filepath.Join(d.path, strconv.FormatUint(uint64(partition), 10))
}

func (d *Directory) file(name *vigiev1.Snapshot) string {
	return filepath.Join(d.of(name.GetPartition()), fmt.Sprintf("%d-%d-%s%s", name.GetOffset(), name.GetFoldVersion(), ids.Show(name.GetId()), fileEnding))
}

// Write implements Store. The file has its name only once it is on the disk.
func (d *Directory) Write(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
	path := d.file(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	f, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	out := bufio.NewWriterSize(f, ChunkBytes)
	err = cut(name, frames, func(_ uint32, chunk []byte) error {
		_, err := out.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(chunk))), chunk...))
		return errors.Join(err, ctx.Err())
	})
	if err == nil {
		_, err = out.Write(append(make([]byte, 4), manifest(name)...))
	}
	if err == nil {
		err = errors.Join(out.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write a snapshot: %w", errors.Join(err, removeFile(path+unfinished)))
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// removeFile removes a file that may be gone already.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Read implements Store.
func (d *Directory) Read(ctx context.Context, name *vigiev1.Snapshot, f func([]byte) error) error {
	file, err := os.Open(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return unusable("%w", err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	in, j := bufio.NewReaderSize(file, ChunkBytes), join(f)
	for ctx.Err() == nil {
		chunk, err := readChunk(in)
		if err != nil {
			return err
		}
		if chunk != nil {
			if err := j.add(chunk); err != nil {
				return err
			}
			continue
		}
		rest, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return errors.Join(j.end(name), checkManifest(rest, name))
	}
	return ctx.Err()
}

// readChunk reads the next chunk; nil stands before the manifest.
func readChunk(in io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, cutOff(err)
	}
	n := binary.BigEndian.Uint32(length[:])
	switch {
	case n == 0:
		return nil, nil
	case n > ChunkBytes:
		return nil, unusable("a chunk claims %d bytes", n)
	}
	chunk := make([]byte, n)
	_, err := io.ReadFull(in, chunk)
	return chunk, cutOff(err)
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return unusable("the file is cut off")
	}
	return err
}

// Remove implements Store.
func (d *Directory) Remove(_ context.Context, names []*vigiev1.Snapshot) error {
	var failed error
	for _, name := range names {
		failed = errors.Join(failed, removeFile(d.file(name)))
	}
	return failed
}

// Sweep implements Store.
func (d *Directory) Sweep(_ context.Context, partition int32, upTo int64, keep []*vigiev1.Snapshot) (int, error) {
	dir := d.of(uint32(partition))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("sweep snapshots: %w", err)
	}
	n := 0
	var failed error
	for _, e := range entries {
		offset, id, ok := parseFile(e.Name())
		if !ok || offset > upTo || kept(id, keep) {
			continue
		}
		n++
		failed = errors.Join(failed, removeFile(filepath.Join(dir, e.Name())))
	}
	return n, failed
}

func parseFile(name string) (offset int64, id []byte, ok bool) {
	name, ok = strings.CutSuffix(strings.TrimSuffix(name, unfinished), fileEnding)
	parts := strings.Split(name, "-")
	if !ok || len(parts) != 3 {
		return 0, nil, false
	}
	offset, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return 0, nil, false
	}
	parsed, err := ids.Parse(parts[2])
	return offset, parsed[:], err == nil
}
