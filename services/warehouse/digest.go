package warehouse

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// DigestSQL is an expression for the digest of a row over these columns: the
// first eight bytes of SHA-256 over the row in ClickHouse's RowBinary. Its sum,
// which wraps, is the same in any order of the rows, and feels a row that is
// missing, there twice, or another.
func DigestSQL(columns []Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return "reinterpretAsUInt64(SHA256(formatRow('RowBinary', " + strings.Join(names, ", ") + ")))"
}

// Digests returns the digest of each row, as DigestSQL has it for the same rows
// in a table. It panics on a type that no table of ours has.
func Digests(columns []Column, rows int) []uint64 {
	out := make([]uint64, rows)
	var b []byte
	for i := range out {
		b = b[:0]
		for _, c := range columns {
			b = appendValue(b, c.Values, i)
		}
		sum := sha256.Sum256(b)
		out[i] = binary.LittleEndian.Uint64(sum[:8])
	}
	return out
}

// appendValue appends row i of a column in RowBinary.
func appendValue(b []byte, values any, i int) []byte {
	switch v := values.(type) {
	case []uint8:
		return append(b, v[i])
	case []bool:
		return append(b, bit(v[i]))
	case []uint16:
		return binary.LittleEndian.AppendUint16(b, v[i])
	case []uint32:
		return binary.LittleEndian.AppendUint32(b, v[i])
	case []uint64:
		return binary.LittleEndian.AppendUint64(b, v[i])
	case []int32:
		return binary.LittleEndian.AppendUint32(b, uint32(v[i]))
	case []int64:
		return binary.LittleEndian.AppendUint64(b, uint64(v[i]))
	case []float64:
		b, _ = binary.Append(b, binary.LittleEndian, v[i])
		return b
	case []string:
		return append(binary.AppendUvarint(b, uint64(len(v[i]))), v[i]...)
	case []uuid.UUID:
		return appendUUID(b, v[i])
	default:
		return appendArray(b, values, i)
	}
}

func appendArray(b []byte, values any, i int) []byte {
	switch v := values.(type) {
	case [][]uint8:
		return append(binary.AppendUvarint(b, uint64(len(v[i]))), v[i]...)
	case [][]string:
		return appendEach(b, v[i])
	case [][]int64:
		return appendEach(b, v[i])
	case [][]uint32:
		return appendEach(b, v[i])
	case [][]uint64:
		return appendEach(b, v[i])
	case [][]uuid.UUID:
		return appendEach(b, v[i])
	}
	panic(fmt.Sprintf("warehouse: no digest for a column of %T", values))
}

func appendEach[T any](b []byte, list []T) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = appendValue(b, list, i)
	}
	return b
}

// appendUUID writes the two halves as ClickHouse keeps them: each a number,
// lowest byte first.
func appendUUID(b []byte, u uuid.UUID) []byte {
	b = binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(u[:8]))
	return binary.LittleEndian.AppendUint64(b, binary.BigEndian.Uint64(u[8:]))
}

func bit(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}
