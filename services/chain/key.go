package chain

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Files of a key directory. They have nothing to do with the credentials of
// Kafka: who can write to the log cannot sign for it.
const (
	// KeyFile is the private key, mode 0600.
	KeyFile = "checkpoints.key"
	// TrustedFile has the public keys that this installation trusts, one a line:
	// its own, and those of other processors and of former times that somebody added.
	TrustedFile = "checkpoints.pub"
)

// keyName stands in signatures; the hash behind it tells keys apart.
const keyName = "vigie-checkpoints"

// Signer reads the key of a directory, and makes it at the first start. Several
// processes may do so at once: one key comes of it.
func Signer(dir string) (note.Signer, error) {
	path := filepath.Join(dir, KeyFile)
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if secret, err = makeKey(dir); err != nil {
			return nil, fmt.Errorf("make the key of checkpoints: %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of checkpoints: %w", err)
	}
	return parseKey(dir, secret)
}

// makeKey makes a key that is not there. The public one is written first: a
// private one that nobody can check would be worth nothing.
func makeKey(dir string) ([]byte, error) {
	secret, public, err := note.GenerateKey(rand.Reader, keyName)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, KeyFile)
	fresh, err := writeTemporary(dir, secret+"\n")
	if err != nil {
		return nil, err
	}
	defer os.Remove(fresh)
	if err := trust(dir, public); err != nil {
		return nil, err
	}
	// A link, unlike a renaming, leaves alone what another process made meanwhile.
	if err := os.Link(fresh, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func writeTemporary(dir, text string) (path string, err error) {
	f, err := os.CreateTemp(dir, KeyFile+".*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Sync(), f.Close())
}

func trust(dir, public string) error {
	f, err := os.OpenFile(filepath.Join(dir, TrustedFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(public + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Trusted reads public keys from files, one a line; # begins a comment.
func Trusted(paths ...string) (note.Verifiers, []string, error) {
	var list []note.Verifier
	var shown []string
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("read the public keys of checkpoints: %w", err)
		}
		for line := range bytes.Lines(b) {
			text := strings.TrimSpace(string(line))
			if text == "" || strings.HasPrefix(text, "#") {
				continue
			}
			v, err := note.NewVerifier(text)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %q is not a public key of checkpoints: %w", path, text, err)
			}
			if known := fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash()); !slices.Contains(shown, known) {
				list, shown = append(list, v), append(shown, known)
			}
		}
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("no public key of checkpoints stands in %s", strings.Join(paths, ", "))
	}
	return note.VerifierList(list...), shown, nil
}

// PublicKey is the public key of a directory's own private one. It makes none.
func PublicKey(dir string) (string, error) {
	secret, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s holds no key of checkpoints: a processor makes one at its first start", dir)
	}
	if err != nil {
		return "", fmt.Errorf("read the key of checkpoints: %w", err)
	}
	signer, err := parseKey(dir, secret)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(dir, TrustedFile))
	if err != nil {
		return "", fmt.Errorf("read the public keys of checkpoints: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		v, err := note.NewVerifier(strings.TrimSpace(line))
		if err == nil && v.Name() == signer.Name() && v.KeyHash() == signer.KeyHash() {
			return strings.TrimSpace(line), nil
		}
	}
	return "", fmt.Errorf("%s does not hold the public key of %s: restore both from your backup", filepath.Join(dir, TrustedFile), KeyFile)
}

func parseKey(dir string, secret []byte) (note.Signer, error) {
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	if err != nil {
		// The library's error could repeat what it read.
		return nil, fmt.Errorf("%s is not a key of checkpoints: restore it from your backup, or remove it, and a new one is made", filepath.Join(dir, KeyFile))
	}
	return signer, nil
}
