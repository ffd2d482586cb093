package surgard

import "bytes"

// Splitter cuts a stream into lines. The zero value is ready.
type Splitter struct {
	buf []byte
	// skip: a line too long was given out, and its rest is passed by.
	skip bool
}

// Write takes bytes of the stream. Call Next until it has no more before the next.
func (s *Splitter) Write(p []byte) { s.buf = append(s.buf, p...) }

// Pending bytes that are no whole line yet.
func (s *Splitter) Pending() int { return len(s.buf) }

// Next is the next line without its DC4, and whether there is one. A line that is too
// long is given out cut, at MaxLine bytes, which Parse refuses, and its rest passed by.
// What it returns is valid until the next Write. Line ends between messages, which
// some gateways send, are no part of one.
func (s *Splitter) Next() ([]byte, bool) {
	for {
		if !s.skip {
			s.buf = bytes.TrimLeft(s.buf, "\r\n")
		}
		end := bytes.IndexByte(s.buf, DC4)
		if s.skip {
			if end < 0 {
				s.buf = s.buf[:0]
				return nil, false
			}
			s.buf, s.skip = s.buf[end+1:], false
			continue
		}
		switch {
		case end >= 0 && end < MaxLine:
			line := s.buf[:end]
			s.buf = s.buf[end+1:]
			return bytes.TrimRight(line, "\r\n"), true
		case end < 0 && len(s.buf) < MaxLine:
			return nil, false
		}
		line := s.buf[:MaxLine]
		s.buf, s.skip = s.buf[MaxLine:], true
		return line, true
	}
}

// Rest is what is no whole line when the stream has ended.
func (s *Splitter) Rest() []byte { return s.buf }
