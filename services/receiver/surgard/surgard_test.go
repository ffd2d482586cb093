package surgard

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLines are the examples of the manuals, and what gateways make of them.
func TestLines(t *testing.T) {
	cases := []struct {
		name, raw string
		want      Line
	}{
		{"MLR2-E, duress of account 1234", "5011 181234E12101001", Line{Kind: ContactID, Receiver: "01", Card: "1", Account: "1234", Qualifier: 'E', Code: "121", Area: "01", Zone: "001"}},
		{"restoral of a six-digit account", "5FEA 18A12345R130000AB", Line{Kind: ContactID, Receiver: "FE", Card: "A", Account: "A12345", Qualifier: 'R', Code: "130", Area: "00", Zone: "0AB"}},
		{"three digits of line card", "501004 181234P13001003", Line{Kind: ContactID, Receiver: "01", Card: "004", Account: "1234", Qualifier: 'P', Code: "130", Area: "01", Zone: "003"}},
		{"MLR2-DG, SIA protocol 2", "S011[#1234|Nri1BA01]", Line{Kind: SIA, Receiver: "01", Card: "1", Account: "1234", Data: []byte("#1234|Nri1BA01")}},
		{"MLR2-DG, SIA protocol 2 with a listen-in", "S011[#1234|Nri1BA01/L90]", Line{Kind: SIA, Receiver: "01", Card: "1", Account: "1234", Data: []byte("#1234|Nri1BA01/L90")}},
		{"a text in Windows-1252", "S011[#1234|NBA01^Entr\xe9e^]", Line{Kind: SIA, Receiver: "01", Card: "1", Account: "1234", Data: []byte("#1234|NBA01^Entr\xe9e^")}},
		{"MLR2-DG, SIA protocol 1", "3011      1234BA0012", Line{Kind: SIA, Receiver: "01", Card: "1", Account: "1234", Data: []byte("#1234|NBA0012")}},
		{"SIA protocol 1 with a short zone", "3011    123456CL3   ", Line{Kind: SIA, Receiver: "01", Card: "1", Account: "123456", Data: []byte("#123456|NCL3")}},
		{"MLR2-DG, heartbeat", "1011           @    ", Line{Kind: Heartbeat, Receiver: "01", Card: "1"}},
		{"heartbeat of a receiver without a card", "1010           @", Line{Kind: Heartbeat, Receiver: "01", Card: "0"}},
		{"heartbeat of a gateway", "@", Line{Kind: Heartbeat}},
		{"a receiver's own message", "0010[#0000|NYC00]", Line{Kind: SIA, Receiver: "01", Card: "0", Account: "0000", Data: []byte("#0000|NYC00")}},
		{"MLR2-DG, group closing in the basic format", "1011      0012 C1128", Line{Kind: Other, Receiver: "01", Card: "1", Account: System, Data: []byte("      0012 C1128")}},
		{"high speed, whose digits follow the card at once", "80111234 55551555 9", Line{Kind: Other, Receiver: "01", Card: "1", Account: System, Data: []byte("1234 55551555 9")}},
		{"another format in the frame of Contact ID", "5011 981234E12101001", Line{Kind: Other, Receiver: "01", Card: "1", Account: System, Data: []byte(" 981234E12101001")}},
	}
	for _, c := range cases {
		got, err := Parse([]byte(c.raw))
		if err != nil || !equal(got, c.want) {
			t.Errorf("%s: %q reads as %+v, %v; want %+v", c.name, c.raw, got, err, c.want)
		}
	}
}

func TestDamagedLines(t *testing.T) {
	for raw, want := range map[string]Reason{
		"":                                 BadHeader,
		"   ":                              BadHeader,
		"GET / HTTP/1.1":                   BadHeader,
		"?":                                BadHeader,
		"\n012":                            Unprinted,
		"5011 181234E12101001\x00":         Unprinted,
		"5 18":                             BadHeader,
		"501 181234E12101001":              BadHeader,
		"5011234567 181234E12101001":       BadHeader,
		"5011 18":                          BadBody,
		"5011 181234E1210100":              BadBody,
		"5011 18E12101001":                 BadBody,
		"5011 181234X12101001":             BadBody,
		"5011 181234E12Z01001":             BadBody,
		"5011 1812-4E12101001":             BadBody,
		"5011 1812345678901234567E1210100": BadBody,
		"S011":                             BadBody,
		"S011[#1234|NBA01":                 BadBody,
		"S011[1234|NBA01]":                 BadBody,
		"S011[#1234]":                      BadBody,
		"S011[#|NBA01]":                    BadBody,
		"3011    1234BA001":                BadBody,
		"3011      1234ba0012":             BadBody,
		"3011            BA0012":           BadBody,
		strings.Repeat("5", MaxLine):       Oversized,
	} {
		_, err := Parse([]byte(raw))
		var fault *Error
		if !errors.As(err, &fault) || fault.Reason != want || fault.Detail == "" {
			t.Errorf("%.40q: %v, want %s", raw, err, want)
		}
	}
}

func TestStreamIsCutAtDC4(t *testing.T) {
	const a, b = "5011 181234E12101001", "1011           @    "
	stream := a + "\x14\r\n" + b + "\x14" + strings.Repeat("x", 3*MaxLine) + "\x14\x14@\r\x14" + a
	for _, step := range []int{1, 7, len(stream)} {
		var s Splitter
		var got []string
		for rest := stream; rest != ""; {
			n := min(step, len(rest))
			s.Write([]byte(rest[:n]))
			rest = rest[n:]
			for {
				line, ok := s.Next()
				if !ok {
					break
				}
				got = append(got, string(line))
			}
			if s.Pending() >= MaxLine {
				t.Fatalf("%d bytes wait", s.Pending())
			}
		}
		want := []string{a, b, strings.Repeat("x", MaxLine), "", "@"}
		if strings.Join(got, "|") != strings.Join(want, "|") || s.Pending() != len(a) {
			t.Errorf("in steps of %d: %.60q", step, got)
		}
	}
}

// lines draws what can be written.
func lines() *rapid.Generator[Line] {
	return rapid.Custom(func(t *rapid.T) Line {
		hex := func(n int, name string) string {
			return rapid.StringMatching(`[0-9A-F]{`+string(rune('0'+n))+`}`).Draw(t, name)
		}
		l := Line{Kind: rapid.SampledFrom([]Kind{Heartbeat, ContactID, SIA}).Draw(t, "kind"), Receiver: hex(2, "receiver"), Card: rapid.StringMatching(`[0-9A-Z]{1,3}`).Draw(t, "card")}
		account := rapid.StringMatching(`[0-9A-Z]{1,16}`).Draw(t, "account")
		switch l.Kind {
		case ContactID:
			l.Account, l.Qualifier = account, rapid.SampledFrom([]byte("ERP")).Draw(t, "qualifier")
			l.Code, l.Area, l.Zone = hex(3, "code"), hex(2, "area"), hex(3, "zone")
		case SIA:
			l.Account = account
			l.Data = []byte("#" + account + "|" + rapid.StringMatching(`[N][A-Z]{2}[0-9]{0,4}(\^[ 0-9A-Za-z]{0,20}\^)?`).Draw(t, "block"))
		}
		return l
	})
}

func TestWrittenLinesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := lines().Draw(t, "line")
		wire, err := Append([]byte("kept"), l)
		if err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
		wire, ok := bytes.CutSuffix(wire[len("kept"):], []byte{DC4})
		got, err := Parse(wire)
		if !ok || err != nil || !equal(got, l) {
			t.Fatalf("%q reads as %+v, %v; want %+v", wire, got, err, l)
		}
	})
}

func TestNothingIsWrittenThatDoesNotReadBack(t *testing.T) {
	for _, l := range []Line{
		{},
		{Kind: ContactID, Receiver: "01", Card: "1", Account: "12 4", Qualifier: 'E', Code: "130", Area: "01", Zone: "001"},
		{Kind: ContactID, Receiver: "01", Card: "1", Account: "1234", Qualifier: 'E', Code: "13", Area: "01", Zone: "001"},
		{Kind: SIA, Receiver: "01", Card: "1", Account: "1234", Data: []byte("#9999|NBA01")},
		{Kind: SIA, Receiver: "01", Card: "1", Account: "1234", Data: []byte("#1234|NBA\x1401")},
		{Kind: Other, Receiver: "01", Card: "1", Account: "1234", Data: []byte(" x")},
	} {
		if got, err := Append([]byte("kept"), l); err == nil || string(got) != "kept" {
			t.Errorf("%+v was written as %q, %v", l, got, err)
		}
	}
}

// FuzzParse: whatever comes, a line reads or is refused with a reason, and what reads
// keeps within the bounds.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"5011 181234E12101001", "S011[#1234|Nri1BA01/L90]", "3011      1234BA0012", "1011           @    ", "@", "0010[#0000|NYC00]", "80111234 55551555 9"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := string(raw)
		l, err := Parse(raw)
		var fault *Error
		if err != nil {
			if !errors.As(err, &fault) || fault.Reason == "" {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		if string(raw) != before {
			t.Fatalf("%q was changed to %q", before, raw)
		}
		if l.Kind == 0 || len(l.Account) > maxAccount || l.Kind != Heartbeat && l.Account == "" || len(l.Card) > maxCard {
			t.Fatalf("%q reads as %+v", raw, l)
		}
		if wire, err := Append(nil, l); err == nil {
			again, err := Parse(wire[:len(wire)-1])
			if err != nil || !equal(again, l) {
				t.Fatalf("%q reads as %+v, written %q, and then as %+v, %v", raw, l, wire, again, err)
			}
		} else if l.Kind == ContactID || l.Kind == SIA {
			t.Fatalf("%q reads as %+v and cannot be written: %v", raw, l, err)
		}
	})
}

// FuzzSplitter: the lines do not depend on how the stream is cut into reads.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("5011 181234E12101001\x14@\x14"), 3)
	f.Add([]byte(strings.Repeat("x", 2*MaxLine)+"\x14\r\n@\x14"), 1000)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		if step < 1 {
			step = 1
		}
		cut := func(step int) (lines []string) {
			var s Splitter
			for rest := stream; len(rest) > 0; {
				n := min(step, len(rest))
				s.Write(rest[:n])
				rest = rest[n:]
				for line, ok := s.Next(); ok; line, ok = s.Next() {
					lines = append(lines, string(line))
				}
				if s.Pending() >= MaxLine {
					t.Fatalf("%d bytes wait", s.Pending())
				}
			}
			return lines
		}
		if a, b := cut(step), cut(len(stream)); strings.Join(a, "\x14") != strings.Join(b, "\x14") {
			t.Fatalf("%q is cut into %q and %q", stream, a, b)
		}
	})
}
