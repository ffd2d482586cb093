// Package surgard reads and writes the lines that SurGard receivers (MLR2, System
// III), and gateways that speak like them, send to automation software: one message,
// a DC4 at its end, and ACK or NAK as the answer. Pure: no clock, no I/O.
//
// The layouts are those of the maker's installation manuals, as anyone can read them:
// MLR2-DG (chapter "Communication protocol with central station computer": SIA
// protocols 1 and 2, supervisory heartbeat, two-way audio) and MLR2-E (the same
// chapter, Contact ID; "Acknowledgment of the signal"). Nothing here is taken from a
// paid text. What the manuals leave open, and what gateways do otherwise, is said
// where it is read.
package surgard

import (
	"fmt"
	"strings"
)

// Bytes of the link. Every message ends with DC4; the answer is one byte: ACK, or
// NAK, after which the sender repeats the message, three times in all (MLR2-E).
const (
	ACK = 0x06
	DC4 = 0x14
	NAK = 0x15
)

// MaxLine bytes of a message with its DC4. SIA blocks have up to 63 bytes by the
// manual; gateways put texts into them.
const MaxLine = 1024

// System is the account that a receiver's own messages have (MLR2-DG, two-way audio).
const System = "0000"

// Kind of a line.
type Kind uint8

// The kinds.
const (
	// Heartbeat supervises the link: every 30 s, commonly.
	Heartbeat Kind = iota + 1
	// ContactID has Qualifier, Code, Area and Zone.
	ContactID
	// SIA has a block of DC-03 in Data.
	SIA
	// Other is a message of a format that is not read further.
	Other
)

// Line is one message.
type Line struct {
	Kind Kind
	// Receiver has two digits, Card, the line that the call came in by, one to three;
	// digits are 0 to 9 and A to Z. Both are "" in a bare heartbeat.
	Receiver, Card string
	// Account as sent: 1 to 16 digits of 0 to 9 and A to Z.
	Account string

	// Qualifier of Contact ID: 'E' new event or opening, 'R' restoral or closing,
	// 'P' still present.
	Qualifier byte
	// Code is three digits (0 to 9, B to F), Area two ("00": none), Zone three.
	Code, Area, Zone string

	// Data of SIA is what stands between the brackets, "#1234|Nri1BA01", whatever
	// protocol it came in; of Other, what follows the receiver and card.
	Data []byte
}

// Reason says why bytes are no line.
type Reason string

// The reasons.
const (
	BadHeader  Reason = "surgard-header"
	BadBody    Reason = "surgard-body"
	Unprinted  Reason = "surgard-bytes"
	Oversized  Reason = "surgard-oversized"
	Unfinished Reason = "surgard-unfinished"
)

// Error is what Parse returns.
type Error struct {
	Reason Reason
	Detail string
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func fault(reason Reason, format string, args ...any) error {
	return &Error{reason, fmt.Sprintf(format, args...)}
}

// Parse reads a line without its DC4. The error is *Error. Nothing of the line is
// kept but by copy.
func Parse(raw []byte) (Line, error) {
	if len(raw) >= MaxLine {
		return Line{}, fault(Oversized, "%d bytes, of at most %d", len(raw), MaxLine-1)
	}
	for i, c := range raw {
		if c < 0x20 || c == 0x7f {
			return Line{}, fault(Unprinted, "byte %d is %#02x", i, c)
		}
	}
	text := strings.TrimRight(string(raw), " ")
	if text == "@" { // some gateways send the sign alone
		return Line{Kind: Heartbeat}, nil
	}
	if text == "" {
		return Line{}, fault(BadHeader, "the line is empty")
	}
	switch text[0] {
	case 'S':
		return parseBlock(text)
	case '5':
		return parseContactID(text)
	}
	return parseFixed(text)
}

// digits is the length of the digits at the start of a text.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// Bounds of the digits: card lengths are programmable on the newer receivers.
const (
	receiverDigits = 2
	maxCard        = 3
	maxAccount     = 16
)

// head reads receiver and card, which n digits after the protocol's sign are.
func head(text string, n int) (Line, error) {
	if n <= receiverDigits || n > receiverDigits+maxCard {
		return Line{}, fault(BadHeader, "%d digits after the %q: receiver (2) and line card (1 to 3) are expected", n, text[0])
	}
	return Line{Receiver: text[1 : 1+receiverDigits], Card: text[1+receiverDigits : 1+n]}, nil
}

// parseContactID reads 5RRLs18AAAAQXYZGGCCC (MLR2-E). The account has four digits
// there; gateways send up to sixteen.
func parseContactID(text string) (Line, error) {
	l, err := head(text, digits(text[1:]))
	if err != nil {
		return l, err
	}
	rest := text[1+len(l.Receiver)+len(l.Card):]
	const sign, tail = " 18", len("QXYZGGCCC")
	if !strings.HasPrefix(rest, sign) {
		// 98 and others are formats of the same frame that are not Contact ID.
		return other(l, rest)
	}
	rest = rest[len(sign):]
	if len(rest) < 1+tail {
		return l, fault(BadBody, "%d characters after 18: account, qualifier, code, group and zone are expected", len(rest))
	}
	l.Account, rest = strings.TrimLeft(rest[:len(rest)-tail], " "), rest[len(rest)-tail:]
	if err := checkAccount(l.Account); err != nil {
		return l, err
	}
	l.Kind, l.Qualifier, l.Code, l.Area, l.Zone = ContactID, rest[0], rest[1:4], rest[4:6], rest[6:]
	switch l.Qualifier {
	case 'E', 'R', 'P':
	default:
		return l, fault(BadBody, "qualifier %q: E, R or P is expected", l.Qualifier)
	}
	for i := range len(rest) - 1 {
		if !isHex(rest[1+i]) {
			return l, fault(BadBody, "%q is no digit of Contact ID", rest[1+i])
		}
	}
	return l, nil
}

// parseBlock reads SRRL[#AAAAAA|EMMZZZZ/…] (MLR2-DG, SIA protocol 2). A receiver's own
// messages are such blocks with 0 in place of S, where it is set up so (MLR2-E,
// option 03).
func parseBlock(text string) (Line, error) {
	l, err := head(text, digits(text[1:]))
	if err != nil {
		return l, err
	}
	rest := text[1+len(l.Receiver)+len(l.Card):]
	if rest == "" || rest[0] != '[' || rest[len(rest)-1] != ']' {
		return l, fault(BadBody, "a block in brackets is expected")
	}
	block := rest[1 : len(rest)-1]
	account, _, bar := strings.Cut(block, "|")
	if !bar || !strings.HasPrefix(account, "#") {
		return l, fault(BadBody, "the block does not begin with an account: #, its digits and a bar are expected")
	}
	l.Kind, l.Account, l.Data = SIA, account[1:], []byte(block)
	return l, checkAccount(l.Account)
}

// parseFixed reads the lines in columns: heartbeats, SIA protocol 1, and what is not
// read further.
func parseFixed(text string) (Line, error) {
	if !isDigit(text[0]) {
		return Line{}, fault(BadHeader, "a line begins with the digit of its protocol, not with %q", text[0])
	}
	n := digits(text[1:])
	if n > receiverDigits+maxCard {
		n = receiverDigits + 1 // no blank before the account: two digits and one, by the manuals
	}
	l, err := head(text, n)
	if err != nil {
		return l, err
	}
	rest := text[1+n:]
	switch {
	case text[0] == '0' && strings.HasPrefix(rest, "["):
		return parseBlock(text)
	// 1011sssssssssss@ssss (MLR2-DG).
	case text[0] == '1' && strings.TrimLeft(rest, " ") == "@":
		l.Kind = Heartbeat
		return l, nil
	case text[0] == '3' && strings.HasPrefix(rest, " "):
		return parseColumns(l, rest)
	}
	return other(l, rest)
}

// parseColumns reads ssssAAAAAAXXYYYY (MLR2-DG, SIA protocol 1); blanks stand before
// an account of less than six digits.
func parseColumns(l Line, rest string) (Line, error) {
	const account, code, zone, end = 4, 10, 12, 16
	if len(rest) < zone || len(rest) > end {
		return l, fault(BadBody, "%d characters after the line card: four blanks, six of account, two of code and up to four of zone are expected", len(rest))
	}
	l.Kind, l.Account = SIA, strings.TrimLeft(rest[account:code], " ")
	letters, place := rest[code:zone], strings.Trim(rest[zone:], " ")
	if letters[0] < 'A' || letters[0] > 'Z' || letters[1] < 'A' || letters[1] > 'Z' || digits(place) != len(place) {
		return l, fault(BadBody, "%q is not two letters and a zone", rest[code:])
	}
	l.Data = []byte("#" + l.Account + "|N" + letters + place)
	return l, checkAccount(l.Account)
}

// other keeps a message whose format is not read further, under the receiver's own
// account: which columns hold the panel's is another thing in each.
func other(l Line, rest string) (Line, error) {
	l.Kind, l.Account, l.Data = Other, System, []byte(rest)
	return l, nil
}

func checkAccount(account string) error {
	if n := len(account); n == 0 || n > maxAccount || digits(account) != n {
		return fault(BadBody, "account %q: 1 to %d digits are expected", account, maxAccount)
	}
	return nil
}
