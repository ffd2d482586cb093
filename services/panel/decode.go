package panel

import (
	"fmt"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Decode is Read and Text with keys that open any account's frames.
func Decode(raw []byte, lang string, keys ...*dc09.Key) string {
	return Read(raw, time.Time{}, func(uint32, string) []*dc09.Key { return keys }).Text(lang)
}

// Text says it in lines for people, in French for "fr" and in English for any other
// language: the fields, the events and what their codes mean, or what is wrong with
// the frame, where, and what would be right.
func (x Explanation) Text(lang string) string {
	d := decoder{words: wordsOf(lang)}
	if x.Fault != nil {
		d.wrong(d.notAFrame, x.Fault)
		d.right(x.Fault)
	}
	if x.Header == nil {
		return d.b.String()
	}
	if x.Fault != nil {
		d.b.WriteString(d.mended + "\n")
	}
	d.header(x)
	if x.Content != nil {
		d.content(x.Content, x.Header.Encrypted)
	} else if x.Closed != nil && x.Closed.Reason != dc09.ReasonEncrypted {
		d.wrong(d.notOpened, x.Closed)
	}
	if len(x.Needs) > 0 {
		d.line(d.needs, d.needsSettings, "receiver."+strings.Join(x.Needs, ", receiver."))
	}
	return d.b.String()
}

// decoder writes the lines.
type decoder struct {
	words
	b strings.Builder
}

// line writes a label and a value, the values under each other.
func (d *decoder) line(label, format string, args ...any) {
	d.b.WriteString(label)
	for range max(1, d.width-len([]rune(label))) {
		d.b.WriteByte(' ')
	}
	fmt.Fprintf(&d.b, format+"\n", args...)
}

// wrong says what is wrong, in the codec's words where they are in the language.
func (d *decoder) wrong(what string, f *Fault) {
	fmt.Fprintf(&d.b, what+"%s%s\n", f.Reason, f.At, d.colon, d.reason(f))
}

// right says which of CRC and length are wrong, and what they should be.
func (d *decoder) right(f *Fault) {
	if c := f.CRC; c != nil && c.Said != c.Right {
		d.line("CRC", d.shouldBe, c.Right, c.Said)
	}
	if l := f.Length; l != nil && l.Said != l.Right {
		d.line(d.length, d.shouldBe, l.Right, l.Said)
	}
}

func (d *decoder) header(x Explanation) {
	h := x.Header
	token, sealed := h.Token, ""
	if h.Format != "" {
		token += ", " + fmt.Sprintf(d.legacy, h.Format)
	}
	switch {
	case h.Encrypted && x.Content != nil:
		sealed = fmt.Sprintf(d.openedWith, x.Content.OpenedWith)
	case h.Encrypted:
		sealed = d.onlyHeader
	}
	d.line(d.token, "%s%s", token, part(", ", sealed))
	d.line(d.sequence, "%04d", h.Sequence)
	if h.Receiver != nil {
		d.line(d.receiver, "%X", *h.Receiver)
	}
	d.line(d.lineNumber, "%X", h.Line)
	if h.Account != "" {
		d.line(d.account, "%s", h.Account)
	}
}

// content explains what an encrypted frame hides.
func (d *decoder) content(c *Content, encrypted bool) {
	d.line(d.path, "%d", c.Path)
	if c.Stamp != nil {
		d.line(d.sent, "%s%s", utc(c.Stamp.SentAt.UnixMilli()), d.window(c.Stamp, encrypted))
	}
	if c.OddStamp {
		d.line(d.sent, "%s", d.noStamp)
	}
	for _, f := range c.Fields {
		value := `"` + f.Value + `"`
		switch {
		case f.Hidden:
			value = d.notShown
		case strings.HasSuffix(f.Value, " UTC"):
			value = f.Value
		}
		d.line(d.field, "'%s' %s%s%s", f.Label, d.fieldName(f), d.colon, value)
	}
	for _, e := range c.Events {
		d.event(e)
	}
	switch {
	case c.Poll:
		d.line(d.eventLabel, "%s", d.linkTest)
	case c.DataFault != nil:
		d.line(d.dataLabel, d.keptVerbatim+"%s", c.Data, d.reason(c.DataFault))
	case c.Data != "":
		d.line(d.dataLabel, `"%s"`, c.Data)
	}
}

// window says where the stamp stands against the receiver's window, and what a
// receiver does about it.
func (d *decoder) window(s *Stamp, encrypted bool) string {
	if s.OffByMS == nil {
		return ""
	}
	off := time.Duration(*s.OffByMS) * time.Millisecond
	said := fmt.Sprintf(d.ahead, off.Round(time.Second))
	if off < 0 {
		said = fmt.Sprintf(d.behind, (-off).Round(time.Second))
	}
	switch {
	case *s.InWindow:
		return said + d.inWindow
	case encrypted:
		return said + d.outSealed
	}
	return said + d.outClear
}

func (d *decoder) event(e Reported) {
	late := ""
	if e.Late {
		late = d.late
	}
	d.line(d.eventLabel, "%s %s%s%s%s%s%s%s%s%s", e.Format, e.Code, d.colon, d.meaning(e), part(", ", late),
		part(", "+d.area+" ", e.Area), part(", "+d.zone+" ", e.Zone), part(", "+d.user+" ", e.User), quoted(", "+d.text+" ", e.Text), named(e.Name))
}

// named gives the code's name in the words of the standard, which are English.
func named(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

func part(label, value string) string {
	if value == "" {
		return ""
	}
	return label + value
}

func quoted(label, text string) string {
	if text == "" {
		return ""
	}
	return label + `"` + text + `"`
}

// printable keeps what a frame holds from steering a terminal.
func printable(s string) string {
	q := fmt.Sprintf("%q", dc09.Text([]byte(s)))
	return q[1 : len(q)-1]
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }
