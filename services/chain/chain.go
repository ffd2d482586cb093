// Package chain is the audit chain of vigie.events: a hash over every record of a
// partition so far, checkpoints of it that a key signs which Kafka never sees, and
// the proof that a log is still the one that was signed.
//
// A processor reckons the chain while it folds and has its state signed once a
// minute (checkpoint.go, key.go). Who doubts the log recomputes the chain from its
// bytes (verify.go, walk.go) and compares. A digest (digest.go) is what a person
// keeps outside: with it, not even who holds the key can rewrite the past.
package chain

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Size of a hash, bytes.
const Size = sha256.Size

// Chain is the chain of a partition after some records; the zero value stands
// before the first.
//
//	h(n) = SHA-256(h(n-1) ‖ ordinal ‖ timestamp ‖ key ‖ value ‖ headers in order)
//
// Integers are 8 bytes big-endian; bytes stand behind their length; a null key
// or value is told from an empty one by the length 2^64-1. The ordinal counts
// records from 0, not offsets: a record-exact copy has the same chain.
type Chain struct {
	Hash [Size]byte
	// Ordinal is how many records the hash covers.
	Ordinal uint64
	scratch []byte
}

// Add takes the next record in.
func (c *Chain) Add(r *kgo.Record) {
	b := append(c.scratch[:0], c.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, c.Ordinal)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Timestamp.UnixMilli()))
	b = appendSized(b, r.Key)
	b = appendSized(b, r.Value)
	for _, h := range r.Headers {
		b = appendSized(b, []byte(h.Key))
		b = appendSized(b, h.Value)
	}
	c.Hash = sha256.Sum256(b)
	c.Ordinal++
	c.scratch = b
}

func appendSized(b, data []byte) []byte {
	if data == nil {
		return binary.BigEndian.AppendUint64(b, 1<<64-1)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(data)))
	return append(b, data...)
}
