package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// dataKey is an unwrapped key and the name it is stored under.
type dataKey struct {
	name   string
	secret [keySize]byte
	// uses in a turn, the last in which there were any; ready is kept by ciphers.
	turn, uses atomic.Int32
	ready      atomic.Pointer[cipher.AEAD]
}

// generationName is the stored name of a subject's key after n-1 shreddings.
func generationName(keyID string, n uint64) string {
	if n <= 1 {
		return keyID
	}
	return keyID + "." + strconv.FormatUint(n, 10)
}

// subjectOf is the subject that a stored name belongs to.
func subjectOf(name string) string {
	subject, _, _ := strings.Cut(name, ".")
	return subject
}

// generation counts a subject's keys from 1; shredding moves it on.
func generation(tx *bbolt.Tx, keyID string) uint64 {
	if b := tx.Bucket(bucketShredded).Get([]byte(keyID)); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 1
}

// currentKey finds or makes the key that seals for keyID now.
func (v *Vault) currentKey(keyID string) (*dataKey, error) {
	var name string
	var wrapped []byte
	read := func(tx *bbolt.Tx) error {
		name = generationName(keyID, generation(tx, keyID))
		wrapped = append([]byte(nil), tx.Bucket(bucketKeys).Get([]byte(name))...)
		return nil
	}
	release, err := v.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	if err := v.db.View(read); err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if len(wrapped) == 0 {
		err := v.db.Batch(func(tx *bbolt.Tx) error {
			if err := read(tx); err != nil || len(wrapped) > 0 {
				return err // another caller made it meanwhile
			}
			fresh, err := v.wrapNew(name)
			if err != nil {
				return err
			}
			wrapped = fresh
			return tx.Bucket(bucketKeys).Put([]byte(name), fresh)
		})
		if err != nil {
			return nil, fmt.Errorf("making it durable: %w", err)
		}
	}
	return v.unwrap(name, wrapped)
}

func (v *Vault) namedKey(name string) (*dataKey, error) {
	var wrapped []byte
	var shredded bool
	release, err := v.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	err = v.db.View(func(tx *bbolt.Tx) error {
		wrapped = append([]byte(nil), tx.Bucket(bucketKeys).Get([]byte(name))...)
		shredded = tx.Bucket(bucketShredded).Get([]byte(subjectOf(name))) != nil
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading: %w", err)
	case len(wrapped) == 0 && shredded:
		return nil, ErrShredded
	case len(wrapped) == 0:
		return nil, ErrUnknownKey
	}
	return v.unwrap(name, wrapped)
}

// wrapNew makes a data key and encrypts it under the master key, bound to its name.
func (v *Vault) wrapNew(name string) ([]byte, error) {
	secret := make([]byte, v.master.NonceSize()+keySize)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	nonce, key := secret[:v.master.NonceSize()], secret[v.master.NonceSize():]
	return v.master.Seal(append([]byte(nil), nonce...), nonce, key, []byte(name)), nil
}

func (v *Vault) unwrap(name string, wrapped []byte) (*dataKey, error) {
	n := v.master.NonceSize()
	if len(wrapped) < n {
		return nil, errors.New("the stored key is cut short: restore the key file from your backup")
	}
	secret, err := v.master.Open(nil, wrapped[:n], wrapped[n:], []byte(name))
	if err != nil {
		return nil, fmt.Errorf("the master key does not open it (is master.key that of this directory?): %w", err)
	}
	k := &dataKey{name: name}
	if n := copy(k.secret[:], secret); n != len(secret) || n != keySize {
		return nil, fmt.Errorf("the stored key has %d bytes, not %d: restore the key file from your backup", len(secret), keySize)
	}
	return k, nil
}

// Holds says whether a subject has a key, or had one that was destroyed.
func (v *Vault) Holds(keyID string) (held bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	release, err := v.hold()
	if err != nil {
		return false, fmt.Errorf("looking for the key of %s: %w", keyID, err)
	}
	defer release()
	err = v.db.View(func(tx *bbolt.Tx) error {
		held = tx.Bucket(bucketShredded).Get([]byte(keyID)) != nil || tx.Bucket(bucketKeys).Get([]byte(generationName(keyID, 1))) != nil
		return nil
	})
	return held, err
}

// Shred destroys every key of a subject. The file is rewritten, because the
// store would keep a deleted key in a free page; copies in backups of the
// directory live as long as the backups do.
func (v *Vault) Shred(keyID string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	release, err := v.hold()
	if err != nil {
		return fmt.Errorf("shredding %s: %w", keyID, err)
	}
	defer release()
	err = v.db.Update(func(tx *bbolt.Tx) error {
		next := generation(tx, keyID) + 1
		keys := tx.Bucket(bucketKeys)
		for n := uint64(1); n < next; n++ {
			if err := keys.Delete([]byte(generationName(keyID, n))); err != nil {
				return err
			}
		}
		if err := tx.Bucket(bucketShredded).Put([]byte(keyID), binary.BigEndian.AppendUint64(nil, next)); err != nil {
			return err
		}
		return tx.Bucket(bucketState).Put(stateRewrite, []byte{1})
	})
	if err != nil {
		return fmt.Errorf("shredding %s: %w", keyID, err)
	}
	v.cache.clear()
	if err := v.finishShredding(); err != nil {
		return fmt.Errorf("shredding %s: %w", keyID, err)
	}
	return nil
}

// finishShredding rewrites the file without its free pages when a shredding
// asked for it. The new file is locked before it takes the old one's place.
func (v *Vault) finishShredding() error {
	due := false
	if err := v.db.View(func(tx *bbolt.Tx) error {
		due = tx.Bucket(bucketState).Get(stateRewrite) != nil
		return nil
	}); err != nil || !due {
		return err
	}
	path := filepath.Join(v.dir, keysFile)
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("rewriting the key file: %w", err)
	}
	fresh, err := openFile(path + ".new")
	if err != nil {
		return err
	}
	if err := replace(v.db, fresh, path); err != nil {
		return errors.Join(fmt.Errorf("rewriting the key file: %w", err), fresh.Close())
	}
	old := v.db
	v.db = fresh
	return old.Close()
}

// copyStep bounds the bytes of one transaction while the file is rewritten.
const copyStep = 1 << 20

func replace(old, fresh *bbolt.DB, path string) error {
	if err := bbolt.Compact(fresh, old, copyStep); err != nil {
		return err
	}
	if err := fresh.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketState).Delete(stateRewrite)
	}); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// cache keeps unwrapped keys in two generations: when the young one is full it
// becomes the old one, and the old one is forgotten. Sealing keys stand under
// their subject, unsealing keys under "=" and their stored name.
type cache struct {
	ciphers ciphers

	mu         sync.Mutex
	limit      int
	young, old map[string]*dataKey
}

func newCache(limit int) *cache {
	return &cache{ciphers: ciphers{began: time.Now(), limit: limit}, limit: limit / 2, young: map[string]*dataKey{}, old: map[string]*dataKey{}}
}

// cipher is that of a key that the cache gave.
func (c *cache) cipher(k *dataKey) (cipher.AEAD, error) { return c.ciphers.of(k, c.ciphers.now()) }

func (c *cache) get(id []byte) (*dataKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.young[string(id)]; ok {
		return k, true
	}
	k, ok := c.old[string(id)]
	if ok {
		c.store(string(id), k)
	}
	return k, ok
}

func (c *cache) put(id string, k *dataKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store(id, k)
}

func (c *cache) store(id string, k *dataKey) {
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[string]*dataKey, c.limit)
	}
	c.young[id] = k
}

func (c *cache) getNamed(name string) (*dataKey, bool) { return c.get([]byte("=" + name)) }
func (c *cache) putNamed(k *dataKey)                   { c.put("="+k.name, k) }

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.young)
	clear(c.old)
	c.ciphers.clear()
}
