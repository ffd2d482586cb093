package dc09

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// Append encodes a clear frame: its Extended bytes as they are, and a stamp when
// SentAtMS is not 0. The error says what does not fit the wire format.
func Append(dst []byte, f Frame) ([]byte, error) {
	if f.Encrypted {
		return dst, fmt.Errorf("frame %04d of #%s: use AppendSealed to encrypt", f.Sequence, f.Account)
	}
	if err := check(f); err != nil {
		return dst, err
	}
	out := appendFrame(dst, f)
	if n := len(out) - len(dst); n > MaxFrame {
		return dst, fmt.Errorf("frame %04d of #%s: %d bytes, at most %d", f.Sequence, f.Account, n, MaxFrame)
	}
	return out, nil
}

// check finds what would make another frame of it, or none.
func check(f Frame) error {
	switch {
	case f.Sequence > MaxSequence:
		return fmt.Errorf("sequence %d: at most %d", f.Sequence, MaxSequence)
	case f.Token == "" || len(f.Token) >= maxToken || strings.ContainsAny(f.Token, "\r\n\"*"):
		return fmt.Errorf("frame %04d of #%s: the token %q", f.Sequence, f.Account, f.Token)
	case f.Receiver > maxNumberValue || f.Line > maxNumberValue:
		return fmt.Errorf("frame %04d of #%s: receiver %X or line %X: at most %X", f.Sequence, f.Account, f.Receiver, f.Line, maxNumberValue)
	case !isAccount(f.Account):
		return fmt.Errorf("frame %04d: the account %q: at most %d letters and digits", f.Sequence, f.Account, maxAccount)
	case bytes.ContainsAny(f.Data, "\r\n[]"):
		return fmt.Errorf("frame %04d of #%s: a line end or bracket in the data", f.Sequence, f.Account)
	case !areFields(f.Extended):
		return fmt.Errorf("frame %04d of #%s: the extended fields: each stands between brackets, without a line end", f.Sequence, f.Account)
	}
	return nil
}

func isAccount(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) {
			return false
		}
	}
	return len(s) <= maxAccount
}

func areFields(b []byte) bool {
	if bytes.ContainsAny(b, "\r\n") {
		return false
	}
	for len(b) > 0 {
		end := bytes.IndexByte(b, ']')
		if b[0] != '[' || end < 0 {
			return false
		}
		b = b[end+1:]
	}
	return true
}

func appendFrame(dst []byte, f Frame) []byte {
	start := len(dst)
	dst = appendHeader(dst, f, false)
	dst = appendContent(dst, f)
	return finish(dst, start, f.BinaryCRC)
}

// appendHeader writes all up to the first bracket; finish fills in CRC and length.
func appendHeader(dst []byte, f Frame, sealed bool) []byte {
	dst = append(dst, "\n00000000\""...)
	if sealed {
		dst = append(dst, '*')
	}
	dst = append(dst, f.Token...)
	dst = append(dst, '"')
	dst = appendSequence(dst, f.Sequence)
	if f.HasReceiver {
		dst = appendNumber(append(dst, 'R'), f.Receiver)
	}
	dst = appendNumber(append(dst, 'L'), f.Line)
	if f.Account != "" {
		dst = append(append(dst, '#'), f.Account...)
	}
	return append(dst, '[')
}

// appendContent writes what an encrypted frame hides.
func appendContent(dst []byte, f Frame) []byte {
	dst = append(dst, f.Data...)
	dst = append(dst, ']')
	dst = append(dst, f.Extended...)
	if f.SentAtMS != 0 {
		dst = AppendStamp(append(dst, '_'), f.SentAtMS)
	}
	return dst
}

// finish writes CRC and length of what follows them, and the CR.
func finish(dst []byte, start int, binary bool) []byte {
	body := dst[start+9:]
	crc, n := CRC(body), len(body)
	for i := range 4 {
		dst[start+1+i] = hexDigits[crc>>(12-4*i)&0xF]
	}
	for i := range 3 {
		dst[start+6+i] = hexDigits[n>>(8-4*i)&0xF]
	}
	if binary {
		dst[start+1], dst[start+2] = byte(crc>>8), byte(crc)
		dst = append(dst[:start+3], dst[start+5:]...)
	}
	return append(dst, '\r')
}

func appendSequence(dst []byte, seq uint32) []byte {
	return append(dst, byte('0'+seq/1000%10), byte('0'+seq/100%10), byte('0'+seq/10%10), byte('0'+seq%10))
}

func appendNumber(dst []byte, n uint32) []byte {
	from := len(dst)
	dst = strconv.AppendUint(dst, uint64(n), 16)
	for i := from; i < len(dst); i++ {
		if dst[i] >= 'a' {
			dst[i] -= 'a' - 'A'
		}
	}
	return dst
}

// AppendACK encodes the answer "kept" in clear: the request's sequence, numbers and
// account. An encrypted request is owed AppendSealedACK.
func AppendACK(dst []byte, request Frame) []byte {
	return appendFrame(dst, Answer(TokenAck, request))
}

// AppendDUH encodes the answer "understood as a frame, cannot be handled". It is
// never encrypted.
func AppendDUH(dst []byte, request Frame) []byte {
	return appendFrame(dst, Answer(TokenDuh, request))
}

// AppendNAK encodes the answer "your clock is off" with the receiver's clock,
// Unix ms UTC. Its sequence is 0000, as the standard has it; it is never encrypted.
func AppendNAK(dst []byte, request Frame, nowMS int64) []byte {
	f := Answer(TokenNak, request)
	f.Sequence = 0
	f.SentAtMS = nowMS
	return appendFrame(dst, f)
}

// AppendSealedACK encodes the answer "kept" to an encrypted frame, with the key that
// opened it: the receiver's clock, Unix ms UTC, is part of it.
func AppendSealedACK(dst []byte, request Frame, key *Key, pad Pad, nowMS int64) ([]byte, error) {
	f := Answer(TokenAck, request)
	f.SentAtMS = nowMS
	return AppendSealed(dst, f, key, pad)
}

// Answer is an empty answer to a request, to be filled (an RSP) and encoded: its
// token, and the request's sequence, numbers and account.
func Answer(token string, request Frame) Frame {
	return Frame{
		Token: token, Sequence: request.Sequence, Receiver: request.Receiver,
		HasReceiver: request.HasReceiver, Line: request.Line, Account: request.Account, BinaryCRC: request.BinaryCRC,
	}
}
