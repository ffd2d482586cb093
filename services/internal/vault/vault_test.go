package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *Vault {
	t.Helper()
	v, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func seal(t *testing.T, v *Vault, key, text string) *vigiev1.Sealed {
	t.Helper()
	s, err := v.Seal(key, []byte(text), AAD(FieldText, nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSealedOpensAfterARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	v := open(t, dir)
	s := seal(t, v, SiteKey(7), "Mme Martin")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = open(t, dir)
	got, err := v.Unseal(s, AAD(FieldText, nil))
	if err != nil || string(got) != "Mme Martin" {
		t.Fatalf("%q, %v", got, err)
	}
	if again := seal(t, v, SiteKey(7), "x"); again.GetKeyId() != s.GetKeyId() {
		t.Errorf("the key is %s after the restart, %s before", again.GetKeyId(), s.GetKeyId())
	}
	for file, mode := range map[string]os.FileMode{masterFile: 0o600, keysFile: 0o600, ".": 0o700} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want mode %o", file, info, err, mode)
		}
	}
}

// TestKeyIsDurableBeforeSealReturns reads the file as a process after a crash
// would: a copy made right after Seal holds the key.
func TestKeyIsDurableBeforeSealReturns(t *testing.T) {
	dir, after := t.TempDir(), t.TempDir()
	v := open(t, dir)
	s := seal(t, v, SiteKey(7), "Mme Martin")
	for _, file := range []string{masterFile, keysFile} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(after, file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := open(t, after).Unseal(s, AAD(FieldText, nil)); err != nil || string(got) != "Mme Martin" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestAlteredOrMovedDoesNotOpen(t *testing.T) {
	v := open(t, t.TempDir())
	aad := AAD(FieldRaw, []byte("fingerprint"))
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		s, err := v.Seal(SiteKey(rapid.Uint64Range(1, 3).Draw(t, "site")), plain, aad)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Unseal(s, aad); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%q, %v", got, err)
		}
		altered := proto.CloneOf(s)
		altered.Ciphertext[rapid.IntRange(0, len(s.GetCiphertext())-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := v.Unseal(altered, aad); err == nil {
			t.Fatal("an altered ciphertext opened")
		}
		if _, err := v.Unseal(s, AAD(FieldRaw, []byte("another"))); err == nil {
			t.Fatal("it opened as the field of another event")
		}
		if _, err := v.Unseal(s, AAD(FieldText, []byte("fingerprint"))); err == nil {
			t.Fatal("it opened as another field")
		}
	})
}

func TestShreddedIsGoneFromTheFileToo(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	kept, gone := seal(t, v, SiteKey(1), "kept"), seal(t, v, SiteKey(2), "gone")
	wrapped := stored(t, v, SiteKey(2))
	if !inFile(t, dir, wrapped) {
		t.Fatal("the wrapped key is not in the file before")
	}
	if err := v.Shred(SiteKey(2)); err != nil {
		t.Fatal(err)
	}
	if inFile(t, dir, wrapped) {
		t.Error("the wrapped key still stands in the file")
	}
	after := seal(t, v, SiteKey(2), "anew")
	for range 2 { // the second time after a restart
		if _, err := v.Unseal(gone, AAD(FieldText, nil)); !errors.Is(err, ErrShredded) {
			t.Errorf("%v, want ErrShredded", err)
		}
		for s, want := range map[*vigiev1.Sealed]string{kept: "kept", after: "anew"} {
			if got, err := v.Unseal(s, AAD(FieldText, nil)); err != nil || string(got) != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		v = open(t, dir)
	}
	if after.GetKeyId() == gone.GetKeyId() {
		t.Errorf("the new key has the shredded one's name %s", gone.GetKeyId())
	}
}

func stored(t *testing.T, v *Vault, name string) (wrapped []byte) {
	t.Helper()
	if err := v.db.View(func(tx *bbolt.Tx) error {
		wrapped = append(wrapped, tx.Bucket(bucketKeys).Get([]byte(name))...)
		return nil
	}); err != nil || len(wrapped) == 0 {
		t.Fatalf("key %s: %v", name, err)
	}
	return wrapped
}

func inFile(t *testing.T, dir string, what []byte) bool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(b, what)
}

func TestShreddingCutShortEndsAtTheNextStart(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	seal(t, v, SiteKey(2), "gone")
	wrapped := stored(t, v, SiteKey(2))
	// As after a crash between the two steps: deleted, the file not yet rewritten.
	if err := v.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.Bucket(bucketKeys).Delete([]byte(SiteKey(2))), tx.Bucket(bucketState).Put(stateRewrite, []byte{1}))
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, keysFile+".new"), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if inFile(t, dir, wrapped) {
		t.Error("the wrapped key still stands in the file")
	}
}

func TestSecondHolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrHeld) {
		t.Fatalf("%v, want ErrHeld", err)
	}
}

func TestLostMasterKeyIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	seal(t, v, SiteKey(1), "x")
	if err := errors.Join(v.Close(), os.Remove(filepath.Join(dir, masterFile))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Fatal("a new master key was made over keys that the old one wrapped")
	}
}

func TestUnknownKey(t *testing.T) {
	v := open(t, t.TempDir())
	if _, err := v.Unseal(&vigiev1.Sealed{KeyId: SiteKey(9), Nonce: make([]byte, 12)}, nil); !errors.Is(err, ErrUnknownKey) {
		t.Fatalf("%v, want ErrUnknownKey", err)
	}
}

func TestConcurrentFirstSealsShareOneKey(t *testing.T) {
	v := open(t, t.TempDir())
	var all sync.WaitGroup
	sealed := make([]*vigiev1.Sealed, 32)
	for i := range sealed {
		all.Go(func() {
			s, err := v.Seal(SiteKey(uint64(i%2)), []byte(fmt.Sprint(i)), nil)
			if err != nil {
				t.Error(err)
			}
			sealed[i] = s
		})
	}
	all.Wait()
	v.cache.clear()
	for i, s := range sealed {
		if got, err := v.Unseal(s, nil); err != nil || string(got) != fmt.Sprint(i) {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(8)
	for i := range 100 {
		c.put(fmt.Sprint(i), new(dataKey))
	}
	if n := len(c.young) + len(c.old); n > 8 {
		t.Errorf("%d keys cached, at most 8", n)
	}
	if _, ok := c.get([]byte("99")); !ok {
		t.Error("the latest key is not cached")
	}
}

// A key is the same before and after its cipher is kept ready, and is shredded in
// either state.
func TestKeyInUse(t *testing.T) {
	v := open(t, t.TempDir())
	var sealed []*vigiev1.Sealed
	for i := range readyAfter + 4 {
		sealed = append(sealed, seal(t, v, SiteKey(7), fmt.Sprint(i)))
	}
	if k, ok := v.cache.get([]byte(SiteKey(7))); !ok || k.ready.Load() == nil {
		t.Errorf("after %d uses the cipher is made anew each time", len(sealed))
	}
	for i, s := range sealed {
		if got, err := v.Unseal(s, AAD(FieldText, nil)); err != nil || string(got) != fmt.Sprint(i) {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
	if err := v.Shred(SiteKey(7)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Unseal(sealed[0], AAD(FieldText, nil)); !errors.Is(err, ErrShredded) {
		t.Errorf("%v, want ErrShredded", err)
	}
	if after := seal(t, v, SiteKey(7), "anew"); after.GetKeyId() == sealed[0].GetKeyId() {
		t.Errorf("sealed under the shredded key %s", after.GetKeyId())
	}
}

// BenchmarkSeal: a key in use, and one whose cipher is made for each sealing, as with
// an account that is heard of for the first time.
func BenchmarkSeal(b *testing.B) {
	v, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	plain, fingerprint := make([]byte, 64), make([]byte, 16)
	var s Sealing
	for name, ready := range map[string]bool{"key=in-use": true, "key=first": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !ready {
					k, ok := v.cache.get([]byte(SiteKey(1)))
					if ok {
						k.uses.Store(0)
						k.ready.Store(nil)
					}
				}
				if _, err := v.SealSite(&s, 1, FieldRaw, fingerprint, plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What SealSite makes opens as what Seal makes does, and its room is used again.
func TestSealSite(t *testing.T) {
	v, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var s Sealing
	fingerprint := []byte("0123456789abcdef")
	for site, text := range []string{"a", "a longer text", "short", ""} {
		sealed, err := v.SealSite(&s, uint64(site), FieldText, fingerprint, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if text == "" {
			if sealed != nil {
				t.Error("nothing was sealed into something")
			}
			continue
		}
		if sealed.GetKeyId() != SiteKey(uint64(site)) {
			t.Errorf("sealed under %s", sealed.GetKeyId())
		}
		if got, err := v.Unseal(sealed, AAD(FieldText, fingerprint)); err != nil || string(got) != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if _, err := v.Unseal(sealed, AAD(FieldRaw, fingerprint)); err == nil {
			t.Error("it opens as another field")
		}
	}
}
