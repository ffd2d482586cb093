package dc09

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustKey(t testing.TB, text string) *Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealed are encrypted frames of others, with their keys. Source: the test vectors
// of public decoders, each named; the texts were checked with another AES.
var sealed = []struct {
	source, wire, key  string
	data, extended, at string
	token              string
}{
	{"SIADC09Debugger", `E88800a7"*SIA-DCS"0000RC0FFDL1234#080027E62A64[A054F111518361720BAB126501C6D994CD9151D2C84881C0FEA933A0790F49A9236EBD45F2AED32FAA252EB1AA18FC3CDEDE2452F33185E5931D31308D9B9882`,
		strings.Repeat("ABCD", 8), "#080027E62A64|NHB0003", "[E115000]", "15:12:40,06-22-2015", TokenSIA},
	{"SIADC09Debugger: a bar before no data", `E34C0062"*ACK"0001R5678L1234#080027E62A64[14F088FF5DCB19D1908069507EAB97C7CDB20F1C6EFA550BB59864D54B2DFA1C`,
		strings.Repeat("ABCD", 8), "", "", "16:08:12,04-14-2015", TokenAck},
	{"a Go sender: no bar before no data", `C1B30052"*ACK"0001L0#1001[FFAC5F1A3794837779D9C95762764263A68961C08ABD2942B4607F2321BF554A`,
		strings.Repeat("0123456789ABCDEF", 2), "", "", "13:41:10,04-30-2026", TokenAck},
	{"Jeedom, of an Ajax hub: a pad of zeros, no account in the data", `05BB0076"*SIA-DCS"7654L0#1111[C07DA1EB73C617857476EE5D79436CEE5E0084485E79EC56B0D5D1F3F6E648B278050BBCCBC8FE5DCA7E3C80DBDD4945`,
		hex.EncodeToString([]byte("AAAAAAAAAAAAAAAA")), "Nri1/WA000", "", "16:04:02,07-09-2020", TokenSIA},
	{"pysiaalarm's tests: a short pad", `76D80055"*NULL"0000R0L0#AAAB[B4BC8B40D0E6D959D6BEA78E88CC0B2155741A3C44FBB96D476A3E557CAD64D9`,
		hex.EncodeToString([]byte("AAAAAAAAAAAAAAAA")), "", "", "18:24:52,07-05-2020", TokenNull},
	{"the standard's example, quoted in ioBroker.sia's source without CRC and length, which are ours; its key was found by trying", `D9760084"*SIA-DCS"9876R579BDFL789ABC#12345A[209c9d400b655df7a26aecb6a887e7ee6ed8103217079aae7cbd9dd7551e96823263460f7ef0514864897ae9789534f1`,
		strings.Repeat("0123456789ABCDEF", 2), "12345A|NFA129", "", "13:14:15,02-15-2006", TokenSIA},
	{"siadc09's text: small letters in hexadecimal", `DE260072"*NULL"0000L0#000[242ff5e1d26993d8ca4a622f7d779a93096ef7ed9b5499dc13de23e1405a5764b58737251286f0d81da5134d1eebc238`,
		"850cba22f7dd4f033405da83e4c5bae9", "", "", "03:07:43,09-22-2026", TokenNull},
}

func TestFramesThatOthersEncrypted(t *testing.T) {
	other := mustKey(t, strings.Repeat("00", 16))
	for _, v := range sealed {
		f, err := Parse([]byte("\n"+v.wire+"\r"), Options{})
		if reasonOf(err) != ReasonEncrypted || f.Token != v.token || !f.Encrypted || f.Account == "" {
			t.Errorf("%s: the header gives %+v, %v", v.source, flat(f), err)
			continue
		}
		at, _ := ParseStamp([]byte(v.at))
		got, key, err := Decrypt(nil, f, Options{}, other, mustKey(t, v.key))
		if err != nil || key != 1 || string(got.Data) != v.data || string(got.Extended) != v.extended || got.SentAtMS != at {
			t.Errorf("%s: %q %q %d, key %d, %v", v.source, got.Data, got.Extended, got.SentAtMS, key, err)
		}
	}
}

// seal encrypts any text, for what our own encoder would not write.
func seal(key string, text string) []byte {
	k, _ := hex.DecodeString(key)
	block, _ := aes.NewCipher(k)
	b := []byte(text)
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(b, b)
	return []byte(strings.ToUpper(hex.EncodeToString(b)))
}

func TestWhatCannotBeDecryptedSaysWhy(t *testing.T) {
	const key = "000102030405060708090A0B0C0D0E0F"
	const noStamp = "0123456789abcdef0123|#12|NBA01]x" // 32 bytes
	for _, c := range []struct {
		name, token string
		data        []byte
		opt         Options
		reason      Reason
	}{
		{"no digits", TokenSIA, nil, Options{}, ReasonBadCipher},
		{"half a block", TokenSIA, []byte("00112233"), Options{}, ReasonBadCipher},
		{"not hexadecimal", TokenSIA, bytes.Repeat([]byte("G"), 32), Options{}, ReasonBadCipher},
		{"another key's", TokenSIA, seal(strings.Repeat("AB", 16), "0123456789ab]_13:41:10,04-30-2026"[:32]), Options{}, ReasonWrongKey},
		{"no stamp", TokenSIA, seal(key, "0123456789abcdef012|#1234|NBA01]"), Options{}, ReasonWrongKey},
		{"no stamp, allowed", TokenSIA, seal(key, "0123456789abcdef012|#1234|NBA01]"), Options{UnstampedCipher: true}, ""},
		{"no stamp, allowed, Contact ID", TokenCID, seal(key, "0123456789abc|#1|1130 01 00003 ]"), Options{UnstampedCipher: true}, ReasonWrongKey},
		{"no stamp, allowed, but no report", TokenSIA, seal(key, "0123456789abcdef012|!1234!!!!!!]"), Options{UnstampedCipher: true}, ReasonWrongKey},
		{"no stamp, allowed, but bytes stand where it belongs", TokenSIA, seal(key, noStamp), Options{UnstampedCipher: true}, ReasonWrongKey},
		{"no stamp, allowed, link test", TokenNull, seal(key, "0123456789abcdef0123456789abcde]"), Options{UnstampedCipher: true}, ReasonWrongKey},
		{"the right key's, without an end of the data", TokenSIA, seal(key, "0123456789ab|_13:41:10,04-30-2026"[1:]), Options{}, ReasonBadSyntax},
	} {
		_, used, err := Decrypt(nil, Frame{Token: c.token, Data: c.data}, c.opt, mustKey(t, key))
		if reasonOf(err) != c.reason {
			t.Errorf("%s: %v, want %q", c.name, err, c.reason)
		}
		if fits := c.reason == "" || c.reason == ReasonBadSyntax; fits != (used == 0) {
			t.Errorf("%s: key %d", c.name, used)
		}
	}
}

func TestKeysAreNeverPrinted(t *testing.T) {
	const text = "00112233445566778899AABBCCDDEEFF"
	k := mustKey(t, text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "AES-128 key" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	for _, bad := range []string{"", "00", text[1:], "Z" + text[1:], text + "00"} {
		if _, err := ParseKey(bad); err == nil || len(bad) > 4 && strings.Contains(err.Error(), bad[:4]) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWhatCannotBeSealedSaysWhy(t *testing.T) {
	k := mustKey(t, strings.Repeat("00", 16))
	stamped := Frame{Token: TokenSIA, Account: "1234", SentAtMS: 1}
	for name, c := range map[string]struct {
		change func(*Frame)
		want   string
	}{
		"no stamp":   {func(f *Frame) { f.SentAtMS = 0 }, "time stamp"},
		"a NAK":      {func(f *Frame) { f.Token = TokenNak }, "never encrypted"},
		"a DUH":      {func(f *Frame) { f.Token = TokenDuh }, "never encrypted"},
		"too long":   {func(f *Frame) { f.Data = bytes.Repeat([]byte("x"), 2030) }, "at most"},
		"a bracket":  {func(f *Frame) { f.Data = []byte("]") }, "bracket"},
		"a line end": {func(f *Frame) { f.Extended = []byte("[I\n]") }, "line end"},
		"no fields":  {func(f *Frame) { f.Extended = []byte("I]") }, "between brackets"},
		"an account": {func(f *Frame) { f.Account = "12[4" }, "account"},
		"a long one": {func(f *Frame) { f.Account = strings.Repeat("1", 17) }, "account"},
		"a line":     {func(f *Frame) { f.Line = 1 << 24 }, "at most FFFFFF"},
		"a sequence": {func(f *Frame) { f.Sequence = 10000 }, "at most 9999"},
		"a token":    {func(f *Frame) { f.Token = `X"` }, "token"},
	} {
		f := stamped
		c.change(&f)
		if got, err := AppendSealed([]byte("kept"), f, k, Pad{}); err == nil || !strings.Contains(err.Error(), c.want) || string(got) != "kept" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := Append(nil, Frame{Token: TokenSIA, Encrypted: true}); err == nil {
		t.Error("Append wrote in clear what was to be encrypted")
	}
}

// TestSealedRoundTrip: any frame, key and pad; nothing is allocated with room, and
// the standard library's CBC reads the same text.
func TestSealedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawFrame(t)
		if want.Token == TokenNak || want.Token == TokenDuh {
			return
		}
		want.SentAtMS = max(want.SentAtMS, 1000)
		raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")[:rapid.SampledFrom([]int{16, 24, 32}).Draw(t, "size")]
		key, err := NewKey(raw)
		if err != nil {
			t.Fatal(err)
		}
		var pad Pad
		copy(pad[:], rapid.SliceOfN(rapid.Byte(), len(pad), len(pad)).Draw(t, "pad"))
		wire, err := AppendSealed([]byte("before"), want, key, pad)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(wire[len("before"):], Options{BinaryCRC: true})
		if reasonOf(err) != ReasonEncrypted {
			t.Fatalf("%q: %v", wire, err)
		}
		wantText(t, f, want, raw)
		got, used, err := Decrypt(make([]byte, 0, MaxBody/2), f, Options{}, mustOther(t), key)
		want.Encrypted = true
		if err != nil || used != 1 || !same(got, want) {
			t.Fatalf("%q: %+v, key %d, %v, want %+v", wire, got, used, err, want)
		}
	})
}

func mustOther(t *rapid.T) *Key {
	k, err := NewKey([]byte("another key here"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantText(t *rapid.T, f, want Frame, key []byte) {
	text, err := hex.DecodeString(string(f.Data))
	if err != nil || string(f.Data) != strings.ToUpper(string(f.Data)) {
		t.Fatalf("%q, %v", f.Data, err)
	}
	block, _ := aes.NewCipher(key)
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(text, text)
	pad := bytes.IndexAny(text, "|]")
	if pad < 16 || pad > 31 || (text[pad] == '|') != (len(want.Data) > 0) {
		t.Fatalf("a pad of %d bytes before %q", pad, text[max(pad, 0):])
	}
}

func TestAnEncryptedRequestIsOwedAnEncryptedACK(t *testing.T) {
	k := mustKey(t, strings.Repeat("5A", 32))
	now := time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC).UnixMilli()
	request := Frame{Token: TokenSIA, Encrypted: true, Sequence: 42, Receiver: 1, HasReceiver: true, Line: 2, Account: "12ab"}
	wire, err := AppendSealedACK(nil, request, k, Pad{}, now)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(wire, Options{})
	if reasonOf(err) != ReasonEncrypted || !bytes.Contains(wire, []byte(`"*ACK"0042R1L2#12ab[`)) {
		t.Fatalf("%q, %v", wire, err)
	}
	if got, _, err := Decrypt(nil, f, Options{}, k); err != nil || got.SentAtMS != now || len(got.Data) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	answer := Answer(TokenRSP, request)
	answer.Extended = AppendField(nil, 'K', strings.Repeat("A5", 16))
	answer.SentAtMS = now
	if wire, err = AppendSealed(nil, answer, k, Pad{}); err != nil {
		t.Fatal(err)
	}
	f, _ = Parse(wire, Options{})
	got, _, err := Decrypt(nil, f, Options{}, k)
	if v, ok := got.Field('K'); err != nil || !ok || len(v) != 32 || got.Token != TokenRSP {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzDecrypt(f *testing.F) {
	for _, v := range sealed {
		if frame, err := Parse([]byte(v.wire), Options{}); err != nil {
			f.Add(frame.Data, true)
		}
	}
	keys := []*Key{mustKey(f, strings.Repeat("ABCD", 8)), mustKey(f, hex.EncodeToString([]byte("AAAAAAAAAAAAAAAA")))}
	f.Fuzz(func(t *testing.T, data []byte, unstamped bool) {
		frame, used, err := Decrypt(nil, Frame{Token: TokenSIA, Encrypted: true, Data: data}, Options{UnstampedCipher: unstamped}, keys...)
		var why *Error
		if err != nil && !errors.As(err, &why) {
			t.Fatalf("an error without a reason: %v", err)
		}
		if err == nil && (used < 0 || bytes.ContainsRune(frame.Data, ']')) {
			t.Fatalf("%+v, key %d", frame, used)
		}
	})
}

// FuzzSealed encrypts what the fuzzer finds and reads it back.
func FuzzSealed(f *testing.F) {
	f.Add([]byte("#1234|NBA01"), []byte("[G2]"), []byte("pad"), int64(1_700_000_000_000))
	key := mustKey(f, strings.Repeat("0F", 24))
	f.Fuzz(func(t *testing.T, data, extended, random []byte, ms int64) {
		want := Frame{Token: TokenSIA, Encrypted: true, Sequence: 1, Account: "1234", Data: data, Extended: extended, SentAtMS: ms}
		var pad Pad
		copy(pad[:], random)
		wire, err := AppendSealed(nil, want, key, pad)
		if err != nil {
			return
		}
		got, err := Parse(wire, Options{})
		if reasonOf(err) != ReasonEncrypted {
			t.Fatalf("%q: %v", wire, err)
		}
		got, _, err = Decrypt(nil, got, Options{}, key)
		if _, ok := ParseStamp(AppendStamp(nil, ms)); !ok {
			return // a year of more than four digits
		}
		if err == nil && string(got.Data) != string(data) {
			t.Fatalf("%q came back as %q", data, got.Data)
		}
	})
}
