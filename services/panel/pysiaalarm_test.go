package panel

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// TestPysiaalarmsAnswers: what a third party's receiver says to what it takes and to
// what it does not, over both transports, in clear and encrypted.
func TestPysiaalarmsAnswers(t *testing.T) {
	const text = "0123456789ABCDEF0123456789ABCDEF"
	key, err := dc09.ParseKey(hex.EncodeToString([]byte(text))) // it takes a key's characters for its bytes
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"tcp", "udp"} {
		port, events := startReceiver(t, strings.ToUpper(network), "1234AB")
		pysiaalarmAnswers(t, network, port, events, nil)
		port, events = startReceiver(t, strings.ToUpper(network), "1234AB", text)
		pysiaalarmAnswers(t, network, port, events, key)
	}
}

func pysiaalarmAnswers(t *testing.T, network, port string, events <-chan string, key *dc09.Key) {
	t.Helper()
	for _, c := range []struct {
		name, account, code string
		now                 func() time.Time
		receiver            uint32
		want                AnswerKind
		raw                 string // part of its answer
	}{
		// It has no R to repeat, and writes a word in its place.
		{"a message without R", "1234AB", "BA", time.Now, 0, ACK, "NoneL0#1234AB["},
		{"a code that it does not know", "1234AB", "QQ", time.Now, 1, DUH, "R1L0#1234AB["},
		{"a clock that is an hour slow", "1234AB", "BA", func() time.Time { return time.Now().Add(-time.Hour) }, 1, ACK, "R1L0#1234AB["},
		{"a clock that is an hour slow, without R", "1234AB", "BA", func() time.Time { return time.Now().Add(-time.Hour) }, 0, ACK, "NoneL0#1234AB["},
		{"an account that it does not know", "9999", "BA", time.Now, 1, NAK, `"NAK"`},
	} {
		p, err := Dial(network, "127.0.0.1:"+port, Now(c.now))
		if err != nil {
			t.Fatal(err)
		}
		m := SIA(Event{Account: c.account, Code: c.code, Area: "1", Zone: "7"})
		m.Receiver, m.Stamped, m.Key = c.receiver, true, key
		a, err := p.Send(t.Context(), m)
		sealed := key != nil && c.want == ACK
		if err != nil || a.Kind != c.want || a.Encrypted != sealed || !strings.Contains(string(a.Raw), c.raw) {
			t.Errorf("%s, %v: %s: %+v %q, %v", network, key, c.name, a, a.Raw, err)
		} else if c.want == ACK {
			<-events // accepted
		}
		if said := Explain(a, "en"); c.want == NAK && (!strings.Contains(said, "of #9999") || key == nil && !strings.Contains(said, "without a clock")) {
			t.Errorf("%s: %s", c.name, said)
		}
		if slow := c.now().Before(time.Now().Add(-time.Minute)); slow != (p.offset > time.Minute) {
			t.Errorf("%s, %v: %s: the clock was put right by %s", network, key, c.name, p.offset)
		}
		_ = p.Close()
	}
}

// TestRefusalWithoutAFrameIsOfOneMessage: of several that wait nobody knows whose it is.
func TestRefusalWithoutAFrameIsOfOneMessage(t *testing.T) {
	p := &Transmitter{waiting: map[exchange]*waiter{}}
	for seq := range uint32(2) {
		p.waiting[exchange{account{0, "1234"}, seq}] = &waiter{answers: make(chan Answer, 2)}
	}
	if !p.deliverWord([]byte(refusal)) || p.deliverWord([]byte(`"ACK"`)) {
		t.Error("a refusal is a word of its own; an ACK without a frame proves nothing")
	}
	for x, w := range p.waiting {
		if len(w.answers) != 0 {
			t.Errorf("%v was refused", x)
		}
	}
}
