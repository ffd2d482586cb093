package vault

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

func openShared(t *testing.T, dir string) *Vault {
	t.Helper()
	v, err := OpenShared(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// A receiver and a console of one machine: what one seals the other opens, also
// where both meet a new subject at the same moment.
func TestTwoProcessesShareOneVault(t *testing.T) {
	dir := t.TempDir()
	receiver, console := openShared(t, dir), openShared(t, dir)
	const sites, rounds = 20, 3
	var work sync.WaitGroup
	for n := range sites {
		for _, from := range []struct{ sealer, opener *Vault }{{receiver, console}, {console, receiver}} {
			work.Go(func() {
				for round := range rounds {
					said := fmt.Sprintf("site %d, round %d", n, round)
					sealed, err := from.sealer.Seal(SiteKey(uint64(n)), []byte(said), nil)
					if err != nil {
						t.Error(err)
						return
					}
					plain, err := from.opener.Unseal(sealed, nil)
					if err != nil || string(plain) != said {
						t.Errorf("%q was opened as %q: %v", said, plain, err)
					}
				}
			})
		}
	}
	work.Wait()
}

// What one process shreds, another that had the key in memory can open no more,
// and what it seals next has a new key.
func TestShreddingIsHeardByOtherProcesses(t *testing.T) {
	dir := t.TempDir()
	receiver, keys := openShared(t, dir), openShared(t, dir)
	old, err := receiver.Seal(SiteKey(7), []byte("said"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice: the file's number may come again
		if err := keys.Shred(SiteKey(7)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := receiver.Unseal(old, nil); !errors.Is(err, ErrShredded) {
		t.Errorf("after the shredding: %v, want ErrShredded", err)
	}
	fresh, err := receiver.Seal(SiteKey(7), []byte("said again"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if fresh.KeyId == old.KeyId {
		t.Errorf("sealed anew under the shredded key %s", fresh.KeyId)
	}
	if _, err := keys.Unseal(fresh, nil); err != nil {
		t.Error(err)
	}
}

// A vault that is one process's own cannot be shared.
func TestSharingWaitsForTheHolderAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	own, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := OpenShared(dir); !errors.Is(err, ErrHeld) {
		t.Errorf("%v, want ErrHeld", err)
	}
}
