package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/open-vigie/vigie/services/internal/vault"
)

// lockAgain is the pause between two tries for the lock of another writer.
const lockAgain = 20 * time.Millisecond

// Edit changes a file: reads it (a missing one is empty), calls change, and writes
// it when change returned nil. Writers wait for each other until ctx ends; readers
// see the file before or after, never between. The directory is made, mode 0700.
func Edit(ctx context.Context, path string, master []byte, change func(*Editor) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the directory of the keyring: %w", err)
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	ring, err := Read(path, master)
	if errors.Is(err, os.ErrNotExist) {
		ring, err = Empty(master)
	}
	if err != nil {
		return err
	}
	e := &Editor{ring: ring}
	if err := change(e); err != nil {
		return err
	}
	return ring.write(path, master)
}

// LoadMaster reads the master key that a keyring is under from a file of 32 bytes.
// Where there is neither keyring nor master key yet, it makes the master key, mode
// 0600; who comes together waits, so that there is one.
func LoadMaster(ctx context.Context, ring, file string) ([]byte, error) {
	for _, dir := range []string{filepath.Dir(ring), filepath.Dir(file)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the directory of the keyring: %w", err)
		}
	}
	if _, err := os.Stat(file); err == nil {
		return vault.LoadMaster(file, false)
	}
	unlock, err := lock(ctx, ring+".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	_, err = os.Stat(ring)
	return vault.LoadMaster(file, errors.Is(err, os.ErrNotExist))
}

// lock has a file of its own: the keyring itself is replaced by each writing.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the keyring: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("locking the keyring: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("another `vigie keys` is changing the keyring (%s): %w", path, ctx.Err()), f.Close())
		case <-time.After(lockAgain):
		}
	}
}

// Editor changes a keyring that Edit has read.
type Editor struct{ ring *Ring }

// Ring is the keyring as it stands after the changes so far.
func (e *Editor) Ring() *Ring { return e.ring }

// Add sets the key of a name that has none. The same key again changes nothing;
// another is ErrHasKey.
func (e *Editor) Add(n Name, key []byte, now time.Time) error {
	r, err := newRow(n, key, now)
	if err != nil {
		return err
	}
	i, ok := e.ring.current.find(&r.name)
	if ok {
		if bytes.Equal(e.ring.current[i].secret(), key) {
			return nil
		}
		return fmt.Errorf("%s: %w", r.name.unpack(), ErrHasKey)
	}
	e.ring.current = slices.Insert(e.ring.current, i, r)
	return nil
}

// Rotate sets the next key of a name: both are accepted until Finish or Cancel.
func (e *Editor) Rotate(n Name, key []byte, now time.Time) error {
	r, err := newRow(n, key, now)
	if err != nil {
		return err
	}
	i, ok := e.ring.current.find(&r.name)
	if !ok {
		return fmt.Errorf("%s: %w", r.name.unpack(), ErrNoKey)
	}
	if bytes.Equal(e.ring.current[i].secret(), key) {
		return fmt.Errorf("%s: the next key is the one in use: choose another", r.name.unpack())
	}
	j, changing := e.ring.next.find(&r.name)
	if changing {
		return fmt.Errorf("%s: %w", r.name.unpack(), ErrRotating)
	}
	e.ring.next = slices.Insert(e.ring.next, j, r)
	return nil
}

// Finish makes the next key the only one.
func (e *Editor) Finish(n Name) error {
	return e.endRotation(n, func(current, next *row) { *current = *next })
}

// Cancel forgets the next key.
func (e *Editor) Cancel(n Name) error { return e.endRotation(n, func(_, _ *row) {}) }

func (e *Editor) endRotation(n Name, take func(current, next *row)) error {
	n, err := n.Check()
	if err != nil {
		return err
	}
	p := pack(n)
	i, ok := e.ring.current.find(&p)
	j, changing := e.ring.next.find(&p)
	switch {
	case !ok:
		return fmt.Errorf("%s: %w", n, ErrNoKey)
	case !changing:
		return fmt.Errorf("%s: %w", n, ErrNotRotating)
	}
	take(&e.ring.current[i], &e.ring.next[j])
	e.ring.next = slices.Delete(e.ring.next, j, j+1)
	return nil
}

// Remove forgets the keys of a name.
func (e *Editor) Remove(n Name) error {
	n, err := n.Check()
	if err != nil {
		return err
	}
	p := pack(n)
	i, ok := e.ring.current.find(&p)
	if !ok {
		return fmt.Errorf("%s: %w", n, ErrNoKey)
	}
	e.ring.current = slices.Delete(e.ring.current, i, i+1)
	if j, changing := e.ring.next.find(&p); changing {
		e.ring.next = slices.Delete(e.ring.next, j, j+1)
	}
	return nil
}

// Record is one name with its keys in clear, as export and import move them.
type Record struct {
	Name
	// Key is in use; Next is empty unless the key is being changed.
	Key, Next []byte
}

// Export calls f with each record in order until it returns false.
func (r *Ring) Export(f func(Record) bool) {
	for i := range r.current {
		row := &r.current[i]
		rec := Record{Name: row.name.unpack(), Key: row.secret()}
		if j, ok := r.next.find(&row.name); ok {
			rec.Next = r.next[j].secret()
		}
		if !f(rec) {
			return
		}
	}
}

// Import takes many records over at once. One whose name has another key already
// is ErrHasKey, unless replace says to take the new one.
func (e *Editor) Import(records []Record, replace bool, now time.Time) error {
	current, next := make(rows, 0, len(records)), rows{}
	for _, rec := range records {
		r, err := newRow(rec.Name, rec.Key, now)
		if err != nil {
			return err
		}
		current = append(current, r)
		if len(rec.Next) == 0 {
			continue
		}
		if r, err = newRow(rec.Name, rec.Next, now); err != nil {
			return err
		}
		next = append(next, r)
	}
	var err error
	if current, err = e.ring.current.merge(current, replace); err != nil {
		return err
	}
	if next, err = e.ring.next.merge(next, replace); err != nil {
		return err
	}
	e.ring.current, e.ring.next = current, next
	return nil
}

// merge puts fresh rows, in any order, among sorted ones.
func (rs rows) merge(fresh rows, replace bool) (rows, error) {
	slices.SortStableFunc(fresh, func(a, b row) int { return bytes.Compare(a.name[:], b.name[:]) })
	out := make(rows, 0, len(rs)+len(fresh))
	for len(rs) > 0 || len(fresh) > 0 {
		if len(fresh) == 0 || len(rs) > 0 && bytes.Compare(rs[0].name[:], fresh[0].name[:]) < 0 {
			out, rs = append(out, rs[0]), rs[1:]
			continue
		}
		r := fresh[0]
		fresh = fresh[1:]
		if len(fresh) > 0 && fresh[0].name == r.name {
			return nil, fmt.Errorf("%s: it stands twice in what is imported", r.name.unpack())
		}
		if len(rs) > 0 && rs[0].name == r.name {
			same := bytes.Equal(rs[0].secret(), r.secret())
			if !same && !replace {
				return nil, fmt.Errorf("%s: %w, or import with --replace", r.name.unpack(), ErrHasKey)
			}
			if same {
				r = rs[0]
			}
			rs = rs[1:]
		}
		out = append(out, r)
	}
	return out, nil
}
