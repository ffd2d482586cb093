package dc09

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCRCCheckValue(t *testing.T) {
	if got := CRC([]byte("123456789")); got != 0xBB3D {
		t.Errorf("CRC-16/ARC of 123456789 is %04X, want BB3D", got)
	}
	// Bit by bit, as the polynomial says, for every length around the eight at once.
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		var want uint16
		for _, x := range b {
			want ^= uint16(x)
			for range 8 {
				want = want>>1 ^ 0xA001*(want&1)
			}
		}
		if got := CRC(b); got != want {
			t.Fatalf("%x: %04X, want %04X", b, got, want)
		}
	})
}

// vectors were computed apart from this code.
var vectors = []struct {
	wire string
	want Frame
}{
	{`1EF20013"NULL"0000L0#1234[]`, Frame{Token: "NULL", Account: "1234"}},
	{`B1B70035"SIA-DCS"0001L0#1234[#1234|NBA01]_13:45:12,11-23-2026`,
		Frame{Token: "SIA-DCS", Sequence: 1, Account: "1234", Data: []byte("#1234|NBA01"), SentAtMS: time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC).UnixMilli()}},
	{`84A80029"ADM-CID"0002R1L1#1234[#1234|1130 01 003]`,
		Frame{Token: "ADM-CID", Sequence: 2, Receiver: 1, HasReceiver: true, Line: 1, Account: "1234", Data: []byte("#1234|1130 01 003")}},
	{`1BC10012"ACK"0001L0#1234[]`, Frame{Token: "ACK", Sequence: 1, Account: "1234"}},
	{`A2470026"NAK"0000L0#1234[]_23:58:22,11-23-2026`,
		Frame{Token: "NAK", Account: "1234", SentAtMS: time.Date(2026, 11, 23, 23, 58, 22, 0, time.UTC).UnixMilli()}},
	{`3AFF0012"DUH"0007L0#1234[]`, Frame{Token: "DUH", Sequence: 7, Account: "1234"}},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		got, err := Parse([]byte("\n"+v.wire+"\r"), Options{})
		if err != nil {
			t.Errorf("%s: %v", v.wire, err)
			continue
		}
		if !same(got, v.want) {
			t.Errorf("%s: %+v, want %+v", v.wire, got, v.want)
		}
		wire, err := Append(nil, v.want)
		if err != nil || string(wire) != "\n"+v.wire+"\r" {
			t.Errorf("%+v: %q, %v, want %q", v.want, wire, err, v.wire)
		}
	}
}

func same(a, b Frame) bool {
	return fmt.Sprintf("%+v %q %q", flat(a), a.Data, a.Extended) == fmt.Sprintf("%+v %q %q", flat(b), b.Data, b.Extended)
}

func flat(f Frame) Frame { f.Data, f.Extended = nil, nil; return f }

func TestAnswersEchoTheRequest(t *testing.T) {
	request := Frame{Token: "SIA-DCS", Sequence: 42, Receiver: 0xAB, HasReceiver: true, Line: 0xF, Account: "12ab"}
	for _, c := range []struct{ got, want string }{
		{string(AppendACK(nil, request)), `"ACK"0042RABLF#12ab[]`},
		{string(AppendDUH(nil, request)), `"DUH"0042RABLF#12ab[]`},
		{string(AppendNAK(nil, request, 1)), `"NAK"0000RABLF#12ab[]_00:00:00,01-01-1970`},
	} {
		if body := c.got[9 : len(c.got)-1]; body != c.want {
			t.Errorf("%s, want %s", body, c.want)
		}
	}
}

func TestTolerances(t *testing.T) {
	body := []byte(`"NULL"0001#1234[]`)
	crc := CRC(body)
	for _, c := range []struct {
		name   string
		wire   string
		opt    Options
		reason Reason
	}{
		{"no line", fmt.Sprintf("\n%04X%04X%s\r", crc, len(body), body), Options{}, ""},
		{"no LF", fmt.Sprintf("%04X%04X%s\r", crc, len(body), body), Options{}, ""},
		{"small letters in the CRC", fmt.Sprintf("\n%04x%04x%s\r", crc, len(body), body), Options{}, ""},
		{"binary CRC, when allowed", fmt.Sprintf("\n%c%c%04X%s\r", 0, 0, len(body), body), Options{BinaryCRC: true}, ReasonBadCRC},
		{"binary CRC, not allowed", "\n" + string([]byte{byte(crc >> 8), byte(crc)}) + fmt.Sprintf("%04X%s\r", len(body), body), Options{}, ReasonBadSyntax},
		{"binary CRC", "\n" + string([]byte{byte(crc >> 8), byte(crc)}) + fmt.Sprintf("%04X%s\r", len(body), body), Options{BinaryCRC: true}, ""},
		{"decimal length, not allowed", fmt.Sprintf("\n%04X%04d%s\r", crc, len(body), body), Options{}, ReasonBadLength},
		{"decimal length", fmt.Sprintf("\n%04X%04d%s\r", crc, len(body), body), Options{DecimalLength: true}, ""},
	} {
		_, err := Parse([]byte(c.wire), c.opt)
		if got := reasonOf(err); got != c.reason {
			t.Errorf("%s: %v, want %q", c.name, err, c.reason)
		}
	}
}

func reasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func TestExtendedFields(t *testing.T) {
	for _, c := range []struct {
		extended, without string
		path              uint32
		occurred          bool
	}{
		{"", "", 1, false},
		{"[G2]", "", 2, false},
		{"[G15]", "", 15, false},
		{"[G16]", "", 1, false},
		{"[G0]", "", 1, false},
		{"[J3]", "", 3, false},
		{`[J{"a":1}]`, `[J{"a":1}]`, 1, false},
		{"[H13:45:12,11-23-2026][G2][Vhttp://x]", "[H13:45:12,11-23-2026][Vhttp://x]", 2, true},
		{"[H13:45:12,02-30-2026]", "[H13:45:12,02-30-2026]", 1, false},
	} {
		f := Frame{Extended: []byte(c.extended)}
		_, occurred := f.OccurredAtMS()
		if f.Path() != c.path || occurred != c.occurred || string(f.ExtendedWithoutPath()) != c.without {
			t.Errorf("%s: path %d, occurred %t, without path %q", c.extended, f.Path(), occurred, f.ExtendedWithoutPath())
		}
	}
}

func TestAlarmWithAnOddStampIsKept(t *testing.T) {
	f := Frame{Token: "SIA-DCS", Account: "1234", Data: []byte("#1234|NBA01"), Extended: []byte{}}
	body := []byte(`"SIA-DCS"0001L0#1234[#1234|NBA01]_yesterday`)
	wire := fmt.Sprintf("\n%04X%04X%s\r", CRC(body), len(body), body)
	got, err := Parse([]byte(wire), Options{})
	if err != nil || !got.OddStamp || got.SentAtMS != 0 || !bytes.Equal(got.Data, f.Data) {
		t.Errorf("%+v, %v", got, err)
	}
}

// drawFrame draws any frame that can be sent in clear.
func drawFrame(t *rapid.T) Frame {
	field := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) []byte {
		return bytes.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || r == '[' || r == ']' {
				return 'x'
			}
			return r
		}, b)
	})
	f := Frame{
		Token: rapid.StringMatching(`[A-Z][A-Z0-9-]{0,9}`).Draw(t, "token"), Sequence: rapid.Uint32Range(0, MaxSequence).Draw(t, "sequence"),
		HasReceiver: rapid.Bool().Draw(t, "has receiver"), BinaryCRC: rapid.Bool().Draw(t, "binary CRC"), Line: rapid.Uint32Range(0, 0xFFFFFF).Draw(t, "line"),
		Account: rapid.StringMatching(`[0-9A-Za-z]{0,16}`).Draw(t, "account"), Data: field.Draw(t, "data"),
	}
	if f.HasReceiver {
		f.Receiver = rapid.Uint32Range(0, 0xFFFFFF).Draw(t, "receiver")
	}
	for range rapid.IntRange(0, 3).Draw(t, "fields") {
		f.Extended = AppendField(f.Extended, rapid.ByteRange('A', 'Z').Draw(t, "label"), string(field.Draw(t, "value")))
	}
	if rapid.Bool().Draw(t, "stamped") {
		f.SentAtMS = rapid.Int64Range(1, 250_000_000_000).Draw(t, "sent") * 1000 // below the year 9999
	}
	return f
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawFrame(t)
		wire, err := Append(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(wire, Options{BinaryCRC: true})
		if err != nil || !same(got, want) {
			t.Fatalf("%q: %+v, %v, want %+v", wire, got, err, want)
		}
		at := rapid.IntRange(1, len(wire)-2).Draw(t, "at")
		wire[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := Parse(wire, Options{BinaryCRC: true}); err == nil && !same(got, want) {
			t.Fatalf("a flipped bit went through: %q", wire)
		}
	})
}

// TestSplitterFindsEveryFrame: frames with junk between them come out whole and
// in order, however the stream is cut.
func TestSplitterFindsEveryFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []string
		for range rapid.IntRange(0, 6).Draw(t, "frames") {
			stream = append(stream, rapid.SampledFrom([]string{"", "\r\n", "\x00 ", "junk\r", "\nhalf", "\n1EF20013\"NULL"}).Draw(t, "between")...)
			wire, err := Append(nil, drawFrame(t))
			if err != nil {
				t.Fatal(err)
			}
			stream = append(stream, wire...)
			want = append(want, string(wire))
		}
		s := Splitter{Options: Options{BinaryCRC: true}}
		var got []string
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "cut")
			s.Write(stream[:n])
			stream = stream[n:]
			for piece, verdict, ok := s.Next(); ok; piece, verdict, ok = s.Next() {
				if verdict == Whole {
					got = append(got, string(piece))
				}
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("%q, want %q", got, want)
		}
		if s.Pending() != 0 {
			t.Fatalf("%d bytes are left", s.Pending())
		}
	})
}

func TestSplitterVerdicts(t *testing.T) {
	good := "\n" + vectors[0].wire + "\r"
	for _, c := range []struct {
		name, in string
		binary   bool
		want     []Verdict
	}{
		{"whole", good, false, []Verdict{Whole}},
		{"missing LF", good[1:], false, []Verdict{Whole}},
		{"two without LF", good[1:] + good[1:], false, []Verdict{Whole, Whole}},
		{"line ends between", "\r\n" + good + "\r\n\n" + good, false, []Verdict{Whole, Whole}},
		{"missing CR", good[:len(good)-1] + good, false, []Verdict{Half, Whole}},
		{"at the end", good[:10], false, []Verdict{Half}},
		{"junk before", "\xff\xfe" + good, false, []Verdict{Junk, Whole}},
		{"oversized", "\nFFFF0FFF\"" + string(bytes.Repeat([]byte{'x'}, 3*MaxFrame)) + "\r" + good, false, []Verdict{Oversized, Whole}},
		{"a line feed as binary CRC", "\n\n\n0013\"NULL\"0000L0#1234[]\r", true, []Verdict{Whole}},
		{"a carriage return as binary CRC", "\n\r\r0013\"NULL\"0000L0#1234[]\r", true, []Verdict{Whole}},
	} {
		s := Splitter{Options: Options{BinaryCRC: c.binary}}
		s.Write([]byte(c.in))
		var got []Verdict
		for _, v, ok := s.Next(); ok; _, v, ok = s.Next() {
			got = append(got, v)
		}
		if _, v, ok := s.Flush(); ok {
			got = append(got, v)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestSplitterWaitsForABinaryCRC: its first byte may be a line end, and a segment may
// end behind it.
func TestSplitterWaitsForABinaryCRC(t *testing.T) {
	for _, crc := range []string{"\n\n", "\r\r", "\n\r", "\nY", "Y\n"} {
		wire := "\n" + crc + "0013\"NULL\"0000L0#1234[]\r"
		for cut := range len(wire) {
			s := Splitter{Options: Options{BinaryCRC: true}}
			var got []string
			for _, part := range []string{wire[:cut], wire[cut:]} {
				s.Write([]byte(part))
				for piece, verdict, ok := s.Next(); ok; piece, verdict, ok = s.Next() {
					got = append(got, verdict.String()+string(piece))
				}
			}
			if len(got) != 1 || got[0] != Whole.String()+wire {
				t.Errorf("%q, cut at %d: %q", wire, cut, got)
			}
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{"caf\xe9 \x80": "café €", "café": "café", "\x81": "\uFFFD", "": ""} {
		if got := Text([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add([]byte("\n" + v.wire + "\r"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, err := Parse(raw, Options{BinaryCRC: true, DecimalLength: true})
		if err != nil {
			if reasonOf(err) == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		frame.Path()
		frame.OccurredAtMS()
		frame.ExtendedWithoutPath()
		if ack := AppendACK(nil, frame); len(ack) > len(raw)+8 {
			t.Fatalf("an answer of %d bytes to %d", len(ack), len(raw))
		}
	})
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("\n"+vectors[0].wire+"\r"), uint8(3), false)
	f.Add([]byte("\n\n\n0013\"NULL\"0000L0#1234[]\r"), uint8(1), true)
	f.Fuzz(func(t *testing.T, stream []byte, step uint8, binary bool) {
		s := Splitter{Options: Options{BinaryCRC: binary}}
		out := 0
		for rest := stream; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			s.Write(rest[:n])
			rest = rest[n:]
			for piece, _, ok := s.Next(); ok; piece, _, ok = s.Next() {
				if len(piece) == 0 || len(piece) > MaxFrame {
					t.Fatalf("a piece of %d bytes", len(piece))
				}
				out += len(piece)
			}
			if s.Pending() > MaxFrame+n {
				t.Fatalf("%d bytes are held", s.Pending())
			}
		}
		if piece, _, ok := s.Flush(); ok {
			out += len(piece)
		}
		if out > len(stream) {
			t.Fatalf("%d bytes came out of %d", out, len(stream))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	wire := []byte("\n" + vectors[1].wire + "\r")
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		if f, err := Parse(wire, Options{}); err != nil || f.Sequence != 1 {
			b.Fatal(f, err)
		}
	}
}

func BenchmarkACK(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if buf = AppendACK(buf[:0], vectors[1].want); len(buf) != 28 {
			b.Fatalf("%q", buf)
		}
	}
}
