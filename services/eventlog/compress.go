package eventlog

import (
	"bytes"
	"sync"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// compressor writes LZ4 frames of blocks of 64 KiB, as Kafka's own producer does.
// The client's default are blocks of 4 MiB: so much does each writer hold, and each
// reader of a batch however small, and a process keeps as many as were ever busy at
// once.
type compressor struct{ writers sync.Pool }

func newCompressor() *compressor {
	return &compressor{sync.Pool{New: func() any {
		w := lz4.NewWriter(nil)
		if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
			panic(err) // of a constant
		}
		return w
	}}}
}

// largeBatch is more than a batch has while Kafka keeps up.
const largeBatch = 256 << 10

// Compress is of kgo.Compressor. What becomes of a large batch, as when Kafka was away,
// is not put into dst: the client uses that again for ever, and it would stay as large.
func (c *compressor) Compress(dst *bytes.Buffer, src []byte, _ ...kgo.CompressFlag) ([]byte, kgo.CompressionCodecType) {
	if len(src) > largeBatch {
		dst = bytes.NewBuffer(make([]byte, 0, len(src)/2))
	}
	w := c.writers.Get().(*lz4.Writer)
	defer c.writers.Put(w)
	w.Reset(dst)
	if _, err := w.Write(src); err != nil {
		return nil, kgo.CodecError
	}
	if err := w.Close(); err != nil {
		return nil, kgo.CodecError
	}
	return dst.Bytes(), kgo.CodecLz4
}
