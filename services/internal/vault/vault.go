// Package vault seals what names a person or says what a panel sent, each
// subject under a data key of its own, and destroys such a key on demand.
//
// Data keys are random, wrapped by the master key of the directory, and kept in
// one file there; neither ever enters Kafka. Losing the directory loses what was
// sealed; shredding a key does that on purpose, to one subject.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Errors that callers tell apart.
var (
	// ErrShredded is returned by Unseal when the data key was destroyed.
	ErrShredded = errors.New("the key was shredded: this cannot be read any more")
	// ErrUnknownKey is returned by Unseal for a key that this vault never had.
	ErrUnknownKey = errors.New("this vault never had that key: was it sealed by another installation?")
	// ErrHeld is returned by Open while another process holds the vault.
	ErrHeld = errors.New("another process holds the vault")
)

const (
	// keySize is that of AES-256.
	keySize = 32
	// cachedKeys bounds the unwrapped keys in memory: about 130 bytes each, and 0.8 kB
	// more for one that is in use (readyAfter): at most 15 MB.
	cachedKeys = 16_384
	// lockWait is how long Open waits for another process to let go.
	lockWait = 3 * time.Second
	// batchDelay lets new keys of concurrent callers share one write to the disk.
	batchDelay = 2 * time.Millisecond

	masterFile = "master.key"
	keysFile   = "keys.db"
)

var (
	bucketKeys     = []byte("keys")
	bucketShredded = []byte("shredded")
	bucketState    = []byte("state")
	stateRewrite   = []byte("rewrite")
)

// Vault is the key store of one data directory. Safe for concurrent use.
type Vault struct {
	dir    string
	master cipher.AEAD
	cache  *cache

	mu sync.RWMutex // held for writing while the file is replaced
	db *bbolt.DB
	// lease is not nil where other processes use the file too; db is then open
	// between hold and release only.
	lease *lease
}

// SiteKey names the data key of a site's owner.
func SiteKey(site uint64) string { return string(appendSiteKey(nil, site)) }

func appendSiteKey(dst []byte, site uint64) []byte {
	return strconv.AppendUint(append(dst, "site/"...), site, 10)
}

// ReceiverKey names the data key of a receiver, for bytes that have no site.
func ReceiverKey(id string) string { return "receiver/" + id }

// Open opens the vault in dir and makes it at the first start: dir and the
// master key, mode 0700 and 0600. It fails with ErrHeld when another process
// has had it open for lockWait.
func Open(dir string) (*Vault, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the vault directory: %w", err)
	}
	db, err := openFile(filepath.Join(dir, keysFile))
	if err != nil {
		return nil, err
	}
	v := &Vault{dir: dir, db: db, cache: newCache(cachedKeys)}
	if err := v.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return v, nil
}

func openFile(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s: %w: stop it, or use another data directory", path, ErrHeld)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the key file %s: %w", path, err)
	}
	db.MaxBatchDelay = batchDelay
	return db, nil
}

// prepare loads the master key, makes the buckets and ends a shredding that a
// crash cut short.
func (v *Vault) prepare() error {
	fresh := false
	err := v.db.Update(func(tx *bbolt.Tx) error {
		for _, b := range [][]byte{bucketKeys, bucketShredded, bucketState} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		first, _ := tx.Bucket(bucketKeys).Cursor().First()
		fresh = first == nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("preparing the key file: %w", err)
	}
	master, err := LoadMaster(filepath.Join(v.dir, masterFile), fresh)
	if err != nil {
		return err
	}
	if v.master, err = newAEAD(master); err != nil {
		return err
	}
	return v.finishShredding()
}

// LoadMaster reads a master key of 32 bytes from a file, and makes the file, mode
// 0600, when it is missing and fresh says that nothing was encrypted under it yet.
// The error says what to restore.
func LoadMaster(path string, fresh bool) ([]byte, error) {
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == keySize:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("%s has %d bytes, not %d: restore it from your backup", path, len(key), keySize)
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("reading the master key: %w", err)
	case !fresh:
		return nil, fmt.Errorf("%s is missing, and keys were wrapped by it: restore it from your backup", path)
	}
	key = make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("making the master key: %w", err)
	}
	if err := writeDurably(path, key); err != nil {
		return nil, fmt.Errorf("writing the master key: %w", err)
	}
	return key, nil
}

// writeDurably writes path by rename, and syncs the file and its directory.
func writeDurably(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close lets go of the directory.
func (v *Vault) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lease != nil {
		return nil
	}
	if err := v.db.Close(); err != nil {
		return fmt.Errorf("closing the key file: %w", err)
	}
	return nil
}

// Seal encrypts plaintext under the data key of a subject, and binds it to aad,
// which Unseal must be given again (see AAD). A new subject's key is on the disk
// before Seal returns. After a shredding the subject gets a new key, under a
// name with its generation: "site/7.2".
func (v *Vault) Seal(keyID string, plaintext, aad []byte) (*vigiev1.Sealed, error) {
	if keyID == "" || strings.Contains(keyID, ".") {
		return nil, fmt.Errorf("%q cannot name a data key: not empty and no dot", keyID)
	}
	out := new(vigiev1.Sealed)
	return out, v.seal(out, []byte(keyID), plaintext, aad)
}

// Sealing is room for what SealSite makes, used again by its caller: at the speed of
// the wire what each sealing leaves behind is worth saving. The zero value is ready.
type Sealing struct {
	sealed   vigiev1.Sealed
	key, aad []byte
}

// SealSite is Seal of a field of a site's event with that fingerprint. What it returns
// is valid until s is used again; nil for nothing to seal.
func (v *Vault) SealSite(s *Sealing, site uint64, field string, fingerprint, plaintext []byte) (*vigiev1.Sealed, error) {
	if len(plaintext) == 0 {
		return nil, nil
	}
	s.key = appendSiteKey(s.key[:0], site)
	s.aad = appendAAD(s.aad[:0], field, fingerprint)
	if err := v.seal(&s.sealed, s.key, plaintext, s.aad); err != nil {
		return nil, err
	}
	return &s.sealed, nil
}

// seal fills in what out has room for, or makes it.
func (v *Vault) seal(out *vigiev1.Sealed, keyID, plaintext, aad []byte) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	v.refresh()
	k, ok := v.cache.get(keyID)
	if !ok {
		id := string(keyID)
		var err error
		if k, err = v.currentKey(id); err != nil {
			return fmt.Errorf("key %s: %w", id, err)
		}
		v.cache.put(id, k)
	}
	aead, err := v.cache.cipher(k)
	if err != nil {
		return fmt.Errorf("key %s: %w", k.name, err)
	}
	n := aead.NonceSize()
	out.Nonce = slices.Grow(out.Nonce[:0], n)[:n]
	if _, err := rand.Read(out.Nonce); err != nil {
		return fmt.Errorf("sealing under %s: %w", keyID, err)
	}
	out.KeyId, out.Ciphertext = k.name, aead.Seal(out.Ciphertext[:0], out.Nonce, plaintext, aad)
	return nil
}

// Unseal decrypts what Seal made, given the same aad. ErrShredded when its key
// was destroyed, ErrUnknownKey when it was never here.
func (v *Vault) Unseal(s *vigiev1.Sealed, aad []byte) ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	v.refresh()
	name := s.GetKeyId()
	k, ok := v.cache.getNamed(name)
	if !ok {
		var err error
		if k, err = v.namedKey(name); err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
		v.cache.putNamed(k)
	}
	aead, err := v.cache.cipher(k)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	if len(s.GetNonce()) != aead.NonceSize() {
		return nil, fmt.Errorf("unsealing under %s: a nonce of %d bytes", name, len(s.GetNonce()))
	}
	plain, err := aead.Open(nil, s.GetNonce(), s.GetCiphertext(), aad)
	if err != nil {
		return nil, fmt.Errorf("unsealing under %s: it was altered, or belongs elsewhere: %w", name, err)
	}
	return plain, nil
}

// Fields that AAD tells apart.
const (
	FieldRaw  = "raw"
	FieldText = "text"
	// FieldNote is what people write; bound to the id of its event.
	FieldNote         = "note"
	FieldData         = "data"
	FieldExtendedData = "extended-data"
)

// AAD is what sealed fields of events and rejected records are bound to: the
// field, and for an event of a panel its fingerprint (nil for a rejected
// record), so that a field copied to another event does not open.
func AAD(field string, fingerprint []byte) []byte { return appendAAD(nil, field, fingerprint) }

func appendAAD(dst []byte, field string, fingerprint []byte) []byte {
	return append(append(append(append(dst, "vigie "...), field...), 0), fingerprint...)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("an AES key: %w", err)
	}
	return cipher.NewGCM(block)
}
