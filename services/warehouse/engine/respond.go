package engine

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

const (
	// heldBack is how much of a result waits before the first byte is sent: an
	// error until then still has its own HTTP status.
	heldBack = 1 << 20
	// maxHeldBack bounds a result that the client wants to wait for whole.
	maxHeldBack = 256 << 20
	// pipeBytes is read at a time of a result that comes through a pipe.
	pipeBytes = 256 << 10
	// frameBytes is the size of a compressed block of the native protocol.
	frameBytes = 1 << 20
)

// streamed are the formats whose pieces can be joined: no header, no frame.
var streamed = map[string]bool{
	"native": true, "rowbinary": true, "tabseparated": true, "tsv": true, "tabseparatedraw": true,
	"tsvraw": true, "csv": true, "jsoneachrow": true, "jsoncompacteachrow": true, "lineasstring": true,
}

// run runs a statement that has no data and sends its result.
func (s *server) run(w http.ResponseWriter, req *request, st *statement, c *conn, began time.Time) error {
	format := first(st.format, req.defaultFormat)
	if st.selects() && !streamed[strings.ToLower(format)] {
		return s.runThroughPipe(w, req, st, c, format, began)
	}
	if !st.selects() {
		out, did, err := c.query(st.sql, format, req.params...)
		if err != nil {
			return err
		}
		return s.answer(w, req, format, out, did, began)
	}
	rows, err := c.stream(st.sql, format, req.params...)
	if err != nil {
		return err
	}
	defer rows.close()
	o := s.newOutput(w, req, format, began)
	for {
		piece, did, err := rows.next()
		if err != nil {
			return o.abort(err)
		}
		o.add(did)
		if len(piece) == 0 {
			return o.finish()
		}
		if err := o.write(piece); err != nil {
			return o.abort(err)
		}
		if err := req.http.Context().Err(); err != nil {
			return o.abort(err)
		}
	}
}

// runThroughPipe streams a format whose pieces cannot be joined, one with a head
// and an end: the engine writes it as a file, which is a pipe of ours.
func (s *server) runThroughPipe(w http.ResponseWriter, req *request, st *statement, c *conn, format string, began time.Time) error {
	if !settingName.MatchString(format) {
		return refuse(73, "UNKNOWN_FORMAT", "Unknown format %s", format)
	}
	from, to, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe for the result: %w", err)
	}
	defer from.Close()
	type outcome struct {
		did stats
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		_, did, err := c.query(st.into(fmt.Sprintf("/proc/self/fd/%d", to.Fd()), format), "Null", req.params...)
		to.Close()
		ended <- outcome{did, err}
	}()
	o := s.newOutput(w, req, format, began)
	_, unsent := io.CopyBuffer(writerFunc(o.write), struct{ io.Reader }{from}, make([]byte, pipeBytes))
	if unsent != nil {
		s.kill(req.queryID)
		// Whoever writes to a pipe that nobody reads stands still.
		_, _ = io.Copy(io.Discard, from)
	}
	end := <-ended
	o.add(end.did)
	if err := errors.Join(unsent, end.err); err != nil {
		return o.abort(err)
	}
	return o.finish()
}

// writerFunc is an io.Writer of a function that takes a piece whole.
type writerFunc func(piece []byte) error

func (f writerFunc) Write(piece []byte) (int, error) { return len(piece), f(piece) }

// answer sends a result that is whole.
func (s *server) answer(w http.ResponseWriter, req *request, format string, out []byte, did stats, began time.Time) error {
	o := s.newOutput(w, req, format, began)
	o.add(did)
	if len(out) > 0 {
		if err := o.write(out); err != nil {
			return o.abort(err)
		}
	}
	return o.finish()
}

// output is the way of a result to the client: transcoded, compressed, and held
// back at first.
type output struct {
	s      *server
	w      http.ResponseWriter
	req    *request
	format string
	began  time.Time
	did    stats
	tag    string

	held bytes.Buffer
	sent bool
	// gzip and the like around the connection; nil for none.
	encoder  io.WriteCloser
	frames   *compress.Writer
	toNative bool
}

func (s *server) newOutput(w http.ResponseWriter, req *request, format string, began time.Time) *output {
	o := &output{s: s, w: w, req: req, format: format, began: began}
	o.toNative = strings.EqualFold(format, "Native") && req.revision > 0
	if req.compress {
		method := compress.LZ4
		if strings.EqualFold(req.compressMethod, "ZSTD") {
			method = compress.ZSTD
		}
		o.frames = compress.NewWriter(0, method)
	}
	var tag [8]byte
	_, _ = rand.Read(tag[:])
	o.tag = hex.EncodeToString(tag[:])
	return o
}

func (o *output) add(did stats) {
	o.did.readRows += did.readRows
	o.did.readBytes += did.readBytes
	o.did.writtenRows += did.writtenRows
	o.did.writtenBytes += did.writtenBytes
}

// write takes a piece of the result as the engine gave it.
func (o *output) write(piece []byte) error {
	if o.toNative {
		var err error
		if piece, err = transcode(piece, o.req.revision); err != nil {
			return err
		}
	}
	return o.frame(piece)
}

func (o *output) frame(piece []byte) error {
	if o.frames == nil {
		return o.hold(piece)
	}
	for len(piece) > 0 {
		n := min(len(piece), frameBytes)
		if err := o.frames.Compress(piece[:n]); err != nil {
			return fmt.Errorf("compress the result: %w", err)
		}
		if err := o.hold(o.frames.Data); err != nil {
			return err
		}
		piece = piece[n:]
	}
	return nil
}

func (o *output) hold(piece []byte) error {
	if o.sent {
		return o.send(piece)
	}
	o.held.Write(piece)
	if o.req.waitEnd {
		if o.held.Len() > maxHeldBack {
			return refuse(codeTooBig, "TOO_MANY_BYTES", "The result is larger than the %d bytes that wait_end_of_query can hold: ask without it", maxHeldBack)
		}
		return nil
	}
	if o.held.Len() < heldBack {
		return nil
	}
	return o.release(false)
}

// release sends the headers and what was held back.
func (o *output) release(whole bool) error {
	h := o.w.Header()
	h.Set("X-ClickHouse-Exception-Tag", o.tag)
	if o.format != "" {
		h.Set("X-ClickHouse-Format", o.format)
	}
	h.Set("Content-Type", contentType(o.format))
	h.Set("X-ClickHouse-Summary", o.summary())
	if name, make := acceptedEncoding(o.req.http.Header.Get("Accept-Encoding")); o.req.httpCompress && make != nil && o.held.Len() > 0 {
		h.Set("Content-Encoding", name)
		o.encoder = make(o.w)
	} else if whole {
		h.Set("Content-Length", strconv.Itoa(o.held.Len()))
	}
	o.sent = true
	o.w.WriteHeader(http.StatusOK)
	held := o.held.Bytes()
	o.held = bytes.Buffer{}
	return o.send(held)
}

func (o *output) send(piece []byte) error {
	var err error
	if o.encoder != nil {
		_, err = o.encoder.Write(piece)
	} else {
		_, err = o.w.Write(piece)
	}
	return err
}

func (o *output) finish() error {
	if !o.sent {
		if err := o.release(true); err != nil {
			return o.abort(err)
		}
	}
	if o.encoder != nil {
		if err := o.encoder.Close(); err != nil {
			return o.abort(err)
		}
	}
	return nil
}

// abort tells an error: by status while nothing was sent, else by the frame that
// ClickHouse puts into the body, and by breaking the connection off.
func (o *output) abort(err error) error {
	if !o.sent {
		return err
	}
	message := o.s.tell(asException(err))
	message = message[:min(len(message), 15<<10)]
	text := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", o.tag, message, len(message), o.tag)
	if o.frame([]byte(text)) == nil {
		if o.encoder != nil {
			_ = o.encoder.Close()
		}
		_ = http.NewResponseController(o.w).Flush()
	}
	panic(http.ErrAbortHandler)
}

func (o *output) summary() string {
	d := o.did
	return fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","total_rows_to_read":"%d","result_rows":"%d","result_bytes":"%d","elapsed_ns":"%d","memory_usage":"0"}`,
		d.readRows, d.readBytes, d.writtenRows, d.writtenBytes, d.readRows, d.writtenRows, o.held.Len(), time.Since(o.began).Nanoseconds())
}

func contentType(format string) string {
	switch f := strings.ToLower(format); {
	case strings.Contains(f, "eachrow") && strings.Contains(f, "json"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8; header=absent"
	case strings.HasPrefix(f, "tab"), strings.HasPrefix(f, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case f == "native", strings.HasPrefix(f, "rowbinary"), f == "arrow", f == "parquet", f == "avro", f == "orc":
		return "application/octet-stream"
	default:
		return "text/plain; charset=UTF-8"
	}
}
