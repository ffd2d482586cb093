// Package packed writes values as they lie in memory into few bytes, and reads
// them back: varints, lengths before bytes, nothing that names a field. One walk
// over a value serves both ways, so that writing and reading cannot drift apart:
//
//	func (p *path) pack(c *packed.Coder) {
//		packed.Int(c, &p.heardAt)
//		packed.Uint(c, &p.number)
//	}
//
// Equal values give equal bytes. What is read is checked against what is there:
// no length makes a reader allocate more than a small multiple of its input.
package packed

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
)

// ErrTruncated says that the bytes end inside a value.
var ErrTruncated = errors.New("packed: the bytes end inside a value")

// Coder walks over values once and either writes or reads them. An error makes
// every further read give zero; Err tells the first one.
type Coder struct {
	b       []byte
	reading bool
	err     error
}

// Writer appends to b, which may be nil.
func Writer(b []byte) *Coder { return &Coder{b: b} }

// Reader reads from b. Strings are copied out of it, Bytes too.
func Reader(b []byte) *Coder { return &Coder{b: b, reading: true} }

// Reading tells a reader from a writer.
func (c *Coder) Reading() bool { return c.reading }

// Written is what a writer has appended so far.
func (c *Coder) Written() []byte { return c.b }

// Left is how many bytes a reader has not read yet.
func (c *Coder) Left() int { return len(c.b) }

// Fail makes the reader fail: what it read cannot be.
func (c *Coder) Fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
	c.b = nil
}

// Err is the first error of a reader; nil for a writer.
func (c *Coder) Err() error { return c.err }

// End is Err, or an error when bytes are left over.
func (c *Coder) End() error {
	if c.err == nil && len(c.b) > 0 {
		return fmt.Errorf("packed: %d bytes are left over", len(c.b))
	}
	return c.err
}

func (c *Coder) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.truncated()
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *Coder) truncated() {
	if c.err == nil {
		c.err = ErrTruncated
	}
	c.b = nil
}

// Uint walks over an unsigned number. One that does not fit is an error.
func Uint[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *Coder, v *T) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, uint64(*v))
		return
	}
	u := c.uvarint()
	if *v = T(u); uint64(*v) != u {
		c.Fail("packed: the number %d does not fit", u)
	}
}

// Int walks over a signed number. One that does not fit is an error.
func Int[T ~int | ~int16 | ~int32 | ~int64](c *Coder, v *T) {
	if !c.reading {
		c.b = binary.AppendVarint(c.b, int64(*v))
		return
	}
	u := c.uvarint()
	i := int64(u>>1) ^ -int64(u&1)
	if *v = T(i); int64(*v) != i {
		c.Fail("packed: the number %d does not fit", i)
	}
}

// Delta walks over a number as its distance from another that both sides know:
// one byte for neighbours.
func (c *Coder) Delta(v *int64, from int64) {
	d := *v - from
	Int(c, &d)
	if c.reading {
		*v = from + d
	}
}

// Bool walks over a truth.
func (c *Coder) Bool(v *bool) {
	if !c.reading {
		c.b = append(c.b, bit(*v))
		return
	}
	switch u := c.uvarint(); u {
	case 0, 1:
		*v = u == 1
	default:
		c.Fail("packed: %d is neither true nor false", u)
	}
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// String walks over a string.
func (c *Coder) String(v *string) {
	if !c.reading {
		c.b = append(binary.AppendUvarint(c.b, uint64(len(*v))), *v...)
		return
	}
	*v = string(c.take())
}

// Bytes walks over bytes; nil and empty stay apart.
func (c *Coder) Bytes(v *[]byte) {
	there := *v != nil
	c.Bool(&there)
	switch {
	case c.reading && there:
		*v = append([]byte{}, c.take()...)
	case c.reading:
		*v = nil
	case there:
		c.b = append(binary.AppendUvarint(c.b, uint64(len(*v))), *v...)
	}
}

// take cuts off bytes that stand behind their length.
func (c *Coder) take() []byte {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.truncated()
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

// Array walks over bytes of a fixed number.
func (c *Coder) Array(v []byte) {
	if !c.reading {
		c.b = append(c.b, v...)
		return
	}
	if len(v) > len(c.b) {
		c.truncated()
		return
	}
	c.b = c.b[copy(v, c.b):]
}

// maxAhead bounds what a list allocates before its items were read.
const maxAhead = 4_096

// List walks over a list, item by item; an empty one is read as nil.
func List[T any](c *Coder, list *[]T, item func(*T)) {
	n := uint64(len(*list))
	Uint(c, &n)
	if !c.reading {
		for i := range *list {
			item(&(*list)[i])
		}
		return
	}
	*list = nil
	if n > uint64(len(c.b)) { // an item has a byte at least
		c.truncated()
		return
	}
	if n > 0 {
		*list = make([]T, 0, min(n, maxAhead))
	}
	for range n {
		var fresh T
		item(&fresh)
		if c.err != nil {
			*list = nil
			return
		}
		*list = append(*list, fresh)
	}
}

// Pointer walks over what may not be there.
func Pointer[T any](c *Coder, v **T, item func(*T)) {
	there := *v != nil
	c.Bool(&there)
	if c.reading { // What is written may be read by others at the same time.
		*v = nil
		if there {
			*v = new(T)
		}
	}
	if !there {
		return
	}
	item(*v)
}

var deterministic = proto.MarshalOptions{Deterministic: true}

// Message walks over a Protobuf message, which must not be nil when writing. It
// panics when the message cannot be encoded: it was decoded here before.
func Message[M any, P interface {
	*M
	proto.Message
}](c *Coder, v *P) {
	if !c.reading {
		b, err := deterministic.Marshal(*v)
		if err != nil {
			panic(fmt.Sprintf("packed: encode %s: %v", (*v).ProtoReflect().Descriptor().Name(), err))
		}
		c.b = append(binary.AppendUvarint(c.b, uint64(len(b))), b...)
		return
	}
	*v = P(new(M))
	if err := proto.Unmarshal(c.take(), *v); err != nil && c.err == nil {
		c.Fail("packed: decode %s: %w", (*v).ProtoReflect().Descriptor().Name(), err)
	}
}
