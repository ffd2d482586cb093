package panel

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// tolerant are the options of Decode: what any line may accept.
var tolerant = dc09.Options{BinaryCRC: true, DecimalLength: true, CountsEnd: true, UnstampedCipher: true}

// Decode explains a frame in lines for people, in French for "fr" and in English for
// any other language: its fields, its events and what their codes mean, or what is
// wrong with it and where. LF and CR may be absent, and a binary CRC or a decimal
// length is accepted. An encrypted frame is opened with the first of the keys that
// fits. Neither keys nor a key inside the frame are in the text.
func Decode(raw []byte, lang string, keys ...*dc09.Key) string {
	d := decoder{words: wordsOf(lang)}
	f, err := dc09.Parse(raw, tolerant)
	var bad *dc09.Error
	switch {
	case errors.As(err, &bad) && bad.Reason == dc09.ReasonEncrypted:
		return d.encrypted(f, keys)
	case errors.As(err, &bad):
		d.wrong(d.notAFrame, bad)
		return d.b.String()
	}
	d.header(f, "")
	d.content(f)
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
func (d *decoder) wrong(what string, e *dc09.Error) {
	fmt.Fprintf(&d.b, what, e.Reason, e.At)
	why, ok := d.reasons[e.Reason]
	if !ok {
		why = e.Detail
	}
	d.b.WriteString(d.colon + why + "\n")
}

// encrypted explains the clear header, and the rest when a key fits.
func (d *decoder) encrypted(f dc09.Frame, keys []*dc09.Key) string {
	if len(keys) == 0 {
		d.header(f, d.onlyHeader)
		return d.b.String()
	}
	opened, used, err := dc09.Decrypt(nil, f, tolerant, keys...)
	var bad *dc09.Error
	if errors.As(err, &bad) {
		d.header(f, d.onlyHeader)
		d.wrong(d.notOpened, bad)
		return d.b.String()
	}
	d.header(opened, fmt.Sprintf(d.openedWith, keys[used].Bits()))
	d.content(opened)
	return d.b.String()
}

func (d *decoder) header(f dc09.Frame, sealed string) {
	token := f.Token
	if name, ok := dc09.LegacyToken(f.Token); ok {
		token += ", " + fmt.Sprintf(d.legacy, name)
	}
	d.line(d.token, "%s%s", printable(token), part(", ", sealed))
	d.line(d.sequence, "%04d", f.Sequence)
	if f.HasReceiver {
		d.line(d.receiver, "%X", f.Receiver)
	}
	d.line(d.lineNumber, "%X", f.Line)
	if f.Account != "" {
		d.line(d.account, "%s", f.Account)
	}
}

// content explains what an encrypted frame hides.
func (d *decoder) content(f dc09.Frame) {
	d.line(d.path, "%d", f.Path())
	if f.SentAtMS != 0 {
		d.line(d.sent, "%s", utc(f.SentAtMS))
	}
	if f.OddStamp {
		d.line(d.sent, "%s", d.noStamp)
	}
	d.fields(f.Extended)
	d.data(f)
}

func (d *decoder) fields(extended []byte) {
	for rest := extended; len(rest) > 0; {
		label, value, after, ok := dc09.NextField(rest)
		if !ok {
			return
		}
		rest = after
		info, _ := dc09.FieldMeaning(label)
		text := fmt.Sprintf("%q", dc09.Text(value))
		if at, ok := dc09.ParseStamp(value); ok && info.Kind == dc09.FieldStamp {
			text = utc(at)
		}
		if label == 'K' {
			text = d.notShown
		}
		d.line(d.field, "%q %s%s%s", label, d.fieldName(info), d.colon, text)
	}
}

func (d *decoder) data(f dc09.Frame) {
	switch f.Token {
	case dc09.TokenSIA:
		_, events, err := dc09.ParseSIA(f.Data)
		if err != nil {
			d.verbatim(f.Data, err)
		}
		for _, e := range events {
			d.siaEvent(e)
		}
	case dc09.TokenCID:
		_, e, err := dc09.ParseCID(f.Data)
		if err != nil {
			d.verbatim(f.Data, err)
			return
		}
		d.cidEvent(e)
	case dc09.TokenNull, dc09.TokenXNM:
		d.line(d.event, "%s", d.linkTest)
	default:
		if len(f.Data) > 0 {
			d.line(d.dataLabel, "%q", f.Data)
		}
	}
}

func (d *decoder) verbatim(data []byte, err error) {
	d.line(d.dataLabel, d.keptVerbatim+"%s", data, d.reason(err))
}

func (d *decoder) siaEvent(e dc09.SIAEvent) {
	m, known := dc09.SIAMeaning(e.Code)
	late := ""
	if e.Old {
		late = d.late
	}
	d.line(d.event, "SIA %s%s%s%s%s%s%s%s", strings.TrimSpace(e.Code+" "+printable(e.Address)), d.colon, d.meaning(m, known), part(", ", late),
		part(", "+d.area+" ", printable(e.Area)), part(", "+d.user+" ", printable(e.User)), part(", "+d.text+" ", quoted(e.Text)), named(dc09.SIAName(e.Code)))
}

func (d *decoder) cidEvent(e dc09.CIDEvent) {
	m, known := dc09.CIDMeaning(e)
	of := d.zone
	if dc09.CIDAddress(e.Code) == dc09.AddressUser {
		of = d.user
	}
	d.line(d.event, "CID %c%s%s%s, %s %s, %s %s%s", e.Qualifier, e.Code, d.colon, d.meaning(m, known), d.area, e.Area, of, e.Zone, named(dc09.CIDName(e.Code)))
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

func quoted(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	return fmt.Sprintf("%q", dc09.Text(text))
}

// printable keeps what a frame holds from steering a terminal.
func printable(s string) string {
	q := fmt.Sprintf("%q", dc09.Text([]byte(s)))
	return q[1 : len(q)-1]
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }
