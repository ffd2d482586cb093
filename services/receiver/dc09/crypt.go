package dc09

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
)

// The encryption of DC-09: AES in CBC mode with an initial vector of zeros, over
// random bytes, a bar, and all that a clear frame has after its first bracket. It
// hides; it does not prove who wrote. The bytes stand where a vector would.

const blockSize = aes.BlockSize

// Pad is what AppendSealed draws from: the caller's random bytes. It uses 16 to 31
// of them, as the 2026 edition has it; older transmitters write 1 to 16.
type Pad [2*blockSize - 1]byte

// stampedTail is the length of "_HH:MM:SS,MM-DD-YYYY".
const stampedTail = 1 + len(stampLayout)

// Key is an AES key of 16, 24 or 32 bytes, ready for use. It prints as its size.
// Safe for concurrent use.
type Key struct {
	block cipher.Block
	bits  int
}

// NewKey makes a key. The error does not repeat it.
func NewKey(key []byte) (*Key, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("a key of %d bytes: 16, 24 or 32 are expected", len(key))
	}
	return &Key{block, 8 * len(key)}, nil
}

// ParseKey reads 32, 48 or 64 hexadecimal digits. The error does not repeat them.
func ParseKey(text string) (*Key, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, errors.New("the key is not 32, 48 or 64 hexadecimal digits")
	}
	return NewKey(b)
}

// Bits of the key: 128, 192 or 256.
func (k *Key) Bits() int { return k.bits }

// String says how long the key is, never the key.
func (k *Key) String() string { return fmt.Sprintf("AES-%d key", k.bits) }

// Format keeps every verb from printing the key.
func (k *Key) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, k.String()) }

// AppendSealed encodes a frame encrypted. It must have a stamp. NAK and DUH are
// never encrypted.
func AppendSealed(dst []byte, f Frame, key *Key, pad Pad) ([]byte, error) {
	if err := check(f); err != nil {
		return dst, err
	}
	if f.SentAtMS == 0 {
		return dst, fmt.Errorf("frame %04d of #%s: an encrypted frame needs a time stamp", f.Sequence, f.Account)
	}
	if f.Token == TokenNak || f.Token == TokenDuh {
		return dst, fmt.Errorf("frame %04d of #%s: a %s is never encrypted", f.Sequence, f.Account, f.Token)
	}
	start := len(dst)
	out := appendHeader(dst, f, true)
	text := len(out)
	content := len(f.Data) + 1 + len(f.Extended) + stampedTail
	if len(f.Data) > 0 {
		content++ // the bar
	}
	n := blockSize + (blockSize-content%blockSize)%blockSize
	for _, b := range pad[:n] {
		out = append(out, padByte(b))
	}
	if len(f.Data) > 0 {
		out = append(out, '|')
	}
	out = appendContent(out, f)
	key.encrypt(out[text:])
	out = expandHex(out, text)
	if n := len(out) + 1 - start; n > MaxFrame {
		return dst, fmt.Errorf("frame %04d of #%s: %d bytes when encrypted, at most %d", f.Sequence, f.Account, n, MaxFrame)
	}
	return finish(out, start, f.BinaryCRC), nil
}

// padByte keeps the pad free of what ends it.
func padByte(b byte) byte {
	switch b {
	case '[', ']', '|':
		return b | 0x80
	}
	return b
}

// expandHex turns the bytes from that offset on into hexadecimal digits, in place:
// from the end, so that none is written over before it was read.
func expandHex(b []byte, from int) []byte {
	n := len(b) - from
	b = append(b, b[from:]...)
	for i := n - 1; i >= 0; i-- {
		c := b[from+i]
		b[from+2*i], b[from+2*i+1] = hexDigits[c>>4], hexDigits[c&0xF]
	}
	return b
}

// Decrypt opens the frame that Parse or Scan found encrypted, with the first key
// that fits: the one in use, then the next while keys are being changed. It returns
// the frame with data, extended fields and stamp, and the place of the key. They
// stand in dst, which needs room for half of f.Data and must not share bytes with
// it: with that room nothing is allocated. The error is *Error: ReasonBadCipher,
// ReasonWrongKey, or ReasonBadSyntax when a key fits and what it gives is no data.
func Decrypt(dst []byte, f Frame, opt Options, keys ...*Key) (opened Frame, key int, err error) {
	n := len(f.Data) / 2
	if len(f.Data)%(2*blockSize) != 0 || n == 0 {
		return f, -1, fault(ReasonBadCipher, 0, "%d hexadecimal digits are no whole blocks of AES", len(f.Data))
	}
	if cap(dst) < n {
		dst = make([]byte, n)
	}
	dst = dst[:n]
	for i, key := range keys {
		if _, err := hex.Decode(dst, f.Data); err != nil {
			return f, -1, fault(ReasonBadCipher, 0, "the ciphertext is not hexadecimal")
		}
		key.decrypt(dst)
		if !fits(dst, f, opt) {
			continue
		}
		ferr := open(&f, dst)
		if ferr != nil {
			return f, i, ferr
		}
		return f, i, nil
	}
	return f, -1, fault(ReasonWrongKey, 0, "none of %d keys gives a text that ends in a time stamp", len(keys))
}

// fits tells the text that the right key gives from the noise that others give: its
// end is a time stamp. Without one, it must be a report.
func fits(text []byte, f Frame, opt Options) bool {
	if len(text) > stampedTail && text[len(text)-stampedTail] == '_' {
		if _, ok := ParseStamp(text[len(text)-len(stampLayout):]); ok {
			return true
		}
	}
	if !opt.UnstampedCipher || open(&f, text) != nil || f.OddStamp {
		return false
	}
	var err error
	switch f.Token {
	case TokenSIA:
		_, _, err = ParseSIA(f.Data)
	case TokenCID:
		_, _, err = ParseCID(f.Data)
	default:
		return false // an empty text proves nothing
	}
	return err == nil
}

// open reads the text of an encrypted frame: what comes before the first bar is the
// pad; without data there may be no bar, and the bracket ends the pad.
func open(f *Frame, text []byte) *Error {
	at := bytes.IndexAny(text, "|]")
	if at < 0 {
		return fault(ReasonBadSyntax, 0, "the text has neither a bar after its pad nor a bracket after its data")
	}
	if text[at] == '|' {
		at++
	}
	end := bytes.IndexByte(text[at:], ']')
	if end < 0 {
		return fault(ReasonBadSyntax, at, "the data is not closed by a bracket")
	}
	f.Data = text[at : at+end]
	return parseRest(f, text, at+end+1)
}

// encrypt works in place. Written out for want of a cipher.BlockMode that can be
// used again: making one for each frame allocates.
func (k *Key) encrypt(b []byte) {
	var zero [blockSize]byte
	before := zero[:]
	for ; len(b) > 0; b = b[blockSize:] {
		block := b[:blockSize]
		subtle.XORBytes(block, block, before)
		k.block.Encrypt(block, block)
		before = block
	}
}

// decrypt works in place, from the end, where the block before is still cipher.
func (k *Key) decrypt(b []byte) {
	for at := len(b) - blockSize; at >= 0; at -= blockSize {
		block := b[at : at+blockSize]
		k.block.Decrypt(block, block)
		if at > 0 {
			subtle.XORBytes(block, block, b[at-blockSize:at])
		}
	}
}
