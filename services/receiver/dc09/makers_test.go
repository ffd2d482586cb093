package dc09

import (
	"strings"
	"testing"
)

// makersFrames are of panels that people published, as they stood on the wire: CRCs,
// lengths and oddities are the makers'. opt is what a line of such panels needs; without
// says what becomes of the frame when it has none.
var makersFrames = []struct {
	maker, source, wire string
	opt                 Options
	without             Reason
	account, event      string
	stamp               string
}{
	{"Ajax: a code of its own, three digits of address", "home-assistant/core 88474", `A2350038"SIA-DCS"7232L0#AAA[#AAA|Nri1/PE501]_08:21:05,02-20-2023`,
		Options{}, "", "AAA", "PE 501", "08:21:05,02-20-2023"},
	{"Hikvision: a link test with a report of zeros in it", "eavanvalkenburg/sia 17", `821F003A"NULL"0000R0L0#AAAB[#0000|0000 00 000]_18:25:49,07-05-2020`,
		Options{}, "", "AAAB", "#0000|0000 00 000", "18:25:49,07-05-2020"},
	{"Hikvision: the same without R", "pysiaalarm 42", `CA2F0038"NULL"0000L0#7890[#0000|0000 00 000]_22:13:29,12-29-2022`,
		Options{}, "", "7890", "#0000|0000 00 000", "22:13:29,12-29-2022"},
	{"Hikvision: by a line of its own", "a Turkish receiver's notes", `99820040"ADM-CID"1937R15L1#21401[#21401|1602 00 000]_20:59:59,02-20-2024`,
		Options{}, "", "21401", "1602 00 000", "20:59:59,02-20-2024"},
	{"Dahua: room and user in fields", "pysiaalarm 54", `2DE1004C"ADM-CID"0056L0#123456[#123456|1406 01 000][RLivingRoom]_17:22:02,09-18-2023`,
		Options{}, "", "123456", "1406 01 000", "17:22:02,09-18-2023"},
	{"Dahua AirShield: a peripheral in place of an area", "pysiaalarm 87", `BC160045"SIA-DCS"0178L0#5555[#5555|Npi1/NL1][RLivingRoom]_16:39:25,08-25-2026`,
		Options{}, "", "5555", "NL 1", "16:39:25,08-25-2026"},
	{"Satel ETHM-1: no address, and another account inside", "pysiaalarm 87", `D8910037"SIA-DCS"0097L0#ABCD[#0000|Npi0/AT]_11:26:04,03-01-2026`,
		Options{}, "", "ABCD", "AT", "11:26:04,03-01-2026"},
	{"Lupus: time with seconds, a date, a small letter in the length", "pysiaalarm 63", `9B3C004d"SIA-DCS"0047L0#100200[#100200|Nti10:01:00/da08-18-24/RP]_10:01:00,08-18-2024`,
		Options{}, "", "100200", "RP", "10:01:00,08-18-2024"},
	{"a PIMA Force: its stamp is local time", "home-assistant/core 100660", `97200029"NULL"0182R1L0#AAAA[]_23:23:08,09-20-2023`,
		Options{}, "", "AAAA", "", "23:23:08,09-20-2023"},
	{"Focus FC-7688: an account that is a name", "pysiaalarm 36", `7A28002F"ADM-CID"6616R0L0#foc7688[#foc7688|1351 01 000]`,
		Options{}, "", "foc7688", "1351 01 000", ""},
	{"G90B and its like: an L without a number", "ioBroker.sia 19", `78FC003B"SIA-DCS"0001L#22334455[#22334455|NCQ1]_14:33:53,02-09-2020`,
		Options{}, "", "22334455", "CQ 1", "14:33:53,02-09-2020"},
	{"the same in a link test", "ioBroker.sia 11", `BB86002C"NULL"0001L#7303658550[]_15:39:38,06-07-2019`,
		Options{}, "", "7303658550", "", "15:39:38,06-07-2019"},
	{"Prosec: zeros in the line, no # inside, no address", "a Turkish receiver's notes", `B4330036"SIA-DCS"0442L000#36214[36214|NRP]_00:00:00,02-21-2024`,
		Options{}, "", "36214", "RP", "00:00:00,02-21-2024"},
	{"Sigma: leading zeros in the account, no stamp", "pysiaalarm 72", `D3440015"NULL"0000L0#008312[]`,
		Options{}, "", "008312", "", ""},
	{"a panel that repeats its account as receiver and line", "a Node receiver's notes", `F92F0043"ADM-CID"0020R7896L7896#3456[#3456|1407 00 001]_17:01:14,07-26-2024`,
		Options{}, "", "3456", "1407 00 001", "17:01:14,07-26-2024"},
	{"no slash behind the area, a text", "Cheaterdev/sia-ha 11", `24810050"SIA-DCS"1660L0#000110[#000110|Nri0RP2^SL 1807110200065423^]_18:00:01,01-19-2022`,
		Options{}, "", "000110", "RP 2 SL 1807110200065423", "18:00:01,01-19-2022"},
	{"four zeros as address", "node-red-contrib-sia-ultimate 2", `70C4003B"SIA-DCS"1707L0#0000[#0000|Nri0/RP0000]_13:36:41,12-22-2021`,
		Options{}, "", "0000", "RP 0000", "13:36:41,12-22-2021"},
	{"Trikdis, DC-09 of 2007: two bytes of CRC", "pysiaalarm 52", "\xd1K" + `0029"NULL"0000R1L1#9413[]_23:05:28,08-30-2023`,
		Options{BinaryCRC: true}, ReasonBadSyntax, "9413", "", "23:05:28,08-30-2023"},
	{"the same, of letters", "pysiaalarm 52", `0n003D"ADM-CID"0002R1L1#9413[#9413|1602 99 999]_23:05:30,08-30-2023`,
		Options{BinaryCRC: true}, ReasonBadSyntax, "9413", "1602 99 999", "23:05:30,08-30-2023"},
	{"OPAX: two bytes of CRC, no # inside", "a Turkish receiver's notes", "\xc1~" + `003E"ADM-CID"0379R0L0#10064[10064|1602 00 000]_00:00:43,02-21-2024`,
		Options{BinaryCRC: true}, ReasonBadSyntax, "10064", "1602 00 000", "00:00:43,02-21-2024"},
	{"two bytes of CRC, six zeros of line", "pysiaalarm 64", "C\x81" + `002C"SIA-DCS"9832L000000#2511[#2511|Nri01/BB026]`,
		Options{BinaryCRC: true}, ReasonBadSyntax, "2511", "BB 026", ""},
	{"two bytes of CRC, a clock of ten years ago", "node-red-contrib-sia-ultimate 10", "\xf6\xf3" + `0044"ADM-CID"1447R01L01#0001[#0001|1603 01 000][S13]_04:45:01,08-30-2014`,
		Options{BinaryCRC: true}, ReasonBadSyntax, "0001", "1603 01 000", "04:45:01,08-30-2014"},
	{"ELDES: CRC and length count the CR", "Cheaterdev/sia-ha 3", `F19A002B"ADM-CID"0056L9999#9999[#9999|1900 00 001]`,
		Options{CountsEnd: true}, ReasonBadLength, "9999", "1900 00 001", ""},
	{"ELDES: the CRC counts the CR, the length both ends", "pysiaalarm 28", `BCD30029"ADM-CID"1533L0#4F39[#4F39|1412 00 000]`,
		Options{CountsEnd: true}, ReasonBadLength, "4F39", "1412 00 000", ""},
	{"ELDES: the CRC counts the CR, the length is decimal", "pysiaalarm 17", `AA1A0047"ADM-CID"0227R4F39L4F39#4F39[#4F39|3401 01 057]`,
		Options{CountsEnd: true, DecimalLength: true}, ReasonBadLength, "4F39", "3401 01 057", ""},
	{"ELDES: a length in decimal", "pysiaalarm's tests", `57150047"ADM-CID"0247R4F39L4F39#4F39[#4F39|3401 01 057]`,
		Options{DecimalLength: true}, ReasonBadLength, "4F39", "3401 01 057", ""},
}

func TestWhatMakersSend(t *testing.T) {
	for _, c := range makersFrames {
		wire := []byte("\n" + c.wire + "\r")
		if _, err := Parse(wire, Options{}); reasonOf(err) != c.without {
			t.Errorf("%s (%s), no option: %v, want %q", c.maker, c.source, err, c.without)
		}
		// Cut from a stream, with the zero that some send behind the CR.
		s := Splitter{Options: c.opt}
		s.Write(append(wire, 0))
		piece, verdict, ok := s.Next()
		f, err := Parse(piece, c.opt)
		sent, _ := ParseStamp([]byte(c.stamp))
		if !ok || verdict != Whole || err != nil || f.Account != c.account || eventOf(f) != c.event || f.SentAtMS != sent || f.OddStamp {
			t.Errorf("%s (%s): %v, %+v, event %q, %v", c.maker, c.source, verdict, flat(f), eventOf(f), err)
		}
	}
}

// TestWhoWritesTwoBytesOfCRCReadsTwo: ioBroker.sia and node-red-contrib-sia-ultimate
// answer so, for a Lupus.
func TestWhoWritesTwoBytesOfCRCReadsTwo(t *testing.T) {
	raw := "\n0n" + `003D"ADM-CID"0002R1L1#9413[#9413|1602 99 999]_23:05:30,08-30-2023` + "\r"
	f, err := Parse([]byte(raw), Options{BinaryCRC: true})
	if err != nil {
		t.Fatal(err)
	}
	for body, got := range map[string][]byte{
		`"ACK"0002R1L1#9413[]`:                     AppendACK(nil, f),
		`"DUH"0002R1L1#9413[]`:                     AppendDUH(nil, f),
		`"NAK"0000R1L1#9413[]_00:00:00,01-01-1970`: AppendNAK(nil, f, 1),
	} {
		if string(got) != binaryCRC(body) {
			t.Errorf("%q, want %q", got, binaryCRC(body))
		}
	}
}

// TestWhatIsNoDC09: what other protocols send to a port of DC-09 gets no answer. Each
// is named in docs/dc09.md.
func TestWhatIsNoDC09(t *testing.T) {
	every := Options{BinaryCRC: true, DecimalLength: true, CountsEnd: true, UnstampedCipher: true}
	for name, c := range map[string]struct {
		wire string
		want Reason
	}{
		"Galaxy, SIA over a module (pysiaalarm 75)":            {"F#123456", ReasonJunk},
		"Aritech, an IP module's greeting (pysiaalarm 43)":     {"LFQ=600#CRC=C9868A4C470F970426ECDD8F00B761BC##", ReasonJunk},
		"Osborne-Hoffman, opened (pysiaalarm 44)":              {"\n" + `01010053"SIA-DCS"0007R0075L0001[#001465|NRP000*'DECKERS'NM]7C9677F21948CC12|#001465` + "\r", ReasonBadLength},
		"Osborne-Hoffman, a link test (pysiaalarm's tests)":    {"SR0001L0001    006969XX    [ID00000000]", ReasonJunk},
		"Lupus in Contact ID of its own (ioBroker.contactid)":  {"[CID2 181401010012843]", ReasonJunk},
		"a frame without LF, CRC, length (a web page's panel)": {`"SIA-DCS"0001L0#1234[#1234|BA1]_` + "\r\n", ReasonJunk},
	} {
		s := Splitter{Options: every}
		s.Write([]byte(c.wire))
		piece, verdict, ok := s.Next()
		if !ok {
			piece, verdict, ok = s.Flush()
		}
		got := verdict.Reason()
		if verdict == Whole {
			_, err := Parse(piece, every)
			got = reasonOf(err)
		}
		if !ok || got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAReasonTellsTheOption: who looks into a panel's silence reads what would help.
func TestAReasonTellsTheOption(t *testing.T) {
	for wire, hint := range map[string]string{
		`F19A002B"ADM-CID"0056L9999#9999[#9999|1900 00 001]`:      "CountsEnd",
		`57150047"ADM-CID"0247R4F39L4F39#4F39[#4F39|3401 01 057]`: "DecimalLength",
		`F2500029"NULL"0000R1L1#9413[]_23:05:28,08-30-2023`:       "CountsEnd",
	} {
		if _, err := Parse([]byte(wire), Options{}); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v, want a word of %s", wire, err, hint)
		}
	}
}

// TestStampBeforeWhatFillsABuffer: spaces and zero bytes behind a stamp do not void it.
func TestStampBeforeWhatFillsABuffer(t *testing.T) {
	f, err := Parse([]byte(wire("\"NULL\"0001L0#1234[]_14:12:04,09-25-2026 \x00\x00")), Options{})
	if want, _ := ParseStamp([]byte("14:12:04,09-25-2026")); err != nil || f.OddStamp || f.SentAtMS != want {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestAnswersOfOtherReceivers: what a dialler meets.
func TestAnswersOfOtherReceivers(t *testing.T) {
	for _, c := range []struct {
		source, body string
		want         Frame
	}{
		{"many receivers", `"NAK"0000R0L0A0[]_10:10:18,07-30-2024`, Frame{Token: TokenNak, HasReceiver: true}},
		{"pysiaalarm, of what it cannot read", `"NAK"0000L0R0A0[]_10:10:18,07-30-2024`, Frame{Token: TokenNak, HasReceiver: true}},
		{"pysiaalarm, of a stamp", `"NAK"0000R1L2A0[]_10:10:18,07-30-2024`, Frame{Token: TokenNak, HasReceiver: true, Receiver: 1, Line: 2}},
		{"pysiaalarm, to a request without R (home-assistant/core 180511)", `"ACK"0042NoneL0#1409[]`, Frame{Token: TokenAck, Sequence: 42, Account: "1409"}},
		{"pysiaalarm, to a stamp of a request without R", `"NAK"0000NoneL0A0[]_10:10:18,07-30-2024`, Frame{Token: TokenNak}},
	} {
		f, err := Parse([]byte(wire(c.body)), Options{})
		if c.want.Token == TokenNak {
			c.want.SentAtMS, _ = ParseStamp([]byte("10:10:18,07-30-2024"))
		}
		if err != nil || !same(f, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.source, f, err, c.want)
		}
	}
	if _, err := Parse([]byte(wire(`"NULL"0001NoneL0#1409[]`)), Options{}); reasonOf(err) != ReasonBadSyntax {
		t.Errorf("a panel's frame with a word before its line: %v", err)
	}
}
