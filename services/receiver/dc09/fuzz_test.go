package dc09

import (
	"bytes"
	"strings"
	"testing"
)

// The fuzzers of what goes out, and of what is read from frames. Those of frames,
// streams, events and ciphers stand beside their tests. Seeds that are kept stand in
// testdata/fuzz: what others published, and what broke something once.

// FuzzAppend writes what the fuzzer finds; what was written reads back the same.
func FuzzAppend(f *testing.F) {
	f.Add("SIA-DCS", "1234", []byte("#1234|NBA01"), []byte("[G2][H13:45:00,11-23-2026]"), uint32(1), uint32(0xABC), true, int64(1_795_441_512_000))
	f.Add("NAK", "", []byte{}, []byte{}, uint32(0), uint32(0xA0), false, int64(1))
	f.Fuzz(func(t *testing.T, token, account string, data, extended []byte, sequence, line uint32, receiver bool, ms int64) {
		want := Frame{Token: token, Account: account, Data: data, Extended: extended, Sequence: sequence, Line: line, HasReceiver: receiver, SentAtMS: ms}
		wire, err := Append([]byte("kept"), want)
		if err != nil {
			if string(wire) != "kept" {
				t.Fatalf("%v, and %q was written", err, wire)
			}
			return
		}
		wire = wire[len("kept"):]
		if bytes.ContainsAny(wire[1:len(wire)-1], "\r\n") {
			t.Fatalf("a line end inside %q", wire)
		}
		got, err := Parse(wire, Options{})
		if err != nil {
			t.Fatalf("%q does not read back: %v", wire, err)
		}
		const year1, year10000 = -62_135_596_800_000, 253_402_300_800_000
		if ms >= year1 && ms < year10000 && got.SentAtMS != ms-mod(ms, 1000) {
			t.Fatalf("%q reads as %d, not %d", wire, got.SentAtMS, ms)
		}
		if got.Sequence != sequence || !bytes.Equal(got.Data, data) || !bytes.Equal(got.Extended, extended) || token != TokenNak && got.Line != line || got.Account != account {
			t.Fatalf("%q reads as %+v", wire, got)
		}
	})
}

func mod(a, b int64) int64 { return (a%b + b) % b }

func FuzzParseStamp(f *testing.F) {
	f.Add([]byte("13:45:12,11-23-2026"))
	f.Add([]byte("23:59:60,02-29-2100"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, ok := ParseStamp(b)
		if ok && string(AppendStamp(nil, ms)) != string(b) {
			t.Fatalf("%q reads as %q", b, AppendStamp(nil, ms))
		}
	})
}

func FuzzFields(f *testing.F) {
	f.Add([]byte("[G2][J3][]][Kab][H13:45:12,11-23-2026]"))
	f.Fuzz(func(t *testing.T, extended []byte) {
		left := len(extended)
		for rest := extended; ; {
			label, value, after, ok := NextField(rest)
			if !ok {
				break
			}
			if len(after) >= left || bytes.ContainsRune(value, ']') {
				t.Fatalf("%q: field %q %q leaves %q", rest, label, value, after)
			}
			left, rest = len(after), after
		}
		frame := Frame{Extended: extended}
		if p := frame.Path(); p < 1 || p > 15 {
			t.Fatalf("path %d", p)
		}
		frame.OccurredAtMS()
		if out := frame.ExtendedWithoutPath(); len(out) > len(extended) {
			t.Fatalf("%q without its path is %q", extended, out)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(strings.Repeat("0F", 16))
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := ParseKey(text); err == nil && k.Bits() != 4*len(text) {
			t.Fatalf("%d digits give %v", len(text), k)
		}
	})
}
