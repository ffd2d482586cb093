package processor

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
)

// chain is the audit chain of a partition: a hash over every record so far, so
// that a changed, missing, added or reordered record shows.
//
//	h(n) = SHA-256(h(n-1) ‖ ordinal ‖ timestamp ‖ key ‖ value ‖ headers in order)
//
// Integers are 8 bytes big-endian; bytes stand behind their length; a null key
// or value is told from an empty one by the length 2^64-1. The ordinal counts
// records from 0, not offsets: a record-exact copy has the same chain.
type chain struct {
	hash    [sha256.Size]byte
	ordinal uint64
	scratch []byte
}

func (c *chain) add(r *kgo.Record) {
	b := append(c.scratch[:0], c.hash[:]...)
	b = binary.BigEndian.AppendUint64(b, c.ordinal)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Timestamp.UnixMilli()))
	b = appendSized(b, r.Key)
	b = appendSized(b, r.Value)
	for _, h := range r.Headers {
		b = appendSized(b, []byte(h.Key))
		b = appendSized(b, h.Value)
	}
	c.hash = sha256.Sum256(b)
	c.ordinal++
	c.scratch = b
}

func appendSized(b, data []byte) []byte {
	if data == nil {
		return binary.BigEndian.AppendUint64(b, 1<<64-1)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(data)))
	return append(b, data...)
}
