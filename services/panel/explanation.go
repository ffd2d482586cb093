package panel

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// The window of the stamp that a receiver keeps to.
const (
	stampOld   = 40 * time.Second
	stampAhead = 20 * time.Second
)

// Explanation is what one frame says, part by part, and what Vigie makes of it.
// Neither keys nor a key inside the frame are in it.
type Explanation struct {
	// Frame as received, printable: \n and \r for its ends.
	Frame string `json:"frame"`
	Bytes int    `json:"bytes"`
	// Fault says why the bytes are no usable frame. What could be read of them all
	// the same stands below, as if the fault were mended.
	Fault *Fault `json:"fault,omitempty"`
	// Needs are the settings without which no line takes this frame.
	Needs []string `json:"needs,omitempty"`
	// Header is nil when not even that could be read.
	Header *Header `json:"header,omitempty"`
	// Content is nil when it could not be read, or not be opened.
	Content *Content `json:"content,omitempty"`
	// Closed says why an encrypted frame stayed closed.
	Closed *Fault `json:"closed,omitempty"`
}

// Fault is what is wrong with a frame.
type Fault struct {
	Reason dc09.Reason `json:"reason"`
	// At is the offset in the frame, or in the decrypted text.
	At     int    `json:"at"`
	Detail string `json:"detail"`
	// CRC and Length are what the frame says and what would be right.
	CRC    *Said `json:"crc,omitempty"`
	Length *Said `json:"length,omitempty"`
}

// Said is a figure of a frame beside the right one.
type Said struct {
	Said  string `json:"said"`
	Right string `json:"right"`
}

// Header is what stays clear in an encrypted frame.
type Header struct {
	Token string `json:"token"`
	// Format names the format of an older dialler.
	Format    string  `json:"format,omitempty"`
	Encrypted bool    `json:"encrypted,omitempty"`
	Sequence  uint32  `json:"sequence"`
	Receiver  *uint32 `json:"receiver,omitempty"`
	Line      uint32  `json:"line"`
	Account   string  `json:"account,omitempty"`
}

// Content is what a frame reports.
type Content struct {
	// OpenedWith is the size of the key in bits; 0 for a frame in clear.
	OpenedWith int    `json:"opened_with_bits,omitempty"`
	Path       uint32 `json:"path"`
	Stamp      *Stamp `json:"stamp,omitempty"`
	// OddStamp: what stands in the stamp's place is none.
	OddStamp bool    `json:"odd_stamp,omitempty"`
	Fields   []Field `json:"fields,omitempty"`
	// Poll is a link test: it reports nothing but that the path lives.
	Poll   bool       `json:"poll,omitempty"`
	Events []Reported `json:"events,omitempty"`
	// Data that no format explains, kept verbatim, and why.
	Data      string `json:"data,omitempty"`
	DataFault *Fault `json:"data_fault,omitempty"`
}

// Stamp is the frame's own time against the receiver's.
type Stamp struct {
	SentAt time.Time `json:"sent_at"`
	// OffByMS is how far it was ahead when it came; negative: behind. Both are absent
	// where it is not known when the frame came.
	OffByMS  *int64 `json:"off_by_ms,omitempty"`
	InWindow *bool  `json:"in_window,omitempty"`
}

// Field is an extended field.
type Field struct {
	Label string `json:"label"`
	// Name in the standard's words; "" for a label of no edition.
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
	// Hidden: the value is a key.
	Hidden bool `json:"hidden,omitempty"`
}

// Reported is one event in a frame.
type Reported struct {
	// Format is SIA (DC-03) or CID (DC-05); Code is as sent: "BA", "1130".
	Format string `json:"format"`
	Code   string `json:"code"`
	// Name of the code in the standard's words.
	Name string `json:"name,omitempty"`
	// Known: a table has the code. Others are kept verbatim, as "not configured".
	Known    bool   `json:"known"`
	Kind     string `json:"kind,omitempty"`
	Class    string `json:"class,omitempty"`
	Restored bool   `json:"restored,omitempty"`
	Area     string `json:"area,omitempty"`
	Zone     string `json:"zone,omitempty"`
	User     string `json:"user,omitempty"`
	Text     string `json:"text,omitempty"`
	// Late: the panel says that it reports late.
	Late bool `json:"late,omitempty"`

	meaning dc09.Meaning
}

// KeysOf finds the keys that an account's frames may be encrypted with.
type KeysOf func(line uint32, account string) []*dc09.Key

// settings are the tolerances of a line by the name of their setting.
var settings = []struct {
	name string
	of   func(*dc09.Options) *bool
}{
	{"binary_crc_lines", func(o *dc09.Options) *bool { return &o.BinaryCRC }},
	{"decimal_length_lines", func(o *dc09.Options) *bool { return &o.DecimalLength }},
	{"counts_end_lines", func(o *dc09.Options) *bool { return &o.CountsEnd }},
	{"unstamped_cipher_lines", func(o *dc09.Options) *bool { return &o.UnstampedCipher }},
}

// tolerant are the tolerances that any line may have.
var tolerant = dc09.Options{BinaryCRC: true, DecimalLength: true, CountsEnd: true, UnstampedCipher: true}

// Read explains a frame that came at a time; the zero time is not known. LF and CR
// may be absent. keys opens encrypted frames; nil opens none.
func Read(raw []byte, at time.Time, keys KeysOf) Explanation {
	x := Explanation{Frame: Shown(raw), Bytes: len(raw)}
	f, fault := parse(raw, tolerant)
	if fault != nil {
		x.Fault = faultOf(fault)
		if raw = x.Fault.mend(raw); raw == nil {
			return x
		}
		if f, fault = parse(raw, tolerant); fault != nil {
			return x
		}
	} else {
		x.needs(func(o dc09.Options) bool { _, fault := parse(raw, o); return fault == nil })
	}
	x.header(f)
	opened := 0
	if f.Encrypted {
		var ok bool
		if f, opened, ok = x.open(f, keys); !ok {
			return x
		}
	}
	x.Content = contentOf(f, at)
	x.Content.OpenedWith = opened
	return x
}

// parse is dc09.Parse, for which an encrypted frame is no fault here.
func parse(raw []byte, o dc09.Options) (dc09.Frame, *dc09.Error) {
	f, err := dc09.Parse(raw, o)
	if fault := codecs(err); fault != nil && fault.Reason != dc09.ReasonEncrypted {
		return f, fault
	}
	return f, nil
}

// codecs is the codec's own error; nil for none.
func codecs(err error) *dc09.Error {
	var fault *dc09.Error
	errors.As(err, &fault)
	return fault
}

// needs notes the tolerances without which nobody reads it.
func (x *Explanation) needs(reads func(dc09.Options) bool) {
	o := tolerant
	for _, s := range settings {
		*s.of(&o) = false
		if !reads(o) {
			*s.of(&o) = true
			x.Needs = append(x.Needs, s.name)
		}
	}
}

func faultOf(e *dc09.Error) *Fault {
	return &Fault{Reason: e.Reason, At: e.At, Detail: shown(e.Detail)}
}

// envelope is CRC and length before the first quote, in digits.
var envelope = regexp.MustCompile(`(?s)^\n?([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})(".*)$`)

// mend says what CRC and length would be right, and returns the frame with them;
// nil when something else is wrong.
func (f *Fault) mend(raw []byte) []byte {
	part := envelope.FindSubmatch(raw)
	if part == nil || f.Reason != dc09.ReasonBadCRC && f.Reason != dc09.ReasonBadLength {
		return nil
	}
	body := part[3]
	if body[len(body)-1] == '\r' {
		body = body[:len(body)-1]
	}
	f.CRC = &Said{strings.ToUpper(string(part[1])), fmt.Sprintf("%04X", dc09.CRC(body))}
	f.Length = &Said{strings.ToUpper(string(part[2])), fmt.Sprintf("%04X", len(body))}
	return fmt.Appendf(nil, "\n%s%s%s\r", f.CRC.Right, f.Length.Right, body)
}

func (x *Explanation) header(f dc09.Frame) {
	h := &Header{Token: printable(f.Token), Encrypted: f.Encrypted, Sequence: f.Sequence, Line: f.Line, Account: f.Account}
	h.Format, _ = dc09.LegacyToken(f.Token)
	if f.HasReceiver {
		h.Receiver = &f.Receiver
	}
	x.Header = h
}

// open opens an encrypted frame with the first of its account's keys that fits.
func (x *Explanation) open(f dc09.Frame, keys KeysOf) (opened dc09.Frame, bits int, ok bool) {
	var fitting []*dc09.Key
	if keys != nil {
		fitting = keys(f.Line, f.Account)
	}
	if len(fitting) == 0 {
		x.Closed = &Fault{Reason: dc09.ReasonEncrypted, Detail: "no key was given"}
		return f, 0, false
	}
	opened, used, err := dc09.Decrypt(nil, f, tolerant, fitting...)
	if fault := codecs(err); fault != nil {
		x.Closed = faultOf(fault)
		return f, 0, false
	}
	x.needs(func(o dc09.Options) bool { _, _, err := dc09.Decrypt(nil, f, o, fitting[used]); return err == nil })
	return opened, fitting[used].Bits(), true
}

func contentOf(f dc09.Frame, at time.Time) *Content {
	c := &Content{Path: f.Path(), OddStamp: f.OddStamp, Fields: fieldsOf(f.Extended), Poll: dc09.IsPoll(f.Token)}
	if dc09.IsAnswer(f.Token) {
		at = time.Time{} // its stamp is the receiver's clock, which nobody judges
	}
	if f.SentAtMS != 0 {
		c.Stamp = stampOf(time.UnixMilli(f.SentAtMS).UTC(), at)
	}
	var err error
	switch f.Token {
	case dc09.TokenSIA:
		var events []dc09.SIAEvent
		_, events, err = dc09.ParseSIA(f.Data)
		for _, e := range events {
			c.Events = append(c.Events, reportedSIA(e))
		}
	case dc09.TokenCID:
		var e dc09.CIDEvent
		if _, e, err = dc09.ParseCID(f.Data); err == nil {
			c.Events = []Reported{reportedCID(e)}
		}
	default:
		c.Data = printable(string(f.Data))
	}
	if fault := codecs(err); fault != nil {
		c.Events, c.Data, c.DataFault = nil, printable(string(f.Data)), faultOf(fault)
	}
	return c
}

func stampOf(sent, at time.Time) *Stamp {
	s := &Stamp{SentAt: sent}
	if at.IsZero() {
		return s
	}
	off := sent.Sub(at)
	ms, in := off.Milliseconds(), off >= -stampOld && off <= stampAhead
	s.OffByMS, s.InWindow = &ms, &in
	return s
}

func fieldsOf(extended []byte) []Field {
	var out []Field
	for rest := extended; len(rest) > 0; {
		label, value, after, ok := dc09.NextField(rest)
		if !ok {
			break
		}
		rest = after
		info, _ := dc09.FieldMeaning(label)
		f := Field{Label: printable(string(rune(label))), Name: info.Name, Value: printable(string(value)), Hidden: label == 'K'}
		if at, ok := dc09.ParseStamp(value); ok && info.Kind == dc09.FieldStamp {
			f.Value = utc(at)
		}
		if f.Hidden {
			f.Value = ""
		}
		out = append(out, f)
	}
	return out
}

func reportedSIA(e dc09.SIAEvent) Reported {
	m, known := dc09.SIAMeaning(e.Code)
	r := reported("SIA", e.Code, dc09.SIAName(e.Code), m, known)
	area, zone, user := e.Places()
	r.Area, r.Zone, r.User = printable(area), printable(zone), printable(user)
	r.Text, r.Late = printable(string(e.Text)), e.Old
	return r
}

func reportedCID(e dc09.CIDEvent) Reported {
	m, known := dc09.CIDMeaning(e)
	r := reported("CID", string(e.Qualifier)+e.Code, dc09.CIDName(e.Code), m, known)
	r.Area, r.Zone, r.User = e.Places()
	return r
}

func reported(format, code, name string, m dc09.Meaning, known bool) Reported {
	r := Reported{Format: format, Code: printable(code), Name: name, Known: known, meaning: m}
	if known {
		r.Kind, r.Class, r.Restored = m.Kind.String(), className(m.Class), m.Restore
	}
	return r
}

func className(c vigiev1.EventClass) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(c.String(), "EVENT_CLASS_")), "_", "-")
}

// hidden are keys on their way in a clear frame.
var hidden = regexp.MustCompile(`\[K[^\]]*\]?`)

// Shown is a frame for people to read: its ends as \n and \r, no byte that steers a
// terminal, and none of the keys that a field K carries.
func Shown(raw []byte) string {
	return shown(string(hidden.ReplaceAll(raw, []byte("[K…]"))))
}

// shown is printable without a bar before each quote.
func shown(s string) string { return strings.ReplaceAll(printable(s), `\"`, `"`) }
