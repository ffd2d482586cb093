// Package snapshot keeps copies of partitions' states: in the topic
// vigie.snapshots, or in a directory. It knows nothing of what is in a state.
//
// A state comes as frames. Their stream (each frame behind its length) is cut
// into chunks, each behind its CRC-32C; a manifest follows the last chunk. Keys
// hold a random id, so that nobody overwrites another's snapshot, be it a zombie.
// Nothing here makes a snapshot count: that does the progress record which names
// it, in a fenced transaction.
package snapshot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// ChunkBytes is the most that a chunk holds: a record of it fits the default
	// limits of any Kafka, so that no broker needs tuning.
	ChunkBytes = 900_000
	// maxFrame bounds what a length may claim.
	maxFrame = 64 << 20
	crcBytes = 4
)

// ErrUnusable says that a snapshot is damaged, incomplete or gone: no further
// try will read it.
var ErrUnusable = errors.New("the snapshot is unusable")

func unusable(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnusable}, args...)...)
}

// Store keeps snapshots. Its methods may be called from several goroutines.
type Store interface {
	// Write keeps the frames and fills in what the name lacks: Hash, Bytes,
	// Chunks, Start. After an error nothing of it may be named.
	Write(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error
	// Read hands the frames of a named snapshot to f, in order; a frame is f's
	// until it returns. The frames are true only once Read has returned nil: the
	// hash of the whole is known at the end. The error is ErrUnusable, f's, or
	// that of a store that does not answer.
	Read(ctx context.Context, name *vigiev1.Snapshot, f func(frame []byte) error) error
	// Remove forgets snapshots that no progress record will name again.
	Remove(ctx context.Context, names []*vigiev1.Snapshot) error
	// Sweep removes what was begun and never named: every snapshot of the
	// partition that is not among those to keep and whose offset is upTo or less.
	// It returns how many there were.
	Sweep(ctx context.Context, partition int32, upTo int64, keep []*vigiev1.Snapshot) (int, error)
}

// NewID makes the id of a snapshot.
func NewID() []byte {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // It never fails.
	return id
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cutter cuts the stream of frames into chunks.
type cutter struct {
	name  *vigiev1.Snapshot
	sum   hash.Hash
	chunk []byte
	put   func(number uint32, chunk []byte) error
}

// cut hands the chunks of a state to put, which keeps them, and fills in the name.
func cut(name *vigiev1.Snapshot, frames iter.Seq[[]byte], put func(number uint32, chunk []byte) error) error {
	c := &cutter{name: name, sum: sha256.New(), put: put}
	name.Chunks, name.Bytes = 0, 0
	var length [binary.MaxVarintLen64]byte
	for frame := range frames {
		n := binary.PutUvarint(length[:], uint64(len(frame)))
		if err := errors.Join(c.add(length[:n]), c.add(frame)); err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	name.Hash = c.sum.Sum(nil)
	return nil
}

func (c *cutter) add(b []byte) error {
	for len(b) > 0 {
		if c.chunk == nil {
			c.chunk = make([]byte, crcBytes, crcBytes+min(ChunkBytes, 64<<10))
		}
		n := min(len(b), ChunkBytes-len(c.chunk))
		c.chunk = append(c.chunk, b[:n]...)
		b = b[n:]
		if len(c.chunk) == ChunkBytes {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cutter) flush() error {
	if c.chunk == nil {
		return nil
	}
	payload := c.chunk[crcBytes:]
	binary.BigEndian.PutUint32(c.chunk, crc32.Checksum(payload, castagnoli))
	c.sum.Write(payload)
	number := c.name.Chunks
	c.name.Chunks++
	c.name.Bytes += uint64(len(payload))
	chunk := c.chunk
	c.chunk = nil
	return c.put(number, chunk)
}

// joiner puts frames together from chunks.
type joiner struct {
	sum    hash.Hash
	left   []byte
	chunks uint32
	bytes  uint64
	f      func([]byte) error
}

func join(f func([]byte) error) *joiner { return &joiner{sum: sha256.New(), f: f} }

// add takes the next chunk and hands on the frames that are whole now.
func (j *joiner) add(chunk []byte) error {
	if len(chunk) < crcBytes {
		return unusable("chunk %d has %d bytes only", j.chunks, len(chunk))
	}
	payload := chunk[crcBytes:]
	if got := crc32.Checksum(payload, castagnoli); got != binary.BigEndian.Uint32(chunk) {
		return unusable("chunk %d has the CRC %08x, %08x stands before it", j.chunks, got, binary.BigEndian.Uint32(chunk))
	}
	j.sum.Write(payload)
	j.chunks++
	j.bytes += uint64(len(payload))
	j.left = append(j.left, payload...)
	rest := j.left
	for {
		size, n := binary.Uvarint(rest)
		if size > maxFrame {
			return unusable("a frame before chunk %d claims %d bytes", j.chunks, size)
		}
		if n <= 0 || uint64(len(rest)-n) < size {
			break
		}
		if err := j.f(rest[n : n+int(size)]); err != nil {
			return err
		}
		rest = rest[n+int(size):]
	}
	j.left = append(j.left[:0], rest...)
	return nil
}

// end checks the whole against its name.
func (j *joiner) end(name *vigiev1.Snapshot) error {
	switch {
	case len(j.left) > 0:
		return unusable("it ends inside a frame")
	case j.chunks != name.GetChunks() || j.bytes != name.GetBytes():
		return unusable("it has %d chunks and %d bytes, its name says %d and %d", j.chunks, j.bytes, name.GetChunks(), name.GetBytes())
	case string(j.sum.Sum(nil)) != string(name.GetHash()):
		return unusable("its hash is not the one named")
	}
	return nil
}

// manifest is what stands behind the chunks.
func manifest(name *vigiev1.Snapshot) []byte {
	m := proto.CloneOf(name)
	m.Start = 0
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("snapshot: encode a manifest: %v", err)) // It has no text.
	}
	return b
}

// checkManifest compares what stands behind the chunks with the name.
func checkManifest(b []byte, name *vigiev1.Snapshot) error {
	if string(b) != string(manifest(name)) {
		return unusable("its manifest says something else than its name")
	}
	return nil
}

// kept tells whether a snapshot is among those to keep.
func kept(id []byte, keep []*vigiev1.Snapshot) bool {
	for _, k := range keep {
		if string(k.GetId()) == string(id) {
			return true
		}
	}
	return false
}
