package panel

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Message is what a panel says; the Transmitter adds the sequence.
type Message struct {
	// Receiver and Line are 0 unless the receiving centre asked for others.
	Receiver uint32
	Line     uint32
	// Account is 3 to 16 hexadecimal digits.
	Account string
	Token   string
	Data    []byte
	// Extended are the extended fields with their brackets.
	Extended []byte
	// Stamped messages carry the time at which they are sent.
	Stamped bool
}

// Event is what SIA and ContactID report.
type Event struct {
	Account string
	// Code: two letters of SIA DC-03 ("BA"), or three digits of Contact ID.
	Code string
	// Area, Zone and User are digits; "" when not said.
	Area string
	Zone string
	User string
	// Text is added for people to read (SIA only); no brackets, bars or carets.
	Text string
	// Restore ends what the code began (Contact ID only; SIA has codes for it).
	Restore bool
	// OccurredAt is told when it is not zero.
	OccurredAt time.Time
	// Path that the message takes; 0 is not told and reads as 1.
	Path uint32
}

// SIA makes a SIA-DCS message with one event.
func SIA(e Event) Message {
	var b strings.Builder
	fmt.Fprintf(&b, "#%s|N", e.Account)
	if e.Area != "" {
		fmt.Fprintf(&b, "ri%s/", e.Area)
	}
	if e.User != "" {
		fmt.Fprintf(&b, "id%s/", e.User)
	}
	b.WriteString(strings.ToUpper(e.Code))
	b.WriteString(e.Zone)
	if e.Text != "" {
		fmt.Fprintf(&b, "^%s^", e.Text)
	}
	return Message{Account: e.Account, Token: dc09.TokenSIA, Data: []byte(b.String()), Extended: e.extended()}
}

// ContactID makes an ADM-CID message. Openings are new events, closings restorals.
func ContactID(e Event) Message {
	qualifier := dc09.CIDNew
	if e.Restore {
		qualifier = dc09.CIDRestore
	}
	zone := e.Zone
	if zone == "" {
		zone = e.User
	}
	data := fmt.Sprintf("#%s|%c%s %s %s", e.Account, qualifier, e.Code, pad(e.Area, 2), pad(zone, 3))
	return Message{Account: e.Account, Token: dc09.TokenCID, Data: []byte(data), Extended: e.extended()}
}

func pad(s string, n int) string { return strings.Repeat("0", max(0, n-len(s))) + s }

// Poll makes the message of a link test; path 0 is not told and reads as 1.
func Poll(account string, path uint32) Message {
	return Message{Account: account, Token: dc09.TokenNull, Extended: Event{Path: path}.extended()}
}

func (e Event) extended() []byte {
	var x []byte
	if e.Path != 0 {
		x = dc09.AppendField(x, 'G', strconv.FormatUint(uint64(e.Path), 10))
	}
	if !e.OccurredAt.IsZero() {
		x = dc09.AppendField(x, 'H', string(dc09.AppendStamp(nil, e.OccurredAt.UnixMilli())))
	}
	return x
}

// AnswerKind is one of the answers that a receiver gives.
type AnswerKind string

// The answers.
const (
	ACK AnswerKind = dc09.TokenAck
	NAK AnswerKind = dc09.TokenNak
	DUH AnswerKind = dc09.TokenDuh
)

// Answer is what the receiver said.
type Answer struct {
	Kind     AnswerKind
	Line     uint32
	Account  string
	Sequence uint32
	// ReceiverClockMS is the clock that a NAK tells, Unix ms UTC; 0 when none.
	ReceiverClockMS int64
	// Tries that it took, and the time from the first to the answer.
	Tries   int
	Elapsed time.Duration
	// Raw is the answer as received.
	Raw []byte
}

func parseAnswer(raw []byte) (Answer, bool) {
	f, err := dc09.Parse(raw, dc09.Options{})
	if err != nil {
		return Answer{}, false
	}
	switch AnswerKind(f.Token) {
	case ACK, NAK, DUH:
	default:
		return Answer{}, false
	}
	return Answer{Kind: AnswerKind(f.Token), Line: f.Line, Account: f.Account, Sequence: f.Sequence,
		ReceiverClockMS: f.SentAtMS, Raw: append([]byte(nil), raw...)}, true
}

func isClosedConn(err error) bool { return errors.Is(err, net.ErrClosed) }
