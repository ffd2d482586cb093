package eventlog

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// What the compressor writes the client's own decompressor reads, whatever it is and
// however often a writer is used again.
func TestCompressedBatchesAreRead(t *testing.T) {
	c, d := newCompressor(), kgo.DefaultDecompressor()
	rapid.Check(t, func(r *rapid.T) {
		src := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(r, "part"), rapid.IntRange(1, 2_000).Draw(r, "times"))
		out, codec := c.Compress(new(bytes.Buffer), src)
		if codec != kgo.CodecLz4 {
			r.Fatalf("codec %d", codec)
		}
		back, err := d.Decompress(out, codec)
		if err != nil || !bytes.Equal(back, src) {
			r.Fatalf("%d bytes came back as %d (%v)", len(src), len(back), err)
		}
	})
}

// The descriptor of a frame says the size of its blocks: 4 is 64 KiB (LZ4 frame
// format, block maximum size).
func TestBlocksAreSmall(t *testing.T) {
	src := make([]byte, 200_000)
	_, _ = rand.Read(src)
	out, _ := newCompressor().Compress(new(bytes.Buffer), src)
	const bd = 5
	if size := out[bd] >> 4 & 7; size != 4 {
		t.Errorf("blocks of size %d, want 4", size)
	}
}

// A large batch leaves the client's buffer as it was; a small one uses it.
func TestLargeBatchLeavesTheBufferSmall(t *testing.T) {
	for size, kept := range map[int]bool{largeBatch: true, largeBatch + 1: false, 1 << 20: false} {
		dst, src := new(bytes.Buffer), bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		out, codec := newCompressor().Compress(dst, src)
		plain, err := io.ReadAll(lz4.NewReader(bytes.NewReader(out)))
		if err != nil || codec != kgo.CodecLz4 || !bytes.Equal(plain, src) {
			t.Errorf("%d bytes: %d bytes came back, codec %d, %v", size, len(plain), codec, err)
		}
		if used := dst.Cap() > 0; used != kept {
			t.Errorf("%d bytes: the buffer holds %d bytes", size, dst.Cap())
		}
	}
}

// BenchmarkCompress: one op is a batch of 100 records of panels. Beside it the
// client's own compressor, whose blocks are of 4 MiB.
func BenchmarkCompress(b *testing.B) {
	var src []byte
	for i := range 100 {
		src = append(src, bytes.Repeat([]byte{byte(i), 1, 2, 'S', 'I', 'A', byte(i * 7)}, 45)...)
	}
	own, err := kgo.DefaultCompressor(kgo.Lz4Compression())
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]kgo.Compressor{"blocks=64KiB": newCompressor(), "blocks=4MiB": own} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			dst, n := new(bytes.Buffer), 0
			for b.Loop() {
				dst.Reset()
				out, _ := c.Compress(dst, src)
				n = len(out)
			}
			b.ReportMetric(float64(n)/float64(len(src)), "of-plain")
			b.SetBytes(int64(len(src)))
		})
	}
}
