package wire

import (
	"encoding/binary"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Wire types that the decoder reads.
const (
	varint = uint64(protowire.VarintType)
	sized  = uint64(protowire.BytesType)
)

// cursor walks over the fields of one message.
type cursor struct {
	rest []byte
	// tag is the field's number and wire type.
	tag uint64
	// odd says that something is not as today's writers write it.
	odd bool
}

// next goes to the next field; the numbers rise, so that no field comes twice.
func (c *cursor) next() bool { return c.nextOrSame(0) }

// nextOrSame lets one field come again, right after itself.
func (c *cursor) nextOrSame(repeated uint64) bool {
	if c.odd || len(c.rest) == 0 {
		return false
	}
	before := c.tag
	if tag := c.rest[0]; tag < 0x80 {
		c.tag, c.rest = uint64(tag), c.rest[1:]
	} else {
		c.tag = c.varint()
	}
	if c.tag>>3 <= before>>3 && (c.tag != before || c.tag != repeated) {
		c.odd = true
	}
	return !c.odd
}

func (c *cursor) varint() uint64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 {
		v := uint64(c.rest[0])
		c.rest = c.rest[1:]
		return v
	}
	v, n := protowire.ConsumeVarint(c.rest)
	if n < 0 {
		c.odd, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// bytes of a sized field, nil when it is empty.
func (c *cursor) bytes() []byte {
	n := uint64(0)
	if len(c.rest) > 0 && c.rest[0] < 0x80 {
		n, c.rest = uint64(c.rest[0]), c.rest[1:]
	} else {
		n = c.varint()
	}
	if n > uint64(len(c.rest)) {
		c.odd, c.rest = true, nil
		return nil
	}
	if n == 0 {
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

// inner is the message in a sized field.
func (c *cursor) inner() cursor { return cursor{rest: c.bytes(), odd: c.odd} }

const (
	// internSlots bounds what is kept of strings: the last one for each hash.
	internSlots = 2_048
	// longestKept is the longest string kept, bytes.
	longestKept = 64
)

// interned keeps the strings that come again and again in a log: names of
// receivers, codes, zones, accounts. It is no part of any state.
type interned struct{ slots []string }

// of is the string of these bytes; false when they are not UTF-8.
func (t *interned) of(b []byte) (string, bool) {
	if len(b) == 0 {
		return "", true
	}
	if len(b) > longestKept {
		return string(b), utf8.Valid(b)
	}
	if t.slots == nil {
		t.slots = make([]string, internSlots)
	}
	slot := &t.slots[slotOf(b)]
	if *slot != string(b) {
		if !utf8.Valid(b) {
			return "", false
		}
		*slot = string(b)
	}
	return *slot, true
}

// slotOf is where a string is kept: the same in every process, so that what a
// benchmark finds today it finds tomorrow.
func slotOf(b []byte) uint64 {
	const mix = 0x9e3779b97f4a7c15
	h := uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * mix
		h ^= h >> 32
	}
	last := uint64(0)
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	h = (h ^ last) * mix
	return (h ^ h>>32) % internSlots
}
