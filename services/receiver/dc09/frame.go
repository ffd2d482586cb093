// Package dc09 is the codec of SIA DC-09, the internet protocol of alarm
// transmitters: frames in and out, the event formats inside them (SIA DC-03 and
// Contact ID, DC-05), and what their codes mean.
//
// It is pure: bytes in, values out; no clock, no network. Lengths and CRCs are
// taken over the raw bytes, because some fields carry Windows-1252 text.
//
// A frame is
//
//	LF crc 0LLL "token" seq Rreceiver Lline #account [data][Xextended]… _HH:MM:SS,MM-DD-YYYY CR
package dc09

import (
	"bytes"
	"fmt"
	"time"
)

// Limits of the wire format.
const (
	// MaxBody is the longest body, from the first quote up to the CR, that the
	// three hexadecimal digits of the length can say.
	MaxBody = 0xFFF
	// MaxFrame is the longest frame: LF, CRC, length, body, CR.
	MaxFrame = 1 + 4 + 4 + MaxBody + 1
	// maxToken, maxAccount: the standard's tokens have at most 7 characters and
	// accounts 3 to 16 hexadecimal ones; other letters are seen in the field.
	maxToken   = 16
	maxAccount = 16
	// maxNumber is the most digits of a receiver or line number.
	maxNumber = 6
	// MaxSequence is the largest sequence number.
	MaxSequence = 9999
)

// Tokens of this codec.
const (
	TokenSIA  = "SIA-DCS"
	TokenCID  = "ADM-CID"
	TokenNull = "NULL"
	TokenAck  = "ACK"
	TokenNak  = "NAK"
	TokenDuh  = "DUH"
)

// Reason says why bytes are not a usable frame; stable, in kebab case.
type Reason string

// The reasons.
const (
	ReasonBadCRC    Reason = "bad-crc"
	ReasonBadLength Reason = "bad-length"
	ReasonBadSyntax Reason = "bad-syntax"
	ReasonOversized Reason = "oversized"
	ReasonJunk      Reason = "junk"
	ReasonHalfFrame Reason = "half-frame"
	ReasonEncrypted Reason = "encrypted"
)

// Error says what is wrong with a frame, and where.
type Error struct {
	Reason Reason
	// At is the offset from the start of the bytes given.
	At     int
	Detail string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d: %s", e.Reason, e.At, e.Detail) }

func fault(reason Reason, at int, format string, args ...any) *Error {
	return &Error{Reason: reason, At: at, Detail: fmt.Sprintf(format, args...)}
}

// Frame is one DC-09 message. Slices that Parse returns point into its input.
type Frame struct {
	// Token without its quotes and without the star of an encrypted frame.
	Token     string
	Encrypted bool
	// Sequence, 0 to 9999.
	Sequence uint32
	// Receiver number, absent in many frames; Line reads as 0 when absent.
	Receiver    uint32
	HasReceiver bool
	Line        uint32
	// Account as sent; "" when absent.
	Account string
	// Data between the brackets of the first field; for an encrypted frame all
	// that follows the first bracket.
	Data []byte
	// Extended is all of the extended fields with their brackets.
	Extended []byte
	// SentAtMS is the frame's own stamp, Unix ms UTC; 0 when it has none.
	SentAtMS int64
	// OddStamp: bytes stand where the stamp belongs and are not one.
	OddStamp bool
}

// Options are the tolerances of a line.
type Options struct {
	// BinaryCRC also accepts two bytes in place of four hexadecimal digits.
	BinaryCRC bool
	// DecimalLength also accepts a length in decimal digits.
	DecimalLength bool
}

// Parse reads one frame, with or without its LF and CR. The error is *Error. An
// encrypted frame gives its clear header and ReasonEncrypted.
func Parse(raw []byte, opt Options) (Frame, error) {
	at := 0
	if len(raw) > 0 && raw[0] == '\n' {
		at = 1
	}
	end := len(raw)
	if end > at && raw[end-1] == '\r' {
		end--
	}
	body, ferr := checkEnvelope(raw[:end], at, opt)
	if ferr != nil {
		return Frame{}, ferr
	}
	f, ferr := parseBody(raw[:end], body)
	if ferr != nil {
		return f, ferr
	}
	return f, nil
}

// checkEnvelope verifies CRC and length, and returns where the body starts.
func checkEnvelope(raw []byte, at int, opt Options) (int, *Error) {
	crcLen, ok := envelope(raw[at:], opt.BinaryCRC)
	if !ok {
		return 0, fault(ReasonBadSyntax, at, "no CRC, length and quote at the start")
	}
	body := raw[at+crcLen+4:]
	if !lengthMatches(raw[at+crcLen:at+crcLen+4], len(body), opt.DecimalLength) {
		return 0, fault(ReasonBadLength, at+crcLen, "the length says %q, the body has %#03x = %d bytes", raw[at+crcLen:at+crcLen+4], len(body), len(body))
	}
	want := CRC(body)
	if crcLen == 2 {
		if got := uint16(raw[at])<<8 | uint16(raw[at+1]); got != want {
			return 0, fault(ReasonBadCRC, at, "the CRC says %04X, the body gives %04X", got, want)
		}
		return at + crcLen + 4, nil
	}
	got, _ := parseHex(raw[at : at+4])
	if uint16(got) != want {
		return 0, fault(ReasonBadCRC, at, "the CRC says %s, the body gives %04X", raw[at:at+4], want)
	}
	return at + crcLen + 4, nil
}

// envelope tells whether bytes start like a frame after its LF, and how many
// bytes the CRC has.
func envelope(b []byte, binary bool) (crcLen int, ok bool) {
	if len(b) >= 9 && b[8] == '"' && allHex(b[:8]) {
		return 4, true
	}
	if binary && len(b) >= 7 && b[6] == '"' && allHex(b[2:6]) {
		return 2, true
	}
	return 0, false
}

func lengthMatches(field []byte, n int, decimal bool) bool {
	if v, ok := parseHex(field); ok && int(v) == n {
		return true
	}
	v, ok := parseDecimal(field)
	return decimal && ok && int(v) == n
}

// parseBody reads from the first quote on; raw has no CR any more.
func parseBody(raw []byte, at int) (Frame, *Error) {
	var f Frame
	quote := bytes.IndexByte(raw[at+1:], '"')
	if quote <= 0 || quote > maxToken {
		return f, fault(ReasonBadSyntax, at, "the token between quotes is missing or longer than %d", maxToken)
	}
	token := raw[at+1 : at+1+quote]
	if f.Encrypted = token[0] == '*'; f.Encrypted {
		token = token[1:]
	}
	f.Token = knownToken(token)
	at += quote + 2
	if len(raw) < at+4 {
		return f, fault(ReasonBadSyntax, at, "the sequence number is cut short")
	}
	seq, ok := parseDecimal(raw[at : at+4])
	if !ok {
		return f, fault(ReasonBadSyntax, at, "the sequence number %q is not four digits", raw[at:at+4])
	}
	f.Sequence = seq
	at, ferr := parseAddress(&f, raw, at+4)
	if ferr != nil {
		return f, ferr
	}
	if f.Encrypted {
		f.Data = raw[at+1:]
		return f, fault(ReasonEncrypted, at, "the frame is encrypted and no key is set up for it")
	}
	return f, parseFields(&f, raw, at)
}

// parseAddress reads receiver, line and account up to the first bracket.
func parseAddress(f *Frame, raw []byte, at int) (int, *Error) {
	var ferr *Error
	if at < len(raw) && raw[at] == 'R' {
		if f.Receiver, at, ferr = parseNumber(raw, at+1, "receiver"); ferr != nil {
			return at, ferr
		}
		f.HasReceiver = true
	}
	if at < len(raw) && raw[at] == 'L' {
		if f.Line, at, ferr = parseNumber(raw, at+1, "line"); ferr != nil {
			return at, ferr
		}
	}
	if at < len(raw) && raw[at] == '#' {
		end := at + 1
		for end < len(raw) && isAlnum(raw[end]) {
			end++
		}
		if n := end - at - 1; n == 0 || n > maxAccount {
			return at, fault(ReasonBadSyntax, at, "an account of %d characters, 1 to %d are expected", n, maxAccount)
		}
		f.Account = string(raw[at+1 : end])
		at = end
	}
	if at >= len(raw) || raw[at] != '[' {
		return at, fault(ReasonBadSyntax, at, "the bracket of the data is missing")
	}
	return at, nil
}

func parseNumber(raw []byte, at int, what string) (uint32, int, *Error) {
	end := at
	for end < len(raw) && isHex(raw[end]) {
		end++
	}
	v, ok := parseHex(raw[at:end])
	if !ok || end-at > maxNumber {
		return 0, at, fault(ReasonBadSyntax, at, "the %s number %q is not 1 to %d hexadecimal digits", what, raw[at:end], maxNumber)
	}
	return v, end, nil
}

// parseFields reads data, extended data and stamp; at stands on the first bracket.
func parseFields(f *Frame, raw []byte, at int) *Error {
	end := bytes.IndexByte(raw[at:], ']')
	if end < 0 {
		return fault(ReasonBadSyntax, at, "the data is not closed by a bracket")
	}
	f.Data = raw[at+1 : at+end]
	at += end + 1
	from := at
	for at < len(raw) && raw[at] == '[' {
		end := bytes.IndexByte(raw[at:], ']')
		if end < 0 {
			return fault(ReasonBadSyntax, at, "an extended field is not closed by a bracket")
		}
		at += end + 1
	}
	f.Extended = raw[from:at]
	if at == len(raw) {
		return nil
	}
	// An alarm is not refused because its panel cannot write the time.
	var ok bool
	if f.SentAtMS, ok = ParseStamp(bytes.TrimPrefix(raw[at:], []byte("_"))); !ok {
		f.OddStamp = true
	}
	return nil
}

// Field returns the value of the first extended field with that label, A to Z.
func (f Frame) Field(label byte) ([]byte, bool) {
	rest := f.Extended
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			return nil, false
		}
		if end > 1 && rest[1] == label {
			return rest[2:end], true
		}
		rest = rest[end+1:]
	}
	return nil, false
}

// Path is the network path that the transmitter names in field G (a number), or
// in older editions in field J (one digit); 1, the primary path, when it names
// none between 1 and 15.
func (f Frame) Path() uint32 {
	if v, ok := f.Field('G'); ok && len(v) <= 2 {
		if n, ok := parseDecimal(v); ok && n >= 1 && n <= 15 {
			return n
		}
	}
	if v, ok := f.Field('J'); ok && len(v) == 1 && v[0] >= '1' && v[0] <= '9' {
		return uint32(v[0] - '0')
	}
	return 1
}

// OccurredAtMS is the time of occurrence that field H gives, Unix ms UTC.
func (f Frame) OccurredAtMS() (int64, bool) {
	v, ok := f.Field('H')
	if !ok {
		return 0, false
	}
	return ParseStamp(v)
}

const stampLayout = "15:04:05,01-02-2006"

// ParseStamp reads HH:MM:SS,MM-DD-YYYY, UTC, as Unix ms. It reads by hand: the
// comma would begin a fraction of a second for time.Parse.
func ParseStamp(b []byte) (int64, bool) {
	if len(b) != len(stampLayout) || b[2] != ':' || b[5] != ':' || b[8] != ',' || b[11] != '-' || b[14] != '-' {
		return 0, false
	}
	var v [6]int
	for i, at := range [...][2]int{{0, 2}, {3, 5}, {6, 8}, {9, 11}, {12, 14}, {15, 19}} {
		n, ok := parseDecimal(b[at[0]:at[1]])
		if !ok {
			return 0, false
		}
		v[i] = int(n)
	}
	t := time.Date(v[5], time.Month(v[3]), v[4], v[0], v[1], v[2], 0, time.UTC)
	// A day or an hour that does not exist would have moved on to another.
	if t.Month() != time.Month(v[3]) || t.Day() != v[4] || t.Hour() != v[0] || t.Minute() != v[1] || t.Second() != v[2] {
		return 0, false
	}
	return t.UnixMilli(), true
}

// AppendStamp writes Unix ms as HH:MM:SS,MM-DD-YYYY, UTC.
func AppendStamp(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, stampLayout)
}

// ExtendedWithoutPath is Extended without the fields that name the network path
// (G, and J of one digit): what stays equal when another path sends it again.
func (f Frame) ExtendedWithoutPath() []byte {
	var out []byte
	for rest := f.Extended; len(rest) > 0; {
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			return append(out, rest...)
		}
		field := rest[:end+1]
		rest = rest[end+1:]
		if len(field) > 2 && (field[1] == 'G' || field[1] == 'J' && len(field) == 4) {
			continue
		}
		out = append(out, field...)
	}
	return out
}
