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
	// Key encrypts the message, which is then stamped too; nil sends it in clear.
	Key *dc09.Key
}

func (m Message) stamped() bool { return m.Stamped || m.Key != nil }

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
	// RSP is an ACK that brings something back: look at Answer.Extended.
	RSP AnswerKind = dc09.TokenRSP
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
	// Encrypted tells that the answer came encrypted, with the message's key.
	Encrypted bool
	// Extended are the extended fields of the answer, with their brackets.
	Extended []byte
	// Raw is the answer as received.
	Raw []byte
}

// parseAnswer reads the header of an answer, and the rest of one in clear.
func parseAnswer(raw []byte) (dc09.Frame, bool) {
	f, err := dc09.Parse(raw, dc09.Options{})
	var fault *dc09.Error
	if err != nil && !(errors.As(err, &fault) && fault.Reason == dc09.ReasonEncrypted) {
		return f, false
	}
	return f, dc09.IsAnswer(f.Token)
}

// answerTo reads an answer as one to a message with that key. ACK and RSP to an
// encrypted message are believed only when they are encrypted: anybody can write
// the others.
func answerTo(f dc09.Frame, key *dc09.Key, raw []byte) (Answer, bool) {
	kept := f.Token == dc09.TokenAck || f.Token == dc09.TokenRSP
	if f.Encrypted != (key != nil && kept) {
		return Answer{}, false
	}
	if f.Encrypted {
		var err error
		if f, _, err = dc09.Decrypt(nil, f, dc09.Options{}, key); err != nil {
			return Answer{}, false
		}
	}
	a := Answer{Kind: AnswerKind(f.Token), Line: f.Line, Account: f.Account, Sequence: f.Sequence, Encrypted: f.Encrypted,
		Extended: append([]byte(nil), f.Extended...), Raw: append([]byte(nil), raw...)}
	if a.Kind == NAK {
		a.ReceiverClockMS = f.SentAtMS
	}
	return a, true
}

func isClosedConn(err error) bool { return errors.Is(err, net.ErrClosed) }
