package keyring

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// lookEvery is the pause between two looks at the file. A look is one stat: simpler
// than a watch of the system, and the same on network file systems and on mounted
// secrets, where watches are silent.
const lookEvery = time.Second

// Live is the keyring of a running receiver: the file as it last could be read.
type Live struct {
	path     string
	master   []byte
	log      *slog.Logger
	ring     atomic.Pointer[Ring]
	seen     fs.FileInfo
	failures atomic.Uint64
	ready    chan struct{}
}

// Open reads the keyring for a receiver. A missing file is an empty keyring, so
// that a centre without encrypted panels needs none; a damaged one is an error.
func Open(path string, master []byte, log *slog.Logger) (*Live, error) {
	l := &Live{path: path, master: master, log: log, ready: make(chan struct{})}
	close(l.ready) // the keys are there before Run
	ring, err := Empty(master)
	if err != nil {
		return nil, err
	}
	l.ring.Store(ring)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	if ring, err = Read(path, master); err != nil {
		return nil, err
	}
	l.ring.Store(ring)
	l.seen = info
	return l, nil
}

// Ring is the keyring now.
func (l *Live) Ring() *Ring { return l.ring.Load() }

// Failures counts the readings that failed since Open.
func (l *Live) Failures() uint64 { return l.failures.Load() }

// Ready is closed: Open has read the file.
func (l *Live) Ready() <-chan struct{} { return l.ready }

// Run follows the file until ctx ends. A file that is gone or cannot be read
// changes nothing but the log: panels are not shut out by a mistake of an editor.
func (l *Live) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			l.look()
		}
	}
}

// look reads the file when it is another one than last time.
func (l *Live) look() {
	info, err := os.Stat(l.path)
	if errors.Is(err, os.ErrNotExist) && l.seen == nil {
		return // there never was one
	}
	if err == nil && l.seen != nil && os.SameFile(info, l.seen) && info.ModTime().Equal(l.seen.ModTime()) && info.Size() == l.seen.Size() {
		return
	}
	var ring *Ring
	if err == nil {
		ring, err = Read(l.path, l.master)
	}
	if err != nil {
		l.log.Error("the keyring cannot be read any more; the keys at hand stay in force", "error", err)
		l.failures.Add(1)
		l.seen = info // told once for each file, and once when there is none any more
		return
	}
	l.ring.Store(ring)
	l.seen = info
	l.log.Info("the keyring was read anew", "keys", ring.Len(), "being_changed", ring.Rotating())
}
