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
	path   string
	master []byte
	log    *slog.Logger
	ring   atomic.Pointer[Ring]
	seen   fs.FileInfo
	// failed is called for each reading that failed.
	failed func()
}

// Open reads the keyring for a receiver. A missing file is an empty keyring, so
// that a centre without encrypted panels needs none; a damaged one is an error.
// failed is told of each later reading that failed; nil for nobody.
func Open(path string, master []byte, log *slog.Logger, failed func()) (*Live, error) {
	l := &Live{path: path, master: master, log: log, failed: failed}
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
		if l.failed != nil {
			l.failed()
		}
		l.seen = info // told once for each file, and once when there is none any more
		return
	}
	l.ring.Store(ring)
	l.seen = info
	l.log.Info("the keyring was read anew", "keys", ring.Len(), "being_changed", ring.Rotating())
}
