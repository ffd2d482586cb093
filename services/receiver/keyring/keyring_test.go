package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testMaster = bytes.Repeat([]byte{7}, MasterSize)
	testNow    = time.Unix(1_790_000_000, 0)
)

func keyOf(size int, fill byte) []byte { return bytes.Repeat([]byte{fill}, size) }

// edit changes a file, or fails the test.
func edit(t *testing.T, path string, change func(*Editor) error) {
	t.Helper()
	if err := Edit(t.Context(), path, testMaster, change); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) *Ring {
	t.Helper()
	ring, err := Read(path, testMaster)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestAnAccountsOwnKeyStandsBeforeItsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "panels.keyring")
	edit(t, path, func(e *Editor) error {
		return errors.Join(
			e.Add(Name{0, "12ab"}, keyOf(16, 1), testNow),
			e.Add(Name{0, ""}, keyOf(24, 2), testNow),
			e.Add(Name{MaxLine, "0123456789ABCDEF"}, keyOf(32, 3), testNow))
	})
	ring := read(t, path)
	for _, c := range []struct {
		line    uint32
		account string
		want    []byte
		common  bool
	}{
		{0, "12AB", keyOf(16, 1), false},
		{0, "12ab", keyOf(16, 1), false},
		{0, "12A", keyOf(24, 2), true},
		{0, "", keyOf(24, 2), true},
		{1, "12AB", nil, false},
		{MaxLine, "0123456789abcdef", keyOf(32, 3), false},
		{MaxLine, "0123456789abcdef0", nil, false},
		{MaxLine + 1, "12AB", nil, false},
	} {
		k, ok := ring.Find(c.line, c.account)
		if ok != (c.want != nil) || !bytes.Equal(k.Current, c.want) || k.Default != c.common || k.Next != nil {
			t.Errorf("line %X account %q: found %t, of the line %t", c.line, c.account, ok, k.Default)
		}
	}
}

func TestBothKeysAreGoodWhileAKeyIsBeingChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panels.keyring")
	n := Name{0, "1234"}
	old, fresh := keyOf(16, 1), keyOf(32, 2)
	edit(t, path, func(e *Editor) error { return e.Add(n, old, testNow) })
	edit(t, path, func(e *Editor) error { return e.Rotate(n, fresh, testNow) })
	want := func(current, next []byte) {
		t.Helper()
		if k, ok := read(t, path).Find(0, "1234"); !ok || !bytes.Equal(k.Current, current) || !bytes.Equal(k.Next, next) {
			t.Error("the keys are not those that were set")
		}
	}
	want(old, fresh)
	if err := Edit(t.Context(), path, testMaster, func(e *Editor) error { return e.Rotate(n, keyOf(16, 3), testNow) }); !errors.Is(err, ErrRotating) {
		t.Errorf("%v, want ErrRotating", err)
	}
	edit(t, path, func(e *Editor) error { return e.Cancel(n) })
	want(old, nil)
	edit(t, path, func(e *Editor) error { return e.Rotate(n, fresh, testNow) })
	edit(t, path, func(e *Editor) error { return e.Finish(n) })
	want(fresh, nil)
	for name, c := range map[string]struct {
		change func(*Editor) error
		want   error
	}{
		"finish without a change":    {func(e *Editor) error { return e.Finish(n) }, ErrNotRotating},
		"cancel without a change":    {func(e *Editor) error { return e.Cancel(n) }, ErrNotRotating},
		"rotate what has no key":     {func(e *Editor) error { return e.Rotate(Name{0, "9"}, old, testNow) }, ErrNoKey},
		"remove what has no key":     {func(e *Editor) error { return e.Remove(Name{0, "9"}) }, ErrNoKey},
		"add what has another key":   {func(e *Editor) error { return e.Add(n, old, testNow) }, ErrHasKey},
		"import over another key":    {func(e *Editor) error { return e.Import([]Record{{Name: n, Key: old}}, false, testNow) }, ErrHasKey},
		"add the same key once more": {func(e *Editor) error { return e.Add(n, fresh, testNow) }, nil},
	} {
		if err := Edit(t.Context(), path, testMaster, c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	want(fresh, nil)
}

// Whatever is done to the bytes, nothing of it is believed.
func TestAChangedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panels.keyring")
	other := filepath.Join(t.TempDir(), "other.keyring")
	for i, p := range []string{path, other} {
		edit(t, p, func(e *Editor) error {
			return errors.Join(e.Add(Name{0, "1111"}, keyOf(16, byte(i+1)), testNow), e.Add(Name{0, "2222"}, keyOf(16, byte(i+3)), testNow), e.Rotate(Name{0, "1111"}, keyOf(16, 9), testNow))
		})
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, testMaster); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", what, err)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x20
		refused(fmt.Sprintf("byte %d changed", i), b)
	}
	for _, n := range []int{0, 1, headSize, len(good) - rowSize, len(good) - 1} {
		refused(fmt.Sprintf("cut to %d bytes", n), good[:n])
	}
	refused("longer", append(bytes.Clone(good), 0))
	first, second := good[headSize:headSize+rowSize], good[headSize+rowSize:headSize+2*rowSize]
	refused("rows swapped", slices.Concat(good[:headSize], second, first, good[headSize+2*rowSize:]))
	swapped := bytes.Clone(good)
	copy(swapped[headSize+nameSize+4:], second[nameSize+4:])
	copy(swapped[headSize+rowSize+nameSize+4:], first[nameSize+4:])
	refused("keys swapped", swapped)
	refused("a row of another file", slices.Concat(good[:headSize], foreign[headSize:headSize+rowSize], good[headSize+rowSize:]))
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, keyOf(MasterSize, 8)); !errors.Is(err, ErrDamaged) {
		t.Errorf("another master key: %v, want ErrDamaged", err)
	}
	read(t, path)
}

// The file shows no key, nor does what may be told of one.
func TestNoKeyIsReadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panels.keyring")
	key := []byte("CouldBeGuessed!!")
	edit(t, path, func(e *Editor) error {
		return errors.Join(e.Add(Name{0, "1234"}, key, testNow), e.Add(Name{1, "1234"}, key, testNow), e.Rotate(Name{1, "1234"}, keyOf(16, 'K'), testNow))
	})
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(stored, key[:8]) || bytes.Contains(stored, keyOf(8, 'K')) {
		t.Error("a key stands in the file")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: want 0600", info.Mode(), err)
	}
	var told []Entry
	read(t, path).Each(func(e Entry) bool { told = append(told, e); return true })
	if len(told) != 2 || told[0].Fingerprint != told[1].Fingerprint || told[1].Next == "" || told[1].Next == told[1].Fingerprint || told[0].Bits != 128 || !told[0].Since.Equal(testNow) {
		t.Errorf("%+v", told)
	}
	_, err = ParseKey("not a key but 0123456789ABCDEF!!!")
	if err == nil || strings.Contains(err.Error(), "0123456789") {
		t.Errorf("the error %v: want one that does not repeat what was given", err)
	}
}

func TestKeysAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int{
		"00112233445566778899aabbccddeeff": 16, "sixteen letters!": 16, strings.Repeat("0A", 24): 24, strings.Repeat("fF", 32): 32,
		"24 characters of a field": 24, "thirty-two characters of a field": 32, "": 0, "short": 0, strings.Repeat("0A", 20): 0,
	} {
		key, err := ParseKey(text)
		if len(key) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d bytes, %v, want %d", text, len(key), err, want)
		}
	}
}

// Two `vigie keys` at once: both changes stand.
func TestWritersWaitForEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panels.keyring")
	const writers = 12
	var work sync.WaitGroup
	for i := range writers {
		work.Go(func() {
			if err := Edit(context.Background(), path, testMaster, func(e *Editor) error {
				return e.Add(Name{0, fmt.Sprintf("%04X", i)}, keyOf(16, byte(i)), testNow)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if n := read(t, path).Len(); n != writers {
		t.Errorf("%d keys, want %d", n, writers)
	}
	unlock, err := lock(t.Context(), path+".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Edit(ctx, path, testMaster, func(*Editor) error { return nil }); err == nil || !strings.Contains(err.Error(), "another `vigie keys`") {
		t.Errorf("%v, want one that names who holds it", err)
	}
}

// First commands that come together make one master key.
func TestThereIsOneMasterKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	ring, file := filepath.Join(dir, "panels.keyring"), filepath.Join(dir, "panels.master")
	made := make([][]byte, 12)
	var work sync.WaitGroup
	for i := range made {
		work.Go(func() {
			master, err := LoadMaster(context.Background(), ring, file)
			if err != nil {
				t.Error(err)
			}
			made[i] = master
		})
	}
	work.Wait()
	for _, m := range made {
		if !bytes.Equal(m, made[0]) || len(m) != MasterSize {
			t.Fatal("two master keys were made")
		}
	}
}

// A change that fails leaves the file as it was.
func TestAFailedChangeChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panels.keyring")
	edit(t, path, func(e *Editor) error { return e.Add(Name{0, "1"}, keyOf(16, 1), testNow) })
	before, _ := os.ReadFile(path)
	err := Edit(t.Context(), path, testMaster, func(e *Editor) error {
		return errors.Join(e.Add(Name{0, "2"}, keyOf(16, 1), testNow), e.Add(Name{0, "bad account"}, keyOf(16, 1), testNow))
	})
	after, _ := os.ReadFile(path)
	if err == nil || !bytes.Equal(before, after) {
		t.Errorf("%v; the file changed: %t", err, !bytes.Equal(before, after))
	}
}

// The keyring against a map, through files.
func TestEditorIsAMap(t *testing.T) {
	type keys struct{ current, next string }
	rapid.Check(t, func(rt *rapid.T) {
		ring, err := Empty(testMaster)
		if err != nil {
			rt.Fatal(err)
		}
		e := &Editor{ring}
		model := map[Name]keys{}
		aName := rapid.Custom(func(t *rapid.T) Name {
			return Name{rapid.Uint32Range(0, 2).Draw(t, "line"), rapid.SampledFrom([]string{"", "1", "12", "A1", "FFFF"}).Draw(t, "account")}
		})
		aKey := rapid.Custom(func(t *rapid.T) string {
			return string(keyOf(rapid.SampledFrom([]int{16, 24, 32}).Draw(t, "size"), rapid.ByteRange(1, 3).Draw(t, "fill")))
		})
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n, k := aName.Draw(t, "name"), aKey.Draw(t, "key")
				if err := e.Add(n, []byte(k), testNow); err == nil && model[n].current == "" {
					model[n] = keys{current: k}
				}
			},
			"import": func(t *rapid.T) {
				n, k := aName.Draw(t, "name"), aKey.Draw(t, "key")
				if err := e.Import([]Record{{Name: n, Key: []byte(k)}}, true, testNow); err != nil {
					t.Fatal(err)
				}
				model[n] = keys{k, model[n].next}
			},
			"rotate": func(t *rapid.T) {
				n, k := aName.Draw(t, "name"), aKey.Draw(t, "key")
				if err := e.Rotate(n, []byte(k), testNow); err == nil {
					model[n] = keys{model[n].current, k}
				}
			},
			"finish": func(t *rapid.T) {
				if n := aName.Draw(t, "name"); e.Finish(n) == nil {
					model[n] = keys{current: model[n].next}
				}
			},
			"remove": func(t *rapid.T) {
				if n := aName.Draw(t, "name"); e.Remove(n) == nil {
					delete(model, n)
				}
			},
			"": func(t *rapid.T) {
				var b bytes.Buffer
				if err := e.ring.encode(&b, testMaster); err != nil {
					t.Fatal(err)
				}
				back, err := decode(&b, int64(b.Len()), testMaster)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				back.Export(func(r Record) bool {
					n++
					if m := model[r.Name]; m.current != string(r.Key) || m.next != string(r.Next) {
						t.Fatalf("%s: not the keys that were set", r.Name)
					}
					return true
				})
				if n != len(model) {
					t.Fatalf("%d names, want %d", n, len(model))
				}
				e.ring = back
			},
		})
	})
}

// A running receiver has a change soon, and keeps its keys when the file goes bad.
func TestLiveFollowsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panels.keyring")
	l, err := Open(path, testMaster, slog.New(slog.DiscardHandler))
	if err != nil || l.Ring().Len() != 0 {
		t.Fatalf("a missing file: %d keys, %v, want none", l.Ring().Len(), err)
	}
	l.look()
	edit(t, path, func(e *Editor) error { return e.Add(Name{0, "1"}, keyOf(16, 1), testNow) })
	l.look()
	if _, ok := l.Ring().Find(0, "1"); !ok {
		t.Error("the new key is not known")
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.look()
	l.look()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.look()
	l.look()
	if _, ok := l.Ring().Find(0, "1"); !ok || l.Failures() != 2 {
		t.Errorf("%d failures told, want one for the damaged file and one for the missing one; the key kept: %t", l.Failures(), ok)
	}
	edit(t, path, func(e *Editor) error { return e.Add(Name{0, "2"}, keyOf(16, 1), testNow) })
	l.look()
	if _, ok := l.Ring().Find(0, "2"); !ok {
		t.Error("the file that came back is not in force")
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, testMaster, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want a receiver that does not start on a damaged keyring", err)
	}
}

func FuzzDecode(f *testing.F) {
	ring, _ := Empty(testMaster)
	e := &Editor{ring}
	_ = e.Add(Name{0, "1234"}, keyOf(16, 1), testNow)
	var b bytes.Buffer
	if err := ring.encode(&b, testMaster); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:headSize])
	f.Fuzz(func(t *testing.T, raw []byte) {
		if ring, err := decode(bytes.NewReader(raw), int64(len(raw)), testMaster); err == nil && ring.Len() != 1 && ring.Len() != 0 {
			t.Fatalf("%d keys out of forged bytes", ring.Len())
		}
	})
}
