package dc09

import (
	"bytes"
	"fmt"
)

// Verdict is what a Splitter found.
type Verdict uint8

const (
	// Whole is a frame from LF (or its CRC, when the LF is missing) to CR.
	Whole Verdict = iota
	// Junk is bytes that do not start like a frame.
	Junk
	// Oversized is the start of something longer than MaxFrame; the rest of it
	// is skipped.
	Oversized
	// Half is the start of a frame that was not ended: a new one began, or no
	// more bytes came.
	Half
)

// Reason names the verdict as a reason; "" for Whole.
func (v Verdict) Reason() Reason {
	switch v {
	case Whole:
		return ""
	case Junk:
		return ReasonJunk
	case Oversized:
		return ReasonOversized
	case Half:
		return ReasonHalfFrame
	}
	panic(fmt.Sprintf("dc09: verdict %d", v))
}

// Splitter cuts a stream of bytes into frames: several in one segment, one over
// many, with missing LFs and with junk between them. It holds at most MaxFrame
// bytes more than one Write gave it. The zero value is ready.
type Splitter struct {
	Options Options
	buf     []byte
	at      int
	// skipping the rest of something oversized, up to the next LF or CR.
	skipping bool
}

// Write takes bytes over. Pieces returned before are void.
func (s *Splitter) Write(p []byte) {
	s.buf = append(s.buf[:0], s.buf[s.at:]...)
	s.at = 0
	s.buf = append(s.buf, p...)
}

// Pending is how many bytes wait for the rest of their frame.
func (s *Splitter) Pending() int { return len(s.buf) - s.at }

// Next returns the next piece; false when more bytes are needed. The piece is
// valid until the next Write.
func (s *Splitter) Next() ([]byte, Verdict, bool) {
	s.skipSilently()
	rest := s.buf[s.at:]
	if len(rest) == 0 {
		return nil, Whole, false
	}
	start := 0
	if rest[0] == '\n' {
		start = 1
	}
	header := s.header(rest[start:])
	if start == 0 && !header.possible {
		return s.junk(rest)
	}
	// A binary CRC may hold any byte: look for the end after it.
	from := min(start+header.opaque, len(rest))
	end := bytes.IndexAny(rest[from:], "\r\n")
	switch {
	case end < 0 && len(rest) >= MaxFrame:
		s.skipping = true
		s.at += MaxFrame
		return rest[:MaxFrame], Oversized, true
	case end < 0:
		return nil, Whole, false
	}
	end += from
	if end >= MaxFrame {
		s.at += end
		return rest[:MaxFrame], Oversized, true
	}
	if rest[end] == '\n' {
		s.at += end
		return rest[:end], verdict(header.possible, Half), true
	}
	s.at += end + 1
	return rest[:end+1], verdict(header.possible, Whole), true
}

func verdict(possible bool, v Verdict) Verdict {
	if possible {
		return v
	}
	return Junk
}

// Flush returns what waits for its rest when no more bytes will come.
func (s *Splitter) Flush() ([]byte, Verdict, bool) {
	rest := s.buf[s.at:]
	s.at = len(s.buf)
	if s.skipping || len(bytes.Trim(rest, "\r\n\x00 ")) == 0 {
		s.skipping = false
		return nil, Whole, false
	}
	start := 0
	if rest[0] == '\n' {
		start = 1
	}
	return rest, verdict(s.header(rest[start:]).possible, Half), true
}

// skipSilently passes over the rest of an oversized piece and over what some
// transmitters put between frames: line ends, zero bytes, spaces.
func (s *Splitter) skipSilently() {
	if s.skipping {
		end := bytes.IndexAny(s.buf[s.at:], "\r\n")
		if end < 0 {
			s.at = len(s.buf)
			return
		}
		s.skipping = false
		s.at += end
	}
	for s.at < len(s.buf) {
		switch c := s.buf[s.at]; {
		case c == '\n' && (s.at+1 == len(s.buf) || s.startsAfterLF()):
			return
		case c == '\n', c == '\r', c == 0, c == ' ':
			s.at++
		default:
			return
		}
	}
}

// startsAfterLF tells a frame's LF from a stray one: another line end follows
// the stray one, unless a binary CRC starts with that byte, or may: then the bytes
// to come will tell.
func (s *Splitter) startsAfterLF() bool {
	next := s.buf[s.at+1]
	if next != '\n' && next != '\r' {
		return true
	}
	return s.header(s.buf[s.at+1:]).possible
}

// junk cuts off bytes that start no frame, up to where one may start.
func (s *Splitter) junk(rest []byte) ([]byte, Verdict, bool) {
	end := bytes.IndexAny(rest, "\r\n")
	if end < 0 && len(rest) < MaxFrame {
		return nil, Whole, false
	}
	if end < 0 || end > MaxFrame {
		end = MaxFrame
	}
	s.at += end
	return rest[:end], Junk, true
}

type header struct {
	// possible: the bytes at hand can be the start of a frame.
	possible bool
	// opaque bytes at the start may hold line ends.
	opaque int
}

// header judges the first bytes after the LF.
func (s *Splitter) header(b []byte) header {
	if n, ok := envelope(b, s.Options.BinaryCRC); ok {
		if n == 2 {
			return header{possible: true, opaque: 2}
		}
		return header{possible: true}
	}
	if len(b) < 9 && allHex(b[:min(len(b), 8)]) {
		return header{possible: true}
	}
	if s.Options.BinaryCRC && len(b) < 7 && (len(b) <= 2 || allHex(b[2:min(len(b), 6)])) {
		return header{possible: true, opaque: 2}
	}
	return header{}
}

// String says the verdict in words.
func (v Verdict) String() string {
	switch v {
	case Whole:
		return "a whole frame"
	case Junk:
		return "bytes that do not start like a frame"
	case Oversized:
		return fmt.Sprintf("longer than %d bytes without an end", MaxFrame)
	case Half:
		return "a frame that was not ended"
	}
	return fmt.Sprintf("verdict %d", uint8(v))
}
