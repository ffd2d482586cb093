package dc09

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var refereeStamp = time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC).UnixMilli()

// unhex reads what a Python child printed.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReadsWhatSiadc09Writes: every token and field, clear and encrypted.
func TestReadsWhatSiadc09Writes(t *testing.T) {
	tokens := map[string]bool{}
	n := 0
	for line := range strings.Lines(python(t, "testdata/siadc09_write.py")) {
		var w struct {
			Token, Key, Data, Extended, Frame string
			Sequence, Receiver                uint32
			Encrypted, Stamped                bool
		}
		if err := json.Unmarshal([]byte(line), &w); err != nil {
			t.Fatal(err)
		}
		n++
		tokens[w.Token] = true
		f, err := Parse(unhex(t, w.Frame), Options{})
		if w.Encrypted {
			if reasonOf(err) != ReasonEncrypted {
				t.Errorf("%s: %v, want it encrypted", w.Token, err)
			}
			f, _, err = Decrypt(nil, f, Options{}, mustKey(t, w.Key))
		}
		want := Frame{Token: w.Token, Encrypted: w.Encrypted, Sequence: w.Sequence, Receiver: w.Receiver, HasReceiver: w.Receiver != 0,
			Line: 5, Account: "1234AB", Data: unhex(t, w.Data), Extended: unhex(t, w.Extended)}
		if w.Stamped {
			want.SentAtMS = refereeStamp
		}
		if err != nil || !same(f, want) {
			t.Errorf("%s, key %q: %+v, %v, want %+v", w.Token, w.Key, f, err, want)
		}
	}
	if n < 200 || len(tokens) != 8+len(legacyTokens) {
		t.Errorf("siadc09 wrote %d frames of %d tokens", n, len(tokens))
	}
}

// whatTheyRead is what siadc09 understood.
type whatTheyRead struct {
	Error, Token, Data, Extended      string
	Sequence, Line, Receiver, Account uint64
	Encrypted                         bool
	Stamp                             int64
}

// TestSiadc09ReadsWhatWeWrite: the same the other way.
func TestSiadc09ReadsWhatWeWrite(t *testing.T) {
	var frames []Frame
	var input strings.Builder
	for _, f := range everyFrame() {
		for _, key := range []string{"", strings.Repeat("1C", 16), strings.Repeat("2D", 24), strings.Repeat("3E", 32)} {
			f.Encrypted = key != "" && f.Token != TokenNak && f.Token != TokenDuh
			wire := encodeFor(t, f, key)
			fmt.Fprintf(&input, "%x %s\n", wire, key)
			frames = append(frames, f)
		}
	}
	lines := slices.Collect(strings.Lines(pythonIn(t, input.String(), "testdata/siadc09_read.py")))
	if len(lines) != len(frames) {
		t.Fatalf("%d answers for %d frames", len(lines), len(frames))
	}
	for i, f := range frames {
		var got whatTheyRead
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if want := theyShouldRead(f); got != want {
			t.Errorf("%+v: they read %+v, want %+v", f, got, want)
		}
	}
}

// encodeFor seals with the pad 0, 1, 2, … when there is a key.
func encodeFor(t testing.TB, f Frame, key string) []byte {
	t.Helper()
	if !f.Encrypted {
		wire, err := Append(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	var pad Pad
	for i := range pad {
		pad[i] = byte(i) + '['
	}
	wire, err := AppendSealed(nil, f, mustKey(t, key), pad)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// everyFrame has each token, and each field that siadc09 keeps as it is.
func everyFrame() []Frame {
	extended := AppendField(nil, 'H', string(AppendStamp(nil, refereeStamp-60_000)))
	for _, field := range []string{
		"A0011", "CDP", "G2", "I2nd floor", "Kab", "Lhall", "M0026b9e4268b", "N11", "OA", "Pp", "R1", "Ss", "TS", "Vv", "X093W23", "Y45N23", "Z12M", "Q?", `J{"a": "b"}`,
	} {
		extended = AppendField(extended, field[0], field[1:])
	}
	frames := []Frame{
		{Token: TokenSIA, Data: []byte("#1234AB|Nri1/BA12"), Extended: extended},
		{Token: TokenSIA, Data: []byte("#1234AB|Nri1/id3/CL3")},
		{Token: TokenCID, Data: []byte("#1234AB|1130 01 003"), Extended: extended},
		{Token: TokenCID, Data: []byte("#1234AB|6130 01 003")},
		{Token: TokenRSP, Extended: AppendField(nil, 'K', strings.Repeat("ab", 16))},
		{Token: TokenXNM, Extended: extended},
		{Token: TokenNull}, {Token: TokenAck}, {Token: TokenNak}, {Token: TokenDuh},
	}
	for _, l := range legacyTokens {
		frames = append(frames, Frame{Token: l.token, Data: []byte("1234 56")})
	}
	for i := range frames {
		f := &frames[i]
		f.Sequence, f.Line, f.Account, f.SentAtMS = uint32(9999-i), 0xF, "1234AB", refereeStamp
		if f.HasReceiver = i%2 == 0; f.HasReceiver {
			f.Receiver = 0xABCDEF
		}
	}
	return frames
}

// theyShouldRead: siadc09 keeps no sequence of a NAK, and no stamp of a DUH.
func theyShouldRead(f Frame) whatTheyRead {
	want := whatTheyRead{Token: f.Token, Sequence: uint64(f.Sequence), Line: uint64(f.Line), Receiver: uint64(f.Receiver), Account: 0x1234AB,
		Encrypted: f.Encrypted, Data: hex.EncodeToString(f.Data), Extended: hex.EncodeToString(f.Extended), Stamp: f.SentAtMS}
	switch f.Token {
	case TokenNak:
		want.Sequence = 0
	case TokenDuh:
		want.Stamp = 0
	}
	return want
}

// TestMyDC09SPTsFramesAndAnswers: a third party's transmitter, as far as its codec goes. Its stamp
// is the time of the test, so only that there is one is held.
func TestMyDC09SPTsFramesAndAnswers(t *testing.T) {
	var answers strings.Builder
	n := 0
	for line := range strings.Lines(python(t, "testdata/spt_codec.py")) {
		col := strings.Fields(line) // key, token, sequence, data and fields, frame
		n++
		f, err := Parse(unhex(t, col[4]), Options{})
		if reasonOf(err) != ReasonEncrypted || f.Account != "1234" {
			t.Fatalf("%s: %+v, %v", col[1], f, err)
		}
		got, _, err := Decrypt(nil, f, Options{}, mustKey(t, col[0]))
		content := string(got.Data) + "]" + string(got.Extended)
		if err != nil || got.Token != col[1] || fmt.Sprint(got.Sequence) != col[2] || content != string(unhex(t, col[3])) || got.SentAtMS == 0 {
			t.Errorf("%s: %+v %q, %v, want %q", col[1], flat(got), content, err, unhex(t, col[3]))
		}
		if col[1] == TokenSIA && eventOf(got) != "BA 3" {
			t.Errorf("%q reads as %q", got.Data, eventOf(got))
		}
		ack, err := AppendSealedACK(nil, got, mustKey(t, col[0]), Pad{}, refereeStamp)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&answers, "%s %s %x\n", col[0], col[2], ack)
		fmt.Fprintf(&answers, "%s %s %x\n", col[0], col[2], AppendNAK(nil, got, refereeStamp))
	}
	said := pythonIn(t, answers.String(), "testdata/spt_codec.py")
	if want := strings.Repeat("ACK clock\nNAK clock\n", n); n != 12 || said != want {
		t.Errorf("of our answers to %d frames it says %q", n, said)
	}
}
