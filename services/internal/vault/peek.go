package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// ErrNoKeys: the directory holds no vault.
var ErrNoKeys = errors.New("no keys are kept there")

// peekTries is how often a copy is taken that somebody wrote into meanwhile.
const peekTries = 20

// Peek opens what the vault in dir holds now, to read only, beside a process that
// has it open: it reads a copy that has no name on the disk. It makes nothing. ErrNoKeys where there is no vault. Only Unseal may be called, and
// Close.
func Peek(dir string) (*Vault, error) {
	master, err := LoadMaster(filepath.Join(dir, masterFile), false)
	if errors.Is(missing(dir), fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoKeys)
	}
	if err != nil {
		return nil, err
	}
	copied, err := copyStill(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the keys in %s: %w", dir, err)
	}
	db, err := bbolt.Open(copied.Name(), 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockWait,
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return copied, nil }})
	if err != nil {
		return nil, fmt.Errorf("opening a copy of the key file: %w", errors.Join(err, copied.Close()))
	}
	v := &Vault{dir: dir, db: db, cache: newCache(cachedKeys)}
	if v.master, err = newAEAD(master); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return v, nil
}

func missing(dir string) error {
	_, err := os.Stat(filepath.Join(dir, keysFile))
	return err
}

// copyStill copies the key file at a moment at which nobody wrote: its two meta
// pages, one of which each commit changes, are the same before and after.
func copyStill(dir string) (*os.File, error) {
	for range peekTries {
		copied, still, err := copyOnce(dir)
		if err != nil {
			return nil, err
		}
		if still {
			return copied, nil
		}
		if err := copied.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("it is being written all the time: try again")
}

// copyOnce copies into a file that has no name any more: whatever becomes of this
// process, no copy of a key outlives it.
func copyOnce(dir string) (copied *os.File, still bool, err error) {
	in, err := os.Open(filepath.Join(dir, keysFile))
	if err != nil {
		return nil, false, err
	}
	defer in.Close()
	before, err := metaPages(in)
	if err != nil {
		return nil, false, err
	}
	copied, err = os.CreateTemp(dir, "peek-*") // mode 0600, among the keys
	if err != nil {
		return nil, false, err
	}
	err = os.Remove(copied.Name())
	if err == nil {
		_, err = io.Copy(copied, io.NewSectionReader(in, 0, 1<<62))
	}
	after, err2 := metaPages(in)
	if err = errors.Join(err, err2); err != nil {
		return nil, false, errors.Join(err, copied.Close())
	}
	return copied, bytes.Equal(before, after), nil
}

func metaPages(in io.ReaderAt) ([]byte, error) {
	pages := make([]byte, 2*os.Getpagesize())
	_, err := in.ReadAt(pages, 0)
	return pages, err
}
