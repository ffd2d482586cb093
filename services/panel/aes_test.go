package panel

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

var secret = func() Message {
	m := alarm
	m.Key = testKey
	return m
}()

func sealedACK(f dc09.Frame, key *dc09.Key) []byte {
	b, err := dc09.AppendSealedACK(nil, f, key, dc09.Pad{}, 1_700_000_000_000)
	if err != nil {
		panic(err)
	}
	return b
}

func TestEncryptedMessageIsAnsweredEncrypted(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		r := serve(t, network, func(_ int, f dc09.Frame) []byte { return sealedACK(f, testKey) })
		p := dial(t, network, r)
		a, err := p.Send(context.Background(), secret)
		if err != nil || a.Kind != ACK || !a.Encrypted || !strings.Contains(Explain(a, "en"), "encrypted") || !strings.Contains(Explain(a, "fr"), "chiffré") {
			t.Errorf("%s: %+v, %v", network, a, err)
		}
		if got := r.got()[0]; !got.Encrypted || got.SentAtMS == 0 || string(got.Data) != string(alarm.Data) {
			t.Errorf("%s: the receiver read %+v", network, got)
		}
		if strings.Contains(string(a.Raw), "1234[]") {
			t.Errorf("%s: the answer came in clear: %q", network, a.Raw)
		}
	}
}

// TestForgedAnswersAreNotBelieved: anybody on the way can write an ACK in clear, or
// with another key.
func TestForgedAnswersAreNotBelieved(t *testing.T) {
	other, err := dc09.ParseKey(strings.Repeat("0F", 16))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		send   Message
		answer func(f dc09.Frame) []byte
	}{
		"in clear":                         {secret, func(f dc09.Frame) []byte { return dc09.AppendACK(nil, f) }},
		"with another key":                 {secret, func(f dc09.Frame) []byte { return sealedACK(f, other) }},
		"encrypted, to a message in clear": {alarm, func(f dc09.Frame) []byte { return sealedACK(f, testKey) }},
	} {
		r := serve(t, "udp", func(_ int, f dc09.Frame) []byte { return c.answer(f) })
		p := dial(t, "udp", r, Tries(2, 30*time.Millisecond))
		if a, err := p.Send(context.Background(), c.send); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%s: %+v, %v, want no answer", name, a, err)
		}
	}
}

// TestNAKWithoutAnAccount is how most receivers write it; it is never encrypted.
func TestNAKWithoutAnAccount(t *testing.T) {
	theirs := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli()
	r := serve(t, "tcp", func(n int, f dc09.Frame) []byte {
		if n == 1 {
			return wire(`"NAK"0000R0L0A0[]_` + string(dc09.AppendStamp(nil, theirs)))
		}
		return sealedACK(f, testKey)
	})
	p := dial(t, "tcp", r)
	a, err := p.Send(context.Background(), secret)
	if err != nil || a.Kind != ACK || len(r.got()) != 2 {
		t.Fatalf("%+v, %v", a, err)
	}
	if d := r.got()[1].SentAtMS - theirs; d < 0 || d > 5000 {
		t.Errorf("the second stamp is %d ms off the receiver's clock", d)
	}
}

// TestNAKWithoutAnAccountIsOfStamps: it says nothing of a message without one.
func TestNAKWithoutAnAccountIsOfStamps(t *testing.T) {
	r := serve(t, "udp", func(n int, f dc09.Frame) []byte {
		if n == 1 {
			return wire(`"NAK"0000R0L0A0[]_12:00:00,11-23-2026`)
		}
		return dc09.AppendACK(nil, f)
	})
	p := dial(t, "udp", r, Tries(3, 50*time.Millisecond))
	if a, err := p.Send(context.Background(), alarm); err != nil || a.Kind != ACK || a.Tries != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestRSPIsAnACKThatBringsSomething(t *testing.T) {
	r := serve(t, "udp", func(_ int, f dc09.Frame) []byte {
		answer := dc09.Answer(dc09.TokenRSP, f)
		answer.Extended = dc09.AppendField(nil, 'P', "menu")
		answer.SentAtMS = 1_700_000_000_000
		b, err := dc09.AppendSealed(nil, answer, testKey, dc09.Pad{})
		if err != nil {
			t.Error(err)
		}
		return b
	})
	p := dial(t, "udp", r)
	a, err := p.Send(context.Background(), secret)
	if err != nil || a.Kind != RSP || string(a.Extended) != "[Pmenu]" {
		t.Errorf("%+v %q, %v", a, a.Extended, err)
	}
}

// TestPysiaalarmReceivesOurFrames: a third party's receiver accepts and answers what
// we send, in clear and encrypted, over both transports.
func TestPysiaalarmReceivesOurFrames(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		for _, key := range []string{"", "0123456789ABCDEF", "0123456789ABCDEF01234567", "0123456789ABCDEF0123456789ABCDEF"} {
			t.Run(network+" "+key, func(t *testing.T) { sendToPysiaalarm(t, network, key) })
		}
	}
}

func sendToPysiaalarm(t *testing.T, network, key string) {
	args := []string{strings.ToUpper(network), "1234AB"}
	var k *dc09.Key
	if key != "" {
		args = append(args, key)
		// pysiaalarm takes the characters of a key for its bytes.
		var err error
		if k, err = dc09.ParseKey(hex.EncodeToString([]byte(key))); err != nil {
			t.Fatal(err)
		}
	}
	port, events := startReceiver(t, args...)
	p, err := Dial(network, "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	for _, c := range []struct {
		message Message
		accepts string
	}{
		{SIA(Event{Account: "1234AB", Code: "BA", Area: "1", Zone: "012", Text: "Salon"}), "BA 1 012^Salon^"},
		{ContactID(Event{Account: "1234AB", Code: "130", Area: "1", Zone: "12"}), "BA 012 -"},
		{ContactID(Event{Account: "1234AB", Code: "401", User: "3", Restore: true}), "CL 003 -"},
		{Poll("1234AB", 2), "RP 0 -"},
	} {
		// Without R it answers with a word in its place.
		c.message.Receiver, c.message.Line, c.message.Key, c.message.Stamped = 1, 2, k, true
		a, err := p.Send(t.Context(), c.message)
		if err != nil || a.Kind != ACK || a.Encrypted != (k != nil) {
			t.Errorf("%s: %+v, %v", c.accepts, a, err)
			continue
		}
		want := c.accepts + map[bool]string{true: " E", false: " -"}[k != nil]
		if got := <-events; got != want {
			t.Errorf("it accepted %q, want %q", got, want)
		}
	}
}

// startReceiver runs the Python child until the test ends.
func startReceiver(t *testing.T, args ...string) (port string, events <-chan string) {
	t.Helper()
	cmd := exec.Command("../../.tools/venv/bin/python", append([]string{"-W", "ignore", "testdata/receiver.py"}, args...)...)
	var why strings.Builder
	cmd.Stderr = &why
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; run `make setup`", err)
	}
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		for range lines {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("pysiaalarm's receiver: %v\n%s", err, why.String())
		}
	})
	port, ok := <-lines
	if !ok {
		t.Fatalf("pysiaalarm's receiver did not start; run `make setup`")
	}
	return port, lines
}
