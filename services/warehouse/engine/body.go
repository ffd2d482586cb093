package engine

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxInsertBytes bounds the rows of one INSERT, decompressed: they wait in
// memory until they are whole, so that half an insert writes nothing.
const maxInsertBytes = 512 << 20

// decodeBody undoes the compression of a request's body.
func decodeBody(req *request) (io.Reader, error) {
	var body io.Reader = req.http.Body
	switch enc := strings.ToLower(req.http.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, bodyError(err)
		}
		body = z
	case "deflate":
		z, err := zlib.NewReader(body)
		if err != nil {
			return nil, bodyError(err)
		}
		body = z
	case "br":
		body = brotli.NewReader(body)
	case "lz4":
		body = lz4.NewReader(body)
	case "zstd":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, bodyError(err)
		}
		body = z
	default:
		return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "Content-Encoding %s is not understood: gzip, deflate, br, zstd and lz4 are", enc)
	}
	if req.decompress {
		body = framesReader{compress.NewReader(body)}
	}
	return body, nil
}

// framesReader ends where the last frame ended; the reader of frames calls that
// an error.
type framesReader struct{ frames *compress.Reader }

func (r framesReader) Read(p []byte) (int, error) {
	n, err := r.frames.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}

// insert runs an INSERT whose rows follow. They reach the engine as a file in
// memory: inside the text of the query a blank line would end them.
func (s *server) insert(w http.ResponseWriter, req *request, st *statement, c *conn, data io.Reader, began time.Time) error {
	if req.reader {
		return refuse(codeReadonly, "READONLY", "%s: Cannot execute query in readonly mode", ReaderUser)
	}
	rows, n, err := rowsInMemory(data, maxInsertBytes, fmt.Sprintf("An INSERT may carry %d bytes: send the rows in several", maxInsertBytes))
	if err != nil {
		return err
	}
	defer rows.Close()
	in := st.insert
	sql := fmt.Sprintf("%s %s %s FORMAT %s", in.head, infile(rows), in.tail, in.format)
	if n == 0 {
		return s.answer(w, req, "", nil, stats{}, began)
	}
	_, did, err := c.query(sql, "Null", req.params...)
	if err != nil {
		return err
	}
	return s.answer(w, req, "", nil, did, began)
}

// encodings are the compressions of answers, the cheapest for both sides first.
var encodings = []struct {
	name string
	make func(io.Writer) io.WriteCloser
}{
	{"lz4", func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) }},
	{"zstd", func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			panic(err) // the options are constants
		}
		return z
	}},
	{"gzip", func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }},
	{"br", func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 2) }},
	{"deflate", func(w io.Writer) io.WriteCloser {
		z, err := zlib.NewWriterLevel(w, flate.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant
		}
		return z
	}},
}

// acceptedEncoding picks an encoding that the client listed, nil for none.
func acceptedEncoding(header string) (string, func(io.Writer) io.WriteCloser) {
	listed := map[string]bool{}
	for _, part := range strings.Split(header, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(quality) != "q=0" {
			listed[strings.ToLower(strings.TrimSpace(name))] = true
		}
	}
	for _, e := range encodings {
		if listed[e.name] {
			return e.name, e.make
		}
	}
	return "", nil
}
