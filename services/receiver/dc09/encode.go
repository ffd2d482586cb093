package dc09

import (
	"fmt"
	"strconv"
)

const hexDigits = "0123456789ABCDEF"

// Append encodes a clear frame: its Extended bytes as they are, and a stamp when
// SentAtMS is not 0. The error says what does not fit the wire format.
func Append(dst []byte, f Frame) ([]byte, error) {
	if f.Encrypted {
		return dst, fmt.Errorf("frame %04d of #%s: this codec does not encrypt", f.Sequence, f.Account)
	}
	if f.Sequence > MaxSequence {
		return dst, fmt.Errorf("sequence %d: at most %d", f.Sequence, MaxSequence)
	}
	for _, part := range [][]byte{f.Data, f.Extended, []byte(f.Token), []byte(f.Account)} {
		for _, c := range part {
			if c == '\n' || c == '\r' {
				return dst, fmt.Errorf("frame %04d of #%s: a line feed or carriage return inside", f.Sequence, f.Account)
			}
		}
	}
	out := appendFrame(dst, f)
	if n := len(out) - len(dst); n > MaxFrame {
		return dst, fmt.Errorf("frame %04d of #%s: %d bytes, at most %d", f.Sequence, f.Account, n, MaxFrame)
	}
	return out, nil
}

func appendFrame(dst []byte, f Frame) []byte {
	start := len(dst)
	dst = append(dst, "\n00000000\""...)
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
	dst = append(dst, '[')
	dst = append(dst, f.Data...)
	dst = append(dst, ']')
	dst = append(dst, f.Extended...)
	if f.SentAtMS != 0 {
		dst = AppendStamp(append(dst, '_'), f.SentAtMS)
	}
	return seal(dst, start)
}

// seal writes CRC and length of what follows them, and the CR.
func seal(dst []byte, start int) []byte {
	body := dst[start+9:]
	crc, n := CRC(body), len(body)
	for i := range 4 {
		dst[start+1+i] = hexDigits[crc>>(12-4*i)&0xF]
	}
	for i := range 3 {
		dst[start+6+i] = hexDigits[n>>(8-4*i)&0xF]
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

// AppendACK encodes the answer "kept": the request's sequence, numbers and account.
func AppendACK(dst []byte, request Frame) []byte {
	return appendFrame(dst, answer(TokenAck, request))
}

// AppendDUH encodes the answer "understood as a frame, cannot be handled".
func AppendDUH(dst []byte, request Frame) []byte {
	return appendFrame(dst, answer(TokenDuh, request))
}

// AppendNAK encodes the answer "your clock is off" with the receiver's clock,
// Unix ms UTC. Its sequence is 0000, as the standard has it.
func AppendNAK(dst []byte, request Frame, nowMS int64) []byte {
	f := answer(TokenNak, request)
	f.Sequence = 0
	f.SentAtMS = nowMS
	return appendFrame(dst, f)
}

func answer(token string, request Frame) Frame {
	return Frame{
		Token: token, Sequence: request.Sequence, Receiver: request.Receiver,
		HasReceiver: request.HasReceiver, Line: request.Line, Account: request.Account,
	}
}

// AppendField appends an extended field to f.Extended: a label A to Z, and a
// value without brackets or line ends.
func AppendField(extended []byte, label byte, value string) []byte {
	extended = append(extended, '[', label)
	extended = append(extended, value...)
	return append(extended, ']')
}
