package vault

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// Who only reads needs not wait for who holds the vault, and leaves nothing behind.
func TestPeekBesideTheHolder(t *testing.T) {
	dir := t.TempDir()
	v, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	aad := AAD(FieldRaw, []byte("f"))
	sealed, err := v.Seal(SiteKey(7), []byte("a frame"), aad)
	if err != nil {
		t.Fatal(err)
	}
	stop, writing := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(writing)
		for i := uint64(100); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := v.Seal(SiteKey(i), []byte("x"), aad); err != nil {
				writing <- err
				return
			}
		}
	}()
	for range 5 {
		look, err := Peek(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := look.Unseal(sealed, aad); err != nil || string(got) != "a frame" {
			t.Errorf("read back %q, %v", got, err)
		}
		if err := look.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if err := <-writing; err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the directory holds %v (%v)", fmt.Sprint(entries), err)
	}
	if err := v.Shred(SiteKey(7)); err != nil {
		t.Fatal(err)
	}
	look, err := Peek(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	if _, err := look.Unseal(sealed, aad); !errors.Is(err, ErrShredded) {
		t.Errorf("after the shredding: %v", err)
	}
	if _, err := Peek(t.TempDir()); !errors.Is(err, ErrNoKeys) {
		t.Errorf("where nothing is: %v", err)
	}
}
