package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// maxHold is how long a process keeps the file while its callers keep coming.
	maxHold = 100 * time.Millisecond
	// yieldFor lets another process have the file: longer than the pause between
	// its tries.
	yieldFor = 75 * time.Millisecond
)

// OpenShared opens a vault that other processes of this machine use as well: a
// receiver and a console, each a process of its own. The file is held only while
// a key is read or made, a few milliseconds; callers who come together share one
// opening. A key that another process shredded is forgotten at once.
//
// The directory must be on a file system that honours flock between those who
// share it. Seal and Unseal return ErrHeld when another process keeps the file
// for lockWait.
func OpenShared(dir string) (*Vault, error) {
	v, err := Open(dir) // makes what is missing; waits for another's opening
	if err != nil {
		return nil, err
	}
	v.lease = &lease{}
	v.lease.idle = sync.NewCond(&v.lease.mu)
	v.lease.seen, err = v.stat()
	err = errors.Join(err, v.db.Close())
	v.db = nil
	return v, err
}

// lease is the state of a shared file in this process.
type lease struct {
	mu sync.Mutex
	// idle is signalled when the file was closed.
	idle    *sync.Cond
	holders int
	since   time.Time
	// yielding: no more callers join, since others wait for the file.
	yielding bool
	// seen is the file as this process left it.
	seen os.FileInfo
}

// hold makes v.db usable until release is called.
func (v *Vault) hold() (release func(), err error) {
	l := v.lease
	if l == nil {
		return func() {}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holders > 0 && time.Since(l.since) > maxHold {
		l.yielding = true
	}
	for l.yielding {
		l.idle.Wait()
	}
	if l.holders == 0 {
		if v.db, err = openCurrent(filepath.Join(v.dir, keysFile)); err != nil {
			return nil, err
		}
		l.since = time.Now()
	}
	l.holders++
	return v.release, nil
}

func (v *Vault) release() {
	l := v.lease
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holders--; l.holders > 0 {
		return
	}
	if info, err := v.stat(); err == nil { // while the file is still ours
		l.seen = info
	}
	_ = v.db.Close() // what was written is on the disk already
	v.db = nil
	if l.yielding {
		time.Sleep(yieldFor)
		l.yielding = false
	}
	l.idle.Broadcast()
}

// openCurrent opens the file that stands under the path once it is ours: while we
// waited, a shredding may have put another in its place.
func openCurrent(path string) (*bbolt.DB, error) {
	for {
		before, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("the key file is gone: %w", err)
		}
		db, err := openFile(path)
		if err != nil {
			return nil, err
		}
		after, err := os.Stat(path)
		if err == nil && os.SameFile(before, after) {
			return db, nil
		}
		if err := errors.Join(err, db.Close()); err != nil {
			return nil, err
		}
	}
}

// refresh forgets the keys in memory when another process wrote the file.
func (v *Vault) refresh() {
	if v.lease == nil {
		return
	}
	v.lease.mu.Lock()
	defer v.lease.mu.Unlock()
	if v.lease.holders > 0 {
		return // nobody else can write now
	}
	info, err := v.stat()
	if err == nil && os.SameFile(info, v.lease.seen) && info.ModTime().Equal(v.lease.seen.ModTime()) && info.Size() == v.lease.seen.Size() {
		return
	}
	v.cache.clear()
	if err == nil {
		v.lease.seen = info
	}
}

func (v *Vault) stat() (os.FileInfo, error) { return os.Stat(filepath.Join(v.dir, keysFile)) }
