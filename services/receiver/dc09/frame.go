// Package dc09 is the codec of SIA DC-09, the internet protocol of alarm
// transmitters: frames in and out, clear and encrypted, the event formats inside
// them (SIA DC-03 and Contact ID, DC-05), and what their codes mean.
//
// It is pure: bytes in, values out; no clock, no network, no randomness. Lengths
// and CRCs are taken over the raw bytes, because some fields carry Windows-1252
// text.
//
// A frame is
//
//	LF crc 0LLL "token" seq Rreceiver Lline #account [data][Xextended]… _HH:MM:SS,MM-DD-YYYY CR
//
// and an encrypted one keeps its header clear, so that its key can be looked up:
//
//	LF crc 0LLL "*token" seq Rreceiver Lline #account [ciphertext in hexadecimal CR
//
// Scan and Parse read, Decrypt opens what they found encrypted, Append and
// AppendSealed write, a Splitter cuts a stream. docs/dc09.md says what the editions
// of the standard and the panels in the field do, and where that is known from.
package dc09

import "fmt"

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
	maxNumber      = 6
	maxNumberValue = 0xFFFFFF
	// MaxSequence is the largest sequence number.
	MaxSequence = 9999
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
	// ReasonEncrypted: the frame is sound, and only its header could be read.
	ReasonEncrypted Reason = "encrypted"
	// ReasonBadCipher: no ciphertext, with any key.
	ReasonBadCipher Reason = "bad-cipher"
	// ReasonWrongKey: none of the keys gives a text that ends in a time stamp.
	ReasonWrongKey Reason = "wrong-key"
)

// Error says what is wrong with a frame, and where.
type Error struct {
	Reason Reason
	// At is the offset from the start of the bytes given, or of the decrypted text.
	At     int
	Detail string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d: %s", e.Reason, e.At, e.Detail) }

func fault(reason Reason, at int, format string, args ...any) *Error {
	return &Error{Reason: reason, At: at, Detail: fmt.Sprintf(format, args...)}
}

// Frame is one DC-09 message. Slices that Parse returns point into its input, and
// those that Decrypt returns into its buffer.
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
	// Data between the brackets of the first field; for a frame that is still
	// encrypted all that follows the first bracket.
	Data []byte
	// Extended is all of the extended fields with their brackets.
	Extended []byte
	// SentAtMS is the frame's own stamp, Unix ms UTC; 0 when it has none.
	SentAtMS int64
	// BinaryCRC: the CRC is two bytes in place of four digits. Who writes it so reads
	// it so: an Answer has it from its request.
	BinaryCRC bool
	// OddStamp: bytes stand where the stamp belongs and are not one.
	OddStamp bool
}

// Options are the tolerances of a line: what its panels do that the standard does
// not have. What is safe for all is accepted without an option: a missing LF, line
// or stamp, small letters in hexadecimal, accounts of other letters than A to F.
// Options are joined: a panel may need more than one.
type Options struct {
	// BinaryCRC also accepts two bytes in place of four hexadecimal digits.
	BinaryCRC bool
	// DecimalLength also accepts a length in decimal digits.
	DecimalLength bool
	// CountsEnd also accepts a CRC that covers the CR, and a length that counts the
	// CR, or LF and CR.
	CountsEnd bool
	// UnstampedCipher also accepts an encrypted frame without a time stamp, when
	// its data is a report of its token's format. Such a frame can be replayed.
	UnstampedCipher bool
}
