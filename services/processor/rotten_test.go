package processor

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// rot says how often, and with which luck, stores fail.
type rot struct {
	mu    sync.Mutex
	rng   *rand.Rand
	share float64
}

func newRot(seed uint64) *rot { return &rot{rng: rand.New(rand.NewPCG(seed, 3))} }

func (r *rot) set(share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.share = share
}

// how says in which of n ways to fail; -1: not at all.
func (r *rot) how(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rng.Float64() >= r.share {
		return -1
	}
	return r.rng.IntN(n)
}

// rotten is a store that fails in every way that a real one does, and as often
// as rot says: errors, and success that proves none when the snapshot is read.
type rotten struct {
	snapshot.Store
	rot *rot
}

var errRotten = errors.New("the store does not answer")

func (s *rotten) Write(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
	switch s.rot.how(4) {
	case 0:
		return errRotten
	case 1:
		return s.flipped(ctx, name, frames)
	case 2:
		return s.noManifest(ctx, name, frames)
	case 3: // whole, but the writer does not know
		return errors.Join(s.Store.Write(ctx, name, frames), errRotten)
	}
	return s.Store.Write(ctx, name, frames)
}

// flipped keeps a state with one bit another than the name's hash is of.
func (s *rotten) flipped(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
	var all [][]byte
	for frame := range frames {
		all = append(all, bytes.Clone(frame))
	}
	good := proto.CloneOf(name)
	good.Id = snapshot.NewID()
	if err := s.Store.Write(ctx, good, slices.Values(all)); err != nil {
		return err
	}
	all[len(all)-1][0] ^= 0x10
	err := s.Store.Write(ctx, name, slices.Values(all))
	name.Hash = good.Hash
	return err
}

// noManifest claims success of a write that ended before its manifest.
func (s *rotten) noManifest(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
	ctx, stop := context.WithCancel(ctx)
	_ = s.Store.Write(ctx, name, func(yield func([]byte) bool) {
		for frame := range frames {
			if !yield(frame) {
				return
			}
		}
		stop()
	})
	return nil
}

func (s *rotten) Read(ctx context.Context, name *vigiev1.Snapshot, f func([]byte) error) error {
	switch s.rot.how(2) {
	case 0:
		return errRotten
	case 1: // gives a part before it fails
		n := 0
		return s.Store.Read(ctx, name, func(frame []byte) error {
			if n++; n == 2 {
				return errRotten
			}
			return f(frame)
		})
	}
	return s.Store.Read(ctx, name, f)
}

func (s *rotten) Remove(ctx context.Context, names []*vigiev1.Snapshot) error {
	if s.rot.how(1) == 0 {
		return errRotten
	}
	return s.Store.Remove(ctx, names)
}

func (s *rotten) Sweep(ctx context.Context, partition int32, upTo int64, keep []*vigiev1.Snapshot) (int, error) {
	if s.rot.how(1) == 0 {
		return 0, errRotten
	}
	return s.Store.Sweep(ctx, partition, upTo, keep)
}
