// Package keyring holds the AES keys of panels: for an account of a line, or for
// all accounts of a line, the key in use and, while it is being changed, the next.
//
// A Ring is what one file holds, in memory, never changed once it was read. Read
// (file.go) and Edit (edit.go) are the only ways to and from the disk; Follow
// (follow.go) gives a running receiver the file as it changes.
//
// What a file protects: keys are encrypted, each bound to its line, account and
// place (AES-256-GCM), and the whole file is authenticated (HMAC-SHA-256), under
// keys that derive from the master key and a salt that each writing draws anew.
// So rows cannot be read, changed, swapped, added, taken away or brought from
// another file without the master key. An older file as a whole can be put back:
// keep who may write the directory few. Lines and accounts are readable.
package keyring

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// Limits of a name: as DC-09 writes them.
const (
	// MaxLine is the largest line number: six hexadecimal digits.
	MaxLine = 0xFFFFFF
	// MaxAccount is the longest account, in characters.
	MaxAccount = 16
	nameSize   = 3 + MaxAccount
	maxKey     = 32
)

// Errors that callers tell apart.
var (
	// ErrNoKey is returned where an account must have a key and has none.
	ErrNoKey = errors.New("there is no key for it: see `vigie keys list`")
	// ErrHasKey is returned where a key would be replaced without being asked to.
	ErrHasKey = errors.New("it has another key already: change it with `vigie keys rotate`")
	// ErrRotating is returned by Rotate when a change of the key is under way.
	ErrRotating = errors.New("its key is being changed already: end that with --finish or --cancel")
	// ErrNotRotating is returned by Finish and Cancel when no change is under way.
	ErrNotRotating = errors.New("its key is not being changed")
)

// Name is whose key it is: an account of a line, or every account of the line that
// has no key of its own when Account is empty.
type Name struct {
	Line    uint32
	Account string
}

// String is "line 0, account 1234".
func (n Name) String() string {
	if n.Account == "" {
		return fmt.Sprintf("line %X, all accounts", n.Line)
	}
	return fmt.Sprintf("line %X, account %s", n.Line, n.Account)
}

// Check says what is wrong with a name, and returns its normal form.
func (n Name) Check() (Name, error) {
	if n.Line > MaxLine {
		return n, fmt.Errorf("line %X: at most %X", n.Line, MaxLine)
	}
	if len(n.Account) > MaxAccount {
		return n, fmt.Errorf("account %q: at most %d characters", n.Account, MaxAccount)
	}
	for _, c := range []byte(n.Account) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return n, fmt.Errorf("account %q: letters and digits are expected", n.Account)
		}
	}
	n.Account = strings.ToUpper(n.Account)
	return n, nil
}

// name is a Name in the order of the file: line, then account.
type name [nameSize]byte

func pack(n Name) (p name) {
	p[0], p[1], p[2] = byte(n.Line>>16), byte(n.Line>>8), byte(n.Line)
	for i := range min(len(n.Account), MaxAccount) {
		c := n.Account[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		p[3+i] = c
	}
	return p
}

func (p *name) unpack() Name {
	return Name{
		Line:    uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2]),
		Account: string(bytes.TrimRight(p[3:], "\x00")),
	}
}

// row is a key and whose it is: 56 bytes without a pointer, so that ten million
// take 560 MB and nothing of the garbage collector's time.
type row struct {
	name name
	size uint8
	// since is when the key was set, Unix seconds.
	since uint32
	key   [maxKey]byte
}

func (r *row) secret() []byte { return r.key[:r.size] }

// rows are sorted by name, each name once.
type rows []row

func (rs rows) find(p *name) (int, bool) {
	i := sort.Search(len(rs), func(i int) bool { return bytes.Compare(rs[i].name[:], p[:]) >= 0 })
	return i, i < len(rs) && rs[i].name == *p
}

// Ring is what a keyring holds. Safe for concurrent use: it never changes.
type Ring struct {
	current, next rows
	// tag makes fingerprints.
	tag []byte
}

// Keys are what opens an account's frames: the key in use, and the next one while
// it is being changed. They are part of the Ring: do not change or print them.
type Keys struct {
	Current, Next []byte
	// Default tells that they are those of all accounts of the line.
	Default bool
}

// Len is the number of accounts and lines with a key.
func (r *Ring) Len() int { return len(r.current) }

// Rotating is the number of keys that are being changed.
func (r *Ring) Rotating() int { return len(r.next) }

// Find returns the keys of an account, in any case: its own, else those of all
// accounts of its line. An account with a key of its own is never opened by the
// line's. Not found: the account has no key.
func (r *Ring) Find(line uint32, account string) (Keys, bool) {
	if line > MaxLine || len(account) > MaxAccount || len(r.current) == 0 {
		return Keys{}, false
	}
	p := pack(Name{line, account})
	for try := range 2 {
		if i, ok := r.current.find(&p); ok {
			k := Keys{Current: r.current[i].secret(), Default: p[3] == 0}
			if j, changing := r.next.find(&p); changing {
				k.Next = r.next[j].secret()
			}
			return k, true
		}
		if try == 0 {
			clear(p[3:])
		}
	}
	return Keys{}, false
}

// Entry is what may be told of a key.
type Entry struct {
	Name
	// Bits of the key: 128, 192 or 256.
	Bits int
	// Fingerprint tells keys apart without telling them; it differs between
	// installations.
	Fingerprint string
	Since       time.Time
	// Next is the fingerprint of the next key while the key is being changed.
	Next      string
	NextSince time.Time
}

// Each calls f for each entry in order until it returns false.
func (r *Ring) Each(f func(Entry) bool) {
	for i := range r.current {
		row := &r.current[i]
		e := Entry{Name: row.name.unpack(), Bits: 8 * int(row.size), Fingerprint: r.fingerprint(row), Since: time.Unix(int64(row.since), 0)}
		if j, ok := r.next.find(&row.name); ok {
			e.Next, e.NextSince = r.fingerprint(&r.next[j]), time.Unix(int64(r.next[j].since), 0)
		}
		if !f(e) {
			return
		}
	}
}

// fingerprint is keyed: field keys are often guessable, and a bare hash of one
// would let anyone try guesses against a list.
func (r *Ring) fingerprint(row *row) string {
	h := hmac.New(sha256.New, r.tag)
	h.Write(row.secret())
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// CheckKey says what is wrong with a key's length.
func CheckKey(key []byte) error {
	if !slices.Contains([]int{16, 24, 32}, len(key)) {
		return fmt.Errorf("a key of %d bytes: 16, 24 or 32 are expected", len(key))
	}
	return nil
}

// ParseKey reads a key as people write it: 32, 48 or 64 hexadecimal digits, or
// 16, 24 or 32 characters taken as they are. The error does not repeat it.
func ParseKey(text string) ([]byte, error) {
	if b, err := hex.DecodeString(text); err == nil && CheckKey(b) == nil {
		return b, nil
	}
	if CheckKey([]byte(text)) == nil {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("a key of %d characters: 32, 48 or 64 hexadecimal digits, or 16, 24 or 32 characters are expected", len(text))
}

func newRow(n Name, key []byte, now time.Time) (row, error) {
	n, err := n.Check()
	if err != nil {
		return row{}, err
	}
	if err := CheckKey(key); err != nil {
		return row{}, fmt.Errorf("%s: %w", n, err)
	}
	r := row{name: pack(n), size: uint8(len(key)), since: uint32(now.Unix())}
	copy(r.key[:], key)
	return r, nil
}

// appendHead is what a row's key is bound to: its name, its place, and whether it
// is the next key.
func (r *row) appendHead(dst []byte, place uint64, next bool) []byte {
	dst = append(dst, r.name[:]...)
	dst = binary.BigEndian.AppendUint32(dst, r.since)
	dst = binary.BigEndian.AppendUint64(dst, place)
	if next {
		return append(dst, 1)
	}
	return append(dst, 0)
}
