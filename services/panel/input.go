package panel

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Bytes finds the bytes of frames in what somebody pasted: the bytes themselves,
// text with escapes (\n \r \x0a <LF> <CR>), or a dump in hexadecimal as xxd,
// hexdump, tcpdump and Wireshark print it, with or without offsets.
func Bytes(pasted []byte) []byte {
	if dump, ok := hexDump(string(pasted)); ok {
		return dump
	}
	return escape.ReplaceAllFunc(pasted, func(e []byte) []byte {
		switch s := string(e); {
		case s == `\n`, s == "<LF>":
			return []byte{'\n'}
		case s == `\r`, s == "<CR>":
			return []byte{'\r'}
		default:
			b, _ := hex.DecodeString(s[2:]) // the expression found two digits
			return b
		}
	})
}

var (
	escape = regexp.MustCompile(`\\n|\\r|\\x[0-9A-Fa-f]{2}|<LF>|<CR>`)
	// offset of a line of a dump, "00000010: ", "0x0010: ", "0010   ", or "000010 "
	// where a byte follows; of the last line nothing else may be there.
	offset = regexp.MustCompile(`^\s*(?:(?:0x)?[0-9A-Fa-f]{4,8}(?::\s+|\s{2,})|([0-9A-Fa-f]{6,8} )[0-9A-Fa-f]{2}(?: |$))`)
	end    = regexp.MustCompile(`^[0-9A-Fa-f]{6,8}$`)
	digits = regexp.MustCompile(`^(?:0x)?((?:[0-9A-Fa-f]{2})+)[,;]?$`)
	// gap stands between the bytes of a line and the same as text.
	gap = regexp.MustCompile(`\s{2,}`)
)

// hexDump reads text that is nothing but a dump: a frame has a quote, which none has
// among its bytes.
func hexDump(text string) ([]byte, bool) {
	var out []byte
	offsets := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n \t")
		if at := offset.FindStringSubmatch(line); at != nil {
			offsets = true
			line = withoutText(line[len(cmp.Or(at[1], at[0])):])
		} else if offsets && end.MatchString(line) {
			break
		}
		for _, word := range strings.Fields(line) {
			m := digits.FindStringSubmatch(word)
			if m == nil {
				return nil, false
			}
			b, _ := hex.DecodeString(m[1]) // pairs of digits, as the expression has it
			out = append(out, b...)
		}
	}
	return out, len(out) > 0
}

// withoutText cuts off what a dump shows its bytes as: behind a bar, or a gap.
func withoutText(line string) string {
	if bytes, _, ok := strings.Cut(line, "|"); ok {
		return bytes
	}
	if at := gap.FindStringIndex(line); at != nil {
		return line[:at[0]]
	}
	return line
}

// begins is how a frame begins in the middle of other text, as in a line of a log.
var begins = regexp.MustCompile(`[0-9A-Fa-f]{8}"\*?[A-Z]`)

// Frames cuts bytes into frames, and into what is none. LF, CR, or both may be
// missing; what a log wrote before a frame is left out.
func Frames(b []byte) [][]byte {
	split := dc09.Splitter{Options: dc09.Options{BinaryCRC: binaryCRC(b)}}
	split.Write(b)
	var out [][]byte
	add := func(piece []byte) {
		bare := bytes.TrimLeft(piece, "\n")
		if at := begins.FindIndex(bare); at != nil && at[0] > 0 {
			piece = bare[at[0]:]
		}
		if len(bytes.TrimSpace(piece)) > 0 {
			out = append(out, bytes.Clone(piece))
		}
	}
	for {
		piece, _, ok := split.Next()
		if !ok {
			break
		}
		add(piece)
	}
	if piece, _, ok := split.Flush(); ok {
		add(piece)
	}
	return out
}

// binaryCRC tells bytes that begin with a CRC of two bytes: elsewhere almost any text
// could be the beginning of one.
func binaryCRC(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("\n"))
	return len(b) > 7 && b[6] == '"' && digits.Match(b[2:6])
}
