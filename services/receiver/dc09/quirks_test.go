package dc09

import (
	"fmt"
	"strings"
	"testing"
)

// wire frames a body as the standard has it.
func wire(body string) string {
	return fmt.Sprintf("\n%04X%04X%s\r", CRC([]byte(body)), len(body), body)
}

func binaryCRC(body string) string {
	crc := CRC([]byte(body))
	return "\n" + string([]byte{byte(crc >> 8), byte(crc)}) + fmt.Sprintf("%04X%s\r", len(body), body)
}

// TestFramesOthersPublished: frames that two or more projects print alike, and ones
// that panels in the field sent. Their CRCs and lengths are theirs.
//
// "The standard's example" is what sources of several hands print alike, with the same
// numbers (9876, 579BDF, 789ABC, 12345A): nobody here has the paid text. The encrypted
// one stands in crypt_test.go.
func TestFramesOthersPublished(t *testing.T) {
	for _, c := range []struct {
		source, wire string
		token        string
		receiver     uint32
		line         uint32
		account      string
		data         string
		extended     string
		stamp        string
	}{
		{"the standard's example, in siadc09's text and a C# receiver's tests: a MAC address", `8C860043"SIA-DCS"9876R579BDFL789ABC#123456A[#123456A|NFA129][M1234567890AB]`,
			TokenSIA, 0x579BDF, 0x789ABC, "123456A", "#123456A|NFA129", "[M1234567890AB]", ""},
		{"the standard's example, in pysiaalarm's tests and a Node receiver's text", `CE110032"SIA-DCS"9876R579BDFL789ABC#12345A[#12345A|NFA129]`,
			TokenSIA, 0x579BDF, 0x789ABC, "12345A", "#12345A|NFA129", "", ""},
		{"pysiaalarm's tests", `87CD0037"ADM-CID"9876R579BDFL789ABC#12345A[#12345A|1110 00 129]`,
			TokenCID, 0x579BDF, 0x789ABC, "12345A", "#12345A|1110 00 129", "", ""},
		{"the standard's example, in a C# receiver's tests: with a stamp", `DC530046"SIA-DCS"9876R579BDFL789ABC#12345A[#12345A|NFA129]_13:14:15,02-15-2006`,
			TokenSIA, 0x579BDF, 0x789ABC, "12345A", "#12345A|NFA129", "", "13:14:15,02-15-2006"},
		{"SIADC09Debugger: small letters in the length, one field three times", `7C37006b"SIA-DCS"0000RC0FFDL1234#080027E62A64[#080027E62A64|NHB0003][X115000][X115000][X115000]_13:53:11,06-22-2015`,
			TokenSIA, 0xC0FFD, 0x1234, "080027E62A64", "#080027E62A64|NHB0003", "[X115000][X115000][X115000]", "13:53:11,06-22-2015"},
		{"SIADC09Debugger: small letters in the receiver", `7ea80059"SIA-DCS"0000Rc0ffdL1234#080027E62A64[#080027E62A64|NHB0003][E115000]_09:00:13,06-23-2015`,
			TokenSIA, 0xC0FFD, 0x1234, "080027E62A64", "#080027E62A64|NHB0003", "[E115000]", "09:00:13,06-23-2015"},
		{"SIADC09Debugger: a stamped ACK", `2729002e"ACK"0001L0#080027E62A64[]_16:07:07,04-14-2015`,
			TokenAck, 0, 0, "080027E62A64", "", "", "16:07:07,04-14-2015"},
		{"SIADC09Debugger: a link test", `1D85002B"NULL"0001L0#00653210[]_09:17:32,05-18-2016`,
			TokenNull, 0, 0, "00653210", "", "", "09:17:32,05-18-2016"},
		{"SIADC09Debugger: a NAK without an account", `3C830025"NAK"0000R0L0A0[]_16:09:09,04-14-2015`,
			TokenNak, 0, 0, "", "", "", "16:09:09,04-14-2015"},
		{"a Visonic proxy: the same of another receiver", `E5630025"NAK"0000R0L0A0[]_10:10:18,07-30-2024`,
			TokenNak, 0, 0, "", "", "", "10:10:18,07-30-2024"},
		{"Jeedom: fields of 2026", `73580056"SIA-DCS"0002R1L232#78919[#78919|Nri1/BA012][X012W34.1][Y045N12.2]_14:12:04,09-25-2026`,
			TokenSIA, 1, 0x232, "78919", "#78919|Nri1/BA012", "[X012W34.1][Y045N12.2]", "14:12:04,09-25-2026"},
		{"a C# receiver's tests: Contact ID without R and stamp", `9EC40027"ADM-CID"0001L0#1002[#1002|1602 00 001]`,
			TokenCID, 0, 0, "1002", "#1002|1602 00 001", "", ""},
		{"a C# receiver's tests: a restoral", `75140027"ADM-CID"0001L0#1002[#1002|3354 00 004]`,
			TokenCID, 0, 0, "1002", "#1002|3354 00 004", "", ""},
		{"home-assistant/core 180511: the answer that a Pyronix takes", `59890012"ACK"0000L0#1409[]`,
			TokenAck, 0, 0, "1409", "", "", ""},
		{"pysiaalarm's text: its own code XC", `43580023"SIA-DCS"0084L0#AAA[#AAA|Nri1/XC12]`,
			TokenSIA, 0, 0, "AAA", "#AAA|Nri1/XC12", "", ""},
	} {
		f, err := Parse([]byte("\n"+c.wire+"\r"), Options{})
		sent, _ := ParseStamp([]byte(c.stamp))
		if err != nil || f.Token != c.token || f.Receiver != c.receiver || f.Line != c.line || f.Account != c.account ||
			string(f.Data) != c.data || string(f.Extended) != c.extended || f.SentAtMS != sent {
			t.Errorf("%s: %+v, data %q, %v", c.source, flat(f), f.Data, err)
		}
	}
}

// TestQuirksOfTheField: what panels do that the standard does not have, each with
// where it is known from, and what becomes of it with and without its option.
func TestQuirksOfTheField(t *testing.T) {
	const sia = `"SIA-DCS"0001L0#1234[#1234|Nri1/BA012]`
	for _, c := range []struct {
		name, source, wire string
		opt                Options
		without            Reason // with no option set
		account            string
		event              string
	}{
		{"binary CRC", "node-red-contrib-sia-ultimate 10; a Java library's BINARY_CRC", binaryCRC(sia), Options{BinaryCRC: true}, ReasonBadSyntax, "1234", "BA 012"},
		{"length in decimal", "swissdotnet's handler, Jeedom", strings.Replace(wire(sia), "0026", "0038", 1), Options{DecimalLength: true}, ReasonBadLength, "1234", "BA 012"},
		{"no LF", "swissdotnet's handler", wire(sia)[1:], Options{}, "", "1234", "BA 012"},
		{"small letters in CRC and length", "SIADC09Debugger", strings.ToLower(wire(sia)[:9]) + wire(sia)[9:], Options{}, "", "1234", "BA 012"},
		{"no stamp", "pysiaalarm's issues", wire(sia), Options{}, "", "1234", "BA 012"},
		{"day before month", "pysiaalarm's issues", wire(sia + "_14:12:04,25-09-2026"), Options{}, "", "1234", "BA 012"},
		{"no line", "a Go receiver's tests", wire(`"SIA-DCS"0001#1234[#1234|NBA1]`), Options{}, "", "1234", "BA 1"},
		{"a line without a number", "ioBroker.sia 11", wire(`"SIA-DCS"0001RL#1234[#1234|NBA1]`), Options{}, "", "1234", "BA 1"},
		{"account of other letters", "pysiaalarm 36", wire(`"SIA-DCS"0001L0#foc7688[#foc7688|NBA1]`), Options{}, "", "foc7688", "BA 1"},
		{"account in other case inside", "Jeedom", wire(`"SIA-DCS"0001L0#abc12[#ABC12|NBA1]`), Options{}, "", "abc12", "BA 1"},
		{"no account inside", "an Ajax hub, in pysiaalarm's tests", wire(`"SIA-DCS"0001L0#AAA[|Nri1/CL501]`), Options{}, "", "AAA", "CL 501"},
		{"account inside without its #", "ioBroker.sia's text", wire(`"SIA-DCS"0002R1L232#78919[1234|NFA129][S123Main St., 55123]`), Options{}, "", "78919", "FA 129"},
		{"text between bare stars", "ioBroker.sia's text", wire(`"SIA-DCS"0266L0#alarm1[#alarm1|Nri1OP0001*Familie*]`), Options{}, "", "alarm1", "OP 0001 Familie"},
		{"no N before the event", "Jeedom", wire(`"SIA-DCS"0001L0#1234[#1234|NL2]`), Options{}, "", "1234", "NL 2"},
		{"Windows-1252", "ioBroker.sia 63", wire("\"SIA-DCS\"0001L0#1234[#1234|NBA1^Entr\xe9e^]"), Options{}, "", "1234", "BA 1 Entrée"},
		{"UTF-8", "the 2026 edition, by siadc09", wire(`"SIA-DCS"0001L0#1234[#1234|NBA1^Entrée^]`), Options{}, "", "1234", "BA 1 Entrée"},
		{"link test of account 0", "an Ajax hub, in ioBroker.sia's text", wire(`"NULL"0000L0#000[]_21:58:31,08-08-2019`), Options{}, "", "000", ""},
		{"link test without an account", "pysiaalarm's pattern", wire(`"NULL"0000L0[]`), Options{}, "", "", ""},
		{"the rest of an older message behind the data", "pysiaalarm 34, a comXline", wire(`"ADM-CID"0011R1L1#12345678[#12345678|1130 00 007]345678[] 2345678[] `), Options{}, "", "12345678", "1130 00 007"},
		{"spaces and a zero byte before the CR", "no source; what fills a buffer", wire(sia + "_14:12:04,09-25-2026  \x00"), Options{}, "", "1234", "BA 012"},
		{"no data", "no source; ioBroker.sia's text has a space there", wire(`"SIA-DCS"0001L0#1234[]`), Options{}, "", "1234", "[], bad-syntax at byte 0: no event code in the data"},
		{"no address, no area", "a Turkish receiver's notes", wire(`"SIA-DCS"0442L0#36214[36214|NRP]`), Options{}, "", "36214", "RP"},
		{"an area in two digits, an address in four", "a Spanish receiver's notes", wire(`"SIA-DCS"0038R0L0#10303117[#10303117|Nri0001/BH005]`), Options{}, "", "10303117", "BH 005"},
		{"a field before its like: an account of zeros inside", "Hikvision, by pysiaalarm 42", wire(`"ADM-CID"0001L0#7890[#0000|1130 01 003]`), Options{}, "", "7890", "1130 01 003"},
		{"Contact ID without spaces", "no source; nothing else reads so", wire(`"ADM-CID"0001L0#1234[#1234|113001003]`), Options{}, "", "1234", "1130 01 003"},
		{"Contact ID without an account inside", "no source; as SIA-DCS above", wire(`"ADM-CID"0001L0#1234[|1130 01 003]`), Options{}, "", "1234", "1130 01 003"},
	} {
		if _, err := Parse([]byte(c.wire), Options{}); reasonOf(err) != c.without {
			t.Errorf("%s (%s), no option: %v, want %q", c.name, c.source, err, c.without)
		}
		f, err := Parse([]byte(c.wire), c.opt)
		if err != nil || f.Account != c.account || eventOf(f) != c.event {
			t.Errorf("%s (%s): account %q, event %q, %v", c.name, c.source, f.Account, eventOf(f), err)
		}
	}
}

// eventOf tells a frame's only event in short.
func eventOf(f Frame) string {
	switch f.Token {
	case TokenSIA:
		_, e, err := ParseSIA(f.Data)
		if err != nil || len(e) != 1 {
			return fmt.Sprintf("%v, %v", e, err)
		}
		return strings.TrimSpace(e[0].Code + " " + e[0].Address + " " + Text(e[0].Text))
	case TokenCID:
		_, e, err := ParseCID(f.Data)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%c%s %s %s", e.Qualifier, e.Code, e.Area, e.Zone)
	}
	return string(f.Data)
}

// TestSeveralFramesInOneSegment, as node-red-contrib-sia-ultimate and TCP have it.
func TestSeveralFramesInOneSegment(t *testing.T) {
	var s Splitter
	s.Write([]byte(wire(`"NULL"0001L0#1[]`) + wire(`"NULL"0002L0#1[]`)[1:] + "\x00\x00\r\n" + wire(`"NULL"0003L0#1[]`)))
	for want := uint32(1); want <= 3; want++ {
		piece, verdict, ok := s.Next()
		f, err := Parse(piece, Options{})
		if !ok || verdict != Whole || err != nil || f.Sequence != want {
			t.Errorf("piece %d: %q, %v, %+v, %v", want, piece, verdict, f, err)
		}
	}
}

func TestLegacyTokensAreKnownAndKept(t *testing.T) {
	for _, l := range legacyTokens {
		f, err := Parse([]byte(wire(`"`+l.token+`"0001L0#1234[12 34]`)), Options{})
		name, ok := LegacyToken(f.Token)
		if err != nil || !ok || name != l.name || string(f.Data) != "12 34" {
			t.Errorf("%s: %+v, %q, %v", l.token, f, name, err)
		}
	}
	if _, ok := LegacyToken(TokenSIA); ok {
		t.Error("SIA-DCS is no format of older dialers")
	}
	for token, want := range map[string][2]bool{TokenNull: {true, false}, TokenXNM: {true, false}, TokenSIA: {}, TokenRSP: {false, true}, TokenNak: {false, true}} {
		if IsPoll(token) != want[0] || IsAnswer(token) != want[1] {
			t.Errorf("%s: poll %t, answer %t", token, IsPoll(token), IsAnswer(token))
		}
	}
}

func TestStampsThatDoNotExist(t *testing.T) {
	for stamp, want := range map[string]bool{
		"00:00:00,01-01-1970": true, "23:59:59,12-31-9999": true, "00:00:00,02-29-2024": true, "00:00:00,02-29-2000": true, "00:00:00,01-01-0000": true,
		"00:00:00,02-29-2026": false, "00:00:00,02-29-2100": false, "24:00:00,01-01-2026": false, "00:60:00,01-01-2026": false, "00:00:60,01-01-2026": false,
		"00:00:00,00-01-2026": false, "00:00:00,13-01-2026": false, "00:00:00,01-00-2026": false, "00:00:00,04-31-2026": false, "00:00:00.01-01-2026": false, "": false,
	} {
		if _, ok := ParseStamp([]byte(stamp)); ok != want {
			t.Errorf("%q: %t", stamp, ok)
		}
	}
}

func TestFieldsHaveMeanings(t *testing.T) {
	for i, f := range fields {
		if i > 0 && f.Label <= fields[i-1].Label || f.Name == "" {
			t.Errorf("%c %q: the table is in the order of labels, each once", f.Label, f.Name)
		}
		if got, ok := FieldMeaning(f.Label); !ok || got != f {
			t.Errorf("%c: %+v", f.Label, got)
		}
	}
	if _, ok := FieldMeaning('B'); ok {
		t.Error("B is no field of any edition")
	}
}
