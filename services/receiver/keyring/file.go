package keyring

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// A file is: magic, salt, number of keys, number of next keys, their rows sorted
// by name, and the HMAC over all of it. A row is: name, since, and the key with
// its size, encrypted.
const (
	magic    = "VIGIEKR1"
	saltSize = 32
	headSize = len(magic) + saltSize + 8 + 8
	boxSize  = 1 + maxKey + 16
	rowSize  = nameSize + 4 + boxSize
	// MasterSize is the length of a master key in bytes.
	MasterSize = 32
	ioBuffer   = 1 << 20
)

// ErrDamaged is returned by Read and Edit for a file that is not whole, was
// changed, or belongs to another master key.
var ErrDamaged = errors.New("it is damaged, was changed, or belongs to another master key: restore file and master key from your backup")

// secrets derive from the master key and a file's salt. The salt is new at each
// writing, so that a nonce may be a place.
type secrets struct {
	rows cipher.AEAD
	mac  hash.Hash
}

func derive(master, salt []byte) (secrets, error) {
	if len(master) != MasterSize {
		return secrets{}, fmt.Errorf("a master key of %d bytes: %d are expected", len(master), MasterSize)
	}
	rowKey, err := hkdf.Key(sha256.New, master, salt, "vigie keyring rows", 32)
	if err != nil {
		return secrets{}, err
	}
	macKey, err := hkdf.Key(sha256.New, master, salt, "vigie keyring file", 32)
	if err != nil {
		return secrets{}, err
	}
	block, err := aes.NewCipher(rowKey)
	if err != nil {
		return secrets{}, err
	}
	aead, err := cipher.NewGCM(block)
	return secrets{aead, hmac.New(sha256.New, macKey)}, err
}

// Empty is a ring without keys.
func Empty(master []byte) (*Ring, error) {
	if len(master) != MasterSize {
		return nil, fmt.Errorf("a master key of %d bytes: %d are expected", len(master), MasterSize)
	}
	tag, err := hkdf.Key(sha256.New, master, nil, "vigie keyring fingerprint", 32)
	return &Ring{tag: tag}, err
}

// Read reads a file. A missing one is os.ErrNotExist, one that cannot be trusted
// ErrDamaged.
func Read(path string, master []byte) (*Ring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the keyring: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the keyring: %w", err)
	}
	ring, err := decode(bufio.NewReaderSize(f, ioBuffer), info.Size(), master)
	if err != nil {
		return nil, fmt.Errorf("keyring %s: %w", path, err)
	}
	return ring, nil
}

func decode(r io.Reader, size int64, master []byte) (*Ring, error) {
	ring, err := Empty(master)
	if err != nil {
		return nil, err
	}
	head := make([]byte, headSize)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(magic)]) != magic {
		return nil, ErrDamaged
	}
	keys, next := binary.BigEndian.Uint64(head[headSize-16:]), binary.BigEndian.Uint64(head[headSize-8:])
	// Nothing is allocated for numbers that the file cannot hold.
	most := uint64(size) / rowSize
	if keys > most || next > most || uint64(size) != uint64(headSize)+(keys+next)*rowSize+sha256.Size {
		return nil, ErrDamaged
	}
	s, err := derive(master, head[len(magic):len(magic)+saltSize])
	if err != nil {
		return nil, err
	}
	s.mac.Write(head)
	in := io.TeeReader(r, s.mac)
	if ring.current, err = decodeRows(in, s.rows, int(keys), false); err != nil {
		return nil, err
	}
	if ring.next, err = decodeRows(in, s.rows, int(next), true); err != nil {
		return nil, err
	}
	mac := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, mac); err != nil || !hmac.Equal(mac, s.mac.Sum(nil)) {
		return nil, ErrDamaged
	}
	return ring, nil
}

func decodeRows(in io.Reader, aead cipher.AEAD, n int, next bool) (rows, error) {
	out := make(rows, n)
	var stored [rowSize]byte
	var head, plain []byte
	for i := range out {
		if _, err := io.ReadFull(in, stored[:]); err != nil {
			return nil, ErrDamaged
		}
		r := &out[i]
		copy(r.name[:], stored[:])
		r.since = binary.BigEndian.Uint32(stored[nameSize:])
		head = r.appendHead(head[:0], uint64(i), next)
		nonce := nonceOf(i, next)
		var err error
		if plain, err = aead.Open(plain[:0], nonce[:], stored[nameSize+4:], head); err != nil {
			return nil, ErrDamaged
		}
		r.size = plain[0]
		copy(r.key[:], plain[1:])
		if CheckKey(r.key[:min(r.size, maxKey)]) != nil || i > 0 && bytes.Compare(out[i-1].name[:], r.name[:]) >= 0 {
			return nil, ErrDamaged
		}
	}
	return out, nil
}

func nonceOf(place int, next bool) (nonce [12]byte) {
	binary.BigEndian.PutUint64(nonce[:], uint64(place))
	if next {
		nonce[11] = 1
	}
	return nonce
}

// write replaces the file at once: it is the old one or the new one, whatever
// ends the machine.
func (r *Ring) write(path string, master []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing the keyring: %w", err)
	}
	out := bufio.NewWriterSize(f, ioBuffer)
	err = r.encode(out, master)
	if err = errors.Join(err, out.Flush(), f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("writing the keyring: %w", err)
	}
	return nil
}

func (r *Ring) encode(w io.Writer, master []byte) error {
	head := append(make([]byte, 0, headSize), magic...)
	head = head[:len(magic)+saltSize]
	if _, err := rand.Read(head[len(magic):]); err != nil {
		return err
	}
	s, err := derive(master, head[len(magic):])
	if err != nil {
		return err
	}
	head = binary.BigEndian.AppendUint64(head, uint64(len(r.current)))
	head = binary.BigEndian.AppendUint64(head, uint64(len(r.next)))
	out := io.MultiWriter(w, s.mac)
	if _, err := out.Write(head); err != nil {
		return err
	}
	for _, part := range []struct {
		rows rows
		next bool
	}{{r.current, false}, {r.next, true}} {
		if err := encodeRows(out, s.rows, part.rows, part.next); err != nil {
			return err
		}
	}
	_, err = w.Write(s.mac.Sum(nil))
	return err
}

func encodeRows(out io.Writer, aead cipher.AEAD, all rows, next bool) error {
	var stored, head []byte
	var plain [1 + maxKey]byte
	for i := range all {
		r := &all[i]
		plain[0] = r.size
		copy(plain[1:], r.key[:])
		head = r.appendHead(head[:0], uint64(i), next)
		nonce := nonceOf(i, next)
		stored = append(stored[:0], r.name[:]...)
		stored = binary.BigEndian.AppendUint32(stored, r.since)
		stored = aead.Seal(stored, nonce[:], plain[:], head)
		if _, err := out.Write(stored); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
