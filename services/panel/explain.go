package panel

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Explain says in one sentence what an answer means, in French for "fr" and in
// English for any other language.
func Explain(a Answer, lang string) string {
	fr := lang == "fr"
	who := fmt.Sprintf("#%s", a.Account)
	switch {
	case a.Kind == ACK && fr:
		return fmt.Sprintf("ACK : le message %04d de %s est écrit durablement dans le journal (%s, %d envoi(s)).", a.Sequence, who, a.Elapsed.Round(time.Millisecond), a.Tries)
	case a.Kind == ACK:
		return fmt.Sprintf("ACK: message %04d of %s is durable in the log (%s, sent %d time(s)).", a.Sequence, who, a.Elapsed.Round(time.Millisecond), a.Tries)
	case a.Kind == NAK && fr:
		return fmt.Sprintf("NAK : l'horodatage du message de %s est hors de la fenêtre du récepteur, dont l'horloge indique %s ; corriger l'heure et renvoyer.", who, clockText(a))
	case a.Kind == NAK:
		return fmt.Sprintf("NAK: the time stamp of the message of %s is outside the receiver's window; its clock says %s: correct the time and send again.", who, clockText(a))
	case a.Kind == DUH && fr:
		return fmt.Sprintf("DUH : le récepteur a compris la trame %04d de %s mais ne sait pas traiter ce format ; rien n'a été enregistré.", a.Sequence, who)
	case a.Kind == DUH:
		return fmt.Sprintf("DUH: the receiver understood frame %04d of %s but cannot handle its format; nothing was kept.", a.Sequence, who)
	case fr:
		return "Pas de réponse : rien ne prouve que le message soit arrivé ; il faut le renvoyer ou passer par l'autre voie."
	}
	return "No answer: nothing proves that the message arrived; send it again, or by the other path."
}

func clockText(a Answer) string {
	if a.ReceiverClockMS == 0 {
		return "?"
	}
	return time.UnixMilli(a.ReceiverClockMS).UTC().Format("2006-01-02 15:04:05 UTC")
}

// Decode explains a frame in lines for people: its fields, its events and what
// their codes mean, or what is wrong with it and where. LF and CR may be absent,
// and a binary CRC or a decimal length is accepted.
func Decode(raw []byte) string {
	var b strings.Builder
	f, err := dc09.Parse(raw, dc09.Options{BinaryCRC: true, DecimalLength: true})
	var bad *dc09.Error
	switch {
	case errors.As(err, &bad) && bad.Reason == dc09.ReasonEncrypted:
		fmt.Fprintf(&b, "encrypted: only the header is clear\n")
	case errors.As(err, &bad):
		fmt.Fprintf(&b, "not a frame: %s, at byte %d: %s\n", bad.Reason, bad.At, bad.Detail)
		return b.String()
	}
	fmt.Fprintf(&b, "token     %s\nsequence  %04d\n", f.Token, f.Sequence)
	if f.HasReceiver {
		fmt.Fprintf(&b, "receiver  %X\n", f.Receiver)
	}
	fmt.Fprintf(&b, "line      %X\naccount   %s\npath      %d\n", f.Line, f.Account, f.Path())
	decodeTimes(&b, f)
	if !f.Encrypted {
		decodeData(&b, f)
	}
	return b.String()
}

func decodeTimes(b *strings.Builder, f dc09.Frame) {
	if f.SentAtMS != 0 {
		fmt.Fprintf(b, "sent      %s\n", utc(f.SentAtMS))
	}
	if f.OddStamp {
		b.WriteString("sent      what stands there is no time stamp\n")
	}
	if ms, ok := f.OccurredAtMS(); ok {
		fmt.Fprintf(b, "occurred  %s\n", utc(ms))
	}
	if len(f.Extended) > 0 {
		fmt.Fprintf(b, "extended  %q\n", f.Extended)
	}
}

func decodeData(b *strings.Builder, f dc09.Frame) {
	switch f.Token {
	case dc09.TokenSIA:
		_, events, err := dc09.ParseSIA(f.Data)
		if err != nil {
			fmt.Fprintf(b, "data      %q, kept verbatim: %v\n", f.Data, err)
		}
		for _, e := range events {
			m, known := dc09.SIAMeaning(e.Code)
			fmt.Fprintf(b, "event     SIA %s %s: %s%s%s%s\n", e.Code, e.Address, meaning(m, known),
				part(", area ", e.Area), part(", user ", e.User), part(", text ", quoted(e.Text)))
		}
	case dc09.TokenCID:
		_, e, err := dc09.ParseCID(f.Data)
		if err != nil {
			fmt.Fprintf(b, "data      %q, kept verbatim: %v\n", f.Data, err)
			return
		}
		m, known := dc09.CIDMeaning(e)
		fmt.Fprintf(b, "event     CID %c%s: %s, area %s, zone or user %s\n", e.Qualifier, e.Code, meaning(m, known), e.Area, e.Zone)
	case dc09.TokenNull:
		b.WriteString("event     link test\n")
	default:
		fmt.Fprintf(b, "data      %q\n", f.Data)
	}
}

func meaning(m dc09.Meaning, known bool) string {
	if !known {
		return "unknown code, kept verbatim"
	}
	return m.String()
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
	return fmt.Sprintf("%q", text)
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }
