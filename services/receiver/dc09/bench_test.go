package dc09

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"strings"
	"syscall"
	"testing"
	"time"
)

// One frame at a time, on one core. The axes: what the frame is (link test, SIA,
// Contact ID; with extended fields and a stamp), and the size of the key. Beside
// each: the least that the work holds, the CRC over the same bytes, or the standard
// library's AES-CBC over the same text.

var benchFrames = []struct {
	name  string
	frame Frame
}{
	{"link-test", Frame{Token: TokenNull, Sequence: 12, Account: "1234"}},
	{"sia", Frame{Token: TokenSIA, Sequence: 12, Account: "1234", Data: []byte("#1234|Nri1/BA012"), SentAtMS: refereeStamp}},
	{"sia-fields", Frame{Token: TokenSIA, Sequence: 12, Receiver: 1, HasReceiver: true, Line: 5, Account: "1234ABCD", Data: []byte("#1234ABCD|Nri1/id3/BA012^Porte du garage^"),
		Extended: []byte("[G2][H13:45:00,11-23-2026][IDetecteur du garage][M0026b9e4268b]"), SentAtMS: refereeStamp}},
	{"contact-id", Frame{Token: TokenCID, Sequence: 12, Account: "1234", Data: []byte("#1234|1130 01 003"), SentAtMS: refereeStamp}},
}

func mustWire(b *testing.B, f Frame) []byte {
	wire, err := Append(nil, f)
	if err != nil {
		b.Fatal(err)
	}
	return wire
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchFrames {
		wire := mustWire(b, c.frame)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			report := perCore(b)
			for b.Loop() {
				f, account, err := Scan(wire, Options{})
				if err != nil || f.Sequence != 12 || len(account) != len(c.frame.Account) || f.SentAtMS != c.frame.SentAtMS {
					b.Fatalf("%+v, %v", f, err)
				}
			}
			report()
		})
		b.Run(c.name+"/baseline-crc", func(b *testing.B) {
			b.SetBytes(int64(len(wire)))
			want := CRC(wire[9 : len(wire)-1])
			report := perCore(b)
			for b.Loop() {
				if CRC(wire[9:len(wire)-1]) != want {
					b.Fatal("another CRC")
				}
			}
			report()
		})
	}
}

// perCore reports frames for each second of processor time since it was called:
// the machine may be shared, and its clock then tells of the others.
func perCore(b *testing.B) (report func()) {
	start := processorTime(b)
	return func() {
		b.ReportMetric(float64(b.N)/(processorTime(b)-start).Seconds()/1e6, "Mframes/core-s")
	}
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkDecodeWithEvents reads what the frame reports and what it means, too.
func BenchmarkDecodeWithEvents(b *testing.B) {
	for _, c := range benchFrames[1:] {
		wire := mustWire(b, c.frame)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			report := perCore(b)
			for b.Loop() {
				f, err := Parse(wire, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if m := meaningOf(b, f); m.Kind != KindAlarm {
					b.Fatalf("%+v", m)
				}
			}
			report()
		})
	}
}

func meaningOf(b *testing.B, f Frame) Meaning {
	if f.Token == TokenCID {
		_, e, err := ParseCID(f.Data)
		if err != nil {
			b.Fatal(err)
		}
		m, _ := CIDMeaning(e)
		return m
	}
	_, events, err := ParseSIA(f.Data)
	if err != nil {
		b.Fatal(err)
	}
	m, _ := SIAMeaning(events[0].Code)
	return m
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range benchFrames {
		want := len(mustWire(b, c.frame))
		buf := make([]byte, 0, MaxFrame)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(want))
			b.ReportAllocs()
			report := perCore(b)
			for b.Loop() {
				wire, err := Append(buf, c.frame)
				if err != nil || len(wire) != want {
					b.Fatalf("%d bytes, %v", len(wire), err)
				}
			}
			report()
		})
	}
}

func BenchmarkDecrypt(b *testing.B) {
	for _, bits := range []string{"128", "256"} {
		raw := []byte(strings.Repeat("k", map[string]int{"128": 16, "256": 32}[bits]))
		key, err := NewKey(raw)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range benchFrames[1:3] {
			wire, err := AppendSealed(nil, c.frame, key, Pad{})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(c.name+"/aes-"+bits, func(b *testing.B) { decryptAll(b, wire, key) })
			b.Run(c.name+"/aes-"+bits+"/baseline-stdlib-cbc", func(b *testing.B) { stdlibCBC(b, wire, raw) })
			b.Run(c.name+"/aes-"+bits+"/encrypt", func(b *testing.B) { encryptAll(b, c.frame, key, len(wire)) })
		}
	}
}

// decryptAll scans the frame and opens it.
func decryptAll(b *testing.B, wire []byte, key *Key) {
	buf := make([]byte, 0, MaxBody/2)
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	report := perCore(b)
	for b.Loop() {
		f, _, _ := Scan(wire, Options{})
		f, _, err := Decrypt(buf, f, Options{}, key)
		if err != nil || f.SentAtMS != refereeStamp {
			b.Fatalf("%+v, %v", f, err)
		}
	}
	report()
}

// stdlibCBC is the standard library's over the same bytes, from bytes, with a
// CBC decrypter for each text as it must be made.
func stdlibCBC(b *testing.B, wire, raw []byte) {
	f, _, _ := Scan(wire, Options{})
	text, err := hex.DecodeString(string(f.Data))
	if err != nil {
		b.Fatal(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		b.Fatal(err)
	}
	out, iv := make([]byte, len(text)), make([]byte, blockSize)
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	report := perCore(b)
	for b.Loop() {
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, text)
	}
	if !strings.HasSuffix(string(out), "_13:45:12,11-23-2026") {
		b.Fatalf("%q", out)
	}
	report()
}

func encryptAll(b *testing.B, f Frame, key *Key, want int) {
	buf := make([]byte, 0, MaxFrame)
	b.SetBytes(int64(want))
	b.ReportAllocs()
	report := perCore(b)
	for b.Loop() {
		wire, err := AppendSealed(buf, f, key, Pad{})
		if err != nil || len(wire) != want {
			b.Fatalf("%d bytes, %v", len(wire), err)
		}
	}
	report()
}

// TestNothingIsAllocated where a receiver of a million panels would notice.
func TestNothingIsAllocated(t *testing.T) {
	key := mustKey(t, strings.Repeat("0F", 32))
	buf := make([]byte, 0, MaxFrame)
	for _, c := range benchFrames {
		wire, err := Append(nil, c.frame)
		if err != nil {
			t.Fatal(err)
		}
		f := c.frame
		f.SentAtMS = refereeStamp
		sealed, err := AppendSealed(nil, f, key, Pad{})
		if err != nil {
			t.Fatal(err)
		}
		for name, run := range map[string]func(){
			"scan":    func() { _, _, _ = Scan(wire, Options{}) },
			"encode":  func() { _, _ = Append(buf, f) },
			"encrypt": func() { _, _ = AppendSealed(buf, f, key, Pad{}) },
			"decrypt": func() {
				g, _, _ := Scan(sealed, Options{})
				if _, _, err := Decrypt(buf, g, Options{}, key, key); err != nil {
					t.Error(err)
				}
			},
			"answer": func() { _ = AppendNAK(AppendACK(buf, f)[:0], f, refereeStamp) },
		} {
			if n := testing.AllocsPerRun(100, run); n != 0 {
				t.Errorf("%s, %s: %.0f allocations", c.name, name, n)
			}
		}
	}
}
