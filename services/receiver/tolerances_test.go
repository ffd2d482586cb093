package receiver

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"fmt"
	"net"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// ofLine is a report of account 1234 on a line, written in one of the ways that depart
// from the standard; docs/dc09.md names the panels.
func ofLine(kind string, line, seq int) string {
	body := fmt.Sprintf(`"SIA-DCS"%04dL%X#1234[#1234|NBA%02d]`, seq, line, seq)
	crc, length := fmt.Sprintf("%04X", dc09.CRC([]byte(body))), fmt.Sprintf("%04X", len(body))
	switch kind {
	case "two bytes of CRC":
		raw, _ := hex.DecodeString(crc)
		crc = string(raw)
	case "a length in decimal":
		length = fmt.Sprintf("%04d", len(body))
	case "the line end counted in":
		crc, length = fmt.Sprintf("%04X", dc09.CRC([]byte(body+"\r"))), fmt.Sprintf("%04X", len(body)+1)
	}
	return "\n" + crc + length + body + "\r"
}

// TestTolerancesAreOfTheirLine: what a line's panels may do is taken there, over both
// transports, and nowhere else; what the standard has is taken everywhere.
func TestTolerancesAreOfTheirLine(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Tolerances = Tolerances{BinaryCRC: lines(t, "1", "A"), DecimalLength: lines(t, "2"), CountsEnd: lines(t, "3")}
	})
	seq := 0
	for _, network := range []string{"tcp", "udp"} {
		for line, kind := range []string{"", "two bytes of CRC", "a length in decimal", "the line end counted in"} {
			for on := range 4 {
				conn := w.dial(network)
				seq++
				send(t, conn, ofLine(kind, on, seq))
				if on == line || kind == "" {
					expect(t, conn, ackOfLine(on, seq, kind))
					continue
				}
				// Behind what gets no answer, the next frame of the connection does.
				expectAfterSilence(t, conn, on, &seq)
			}
		}
	}
	for _, j := range w.rejected(6) {
		if r := j.GetReason(); r != string(dc09.ReasonBadCRC) && r != string(dc09.ReasonBadLength) && r != string(dc09.ReasonBadSyntax) {
			t.Errorf("set aside for %s", r)
		}
	}
}

// ackOfLine has two bytes of CRC for who writes two.
func ackOfLine(line, seq int, kind string) string {
	return string(dc09.AppendACK(nil, dc09.Frame{Sequence: uint32(seq), Line: uint32(line), Account: "1234", BinaryCRC: kind == "two bytes of CRC"}))
}

func expectAfterSilence(t *testing.T, conn net.Conn, line int, seq *int) {
	t.Helper()
	*seq++
	send(t, conn, ofLine("", line, *seq))
	expect(t, conn, ackOfLine(line, *seq, ""))
}

// TestUnstampedCipherOfItsLine: a report without a stamp, encrypted, opens only where
// its line may send such.
func TestUnstampedCipherOfItsLine(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		w := keyedWorld(t, func(c *Config) {
			if allowed {
				c.Tolerances.UnstampedCipher = lines(t, "0")
			}
		})
		conn := w.dial("tcp")
		send(t, conn, unstamped(t, rightKey))
		if allowed {
			expectSealedACK(t, conn, 7, rightKey)
			continue
		}
		expectSilence(t, conn)
		w.rejected(1)
	}
}

// TestWhatNobodyExplainsIsKept: a code that no table knows, data that keeps to no format
// and an older dialler's report become data received, verbatim, and are acknowledged.
func TestWhatNobodyExplainsIsKept(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("tcp")
	for i, c := range []struct{ token, data, format, code, area, zone string }{
		{dc09.TokenSIA, "#1234|Nri1/QQ7", "SIA", "QQ", "1", "7"},
		{dc09.TokenCID, "#1234|1411 01 008", "CID", "1411", "01", "008"}, // known, and informs: of user 8
		{dc09.TokenCID, "#1234|1999 02 003", "CID", "1999", "02", "003"},
		{dc09.TokenSIA, "", "", "", "", ""},
		{dc09.TokenSIA, "#1234|!?", "", "", "", ""},
		{"SIA-PUL", "1234 56", "", "", "", ""},
	} {
		seq := uint32(i + 1)
		send(t, conn, frame(t, dc09.Frame{Token: c.token, Sequence: seq, Account: "1234", Data: []byte(c.data), Extended: []byte("[Ihall]")}))
		expect(t, conn, ackOf(seq))
		events, _ := w.log()
		e := bySequence(t, events, "1234", seq)
		d := e.GetDataReceived()
		if d.GetToken() != c.token || d.GetFormat() != c.format || d.GetCode() != c.code || d.GetArea() != c.area || d.GetZone() != c.zone {
			t.Errorf("%s %q is %v", c.token, c.data, e)
			continue
		}
		data, fields := "", ""
		if d.Data != nil {
			data = w.opened(e, vault.FieldData, d.Data)
		}
		if fields = w.opened(e, vault.FieldExtendedData, d.ExtendedData); data != c.data || fields != "[Ihall]" {
			t.Errorf("%s: kept are %q and %q, not %q", c.token, data, fields, c.data)
		}
	}
}

// opened unseals a field of an event.
func (w *world) opened(e *vigiev1.Event, field string, s *vigiev1.Sealed) string {
	w.t.Helper()
	b, err := w.vault.Unseal(s, vault.AAD(field, e.GetFingerprint()))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// TestContactIDNamesWhoItNames: the last field is a user where the code's table says
// so, a zone elsewhere.
func TestContactIDNamesWhoItNames(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("tcp")
	for i, c := range []struct{ data, zone, user string }{
		{"1130 01 003", "003", ""},
		{"3401 01 012", "", "012"},
		{"1121 01 004", "", "004"}, // duress: who was forced
		{"1406 01 005", "", "005"},
		{"1570 01 006", "006", ""},
	} {
		seq := uint32(i + 1)
		send(t, conn, frame(t, dc09.Frame{Token: dc09.TokenCID, Sequence: seq, Account: "1234", Data: []byte("#1234|" + c.data)}))
		expect(t, conn, ackOf(seq))
		events, _ := w.log()
		if s := signalOf(bySequence(t, events, "1234", seq)); s.GetZone() != c.zone || s.GetUser() != c.user {
			t.Errorf("%s: zone %q, user %q, want %q and %q", c.data, s.GetZone(), s.GetUser(), c.zone, c.user)
		}
	}
}

// signalOf is what any report says.
func signalOf(e *vigiev1.Event) *vigiev1.Signal {
	m := e.ProtoReflect()
	body := m.Get(m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))).Message()
	s, _ := body.Get(body.Descriptor().Fields().ByName("signal")).Message().Interface().(*vigiev1.Signal)
	return s
}

// unstamped is report 7 of account 1234, encrypted without a stamp.
func unstamped(t *testing.T, key []byte) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("0123456789abcdef012|#1234|NBA01]")
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(text, text)
	body := fmt.Sprintf(`"*SIA-DCS"0007L0#1234[%X`, text)
	return fmt.Sprintf("\n%04X%04X%s\r", dc09.CRC([]byte(body)), len(body), body)
}
