package panel

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a scripted one: it says what to answer to each frame, nil for
// silence, and closes a TCP connection after hangUp.
type receiver struct {
	addr   string
	mu     sync.Mutex
	frames []dc09.Frame
}

// got are the frames so far.
func (r *receiver) got() []dc09.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frames[:len(r.frames):len(r.frames)]
}

var hangUp = []byte{}

var testKey, _ = dc09.ParseKey("000102030405060708090A0B0C0D0E0F")

func serve(t *testing.T, network string, answer func(n int, f dc09.Frame) []byte) *receiver {
	t.Helper()
	r := &receiver{}
	take := func(raw []byte) []byte {
		f, err := dc09.Parse(raw, dc09.Options{})
		if f.Encrypted {
			f, _, err = dc09.Decrypt(nil, f, dc09.Options{}, testKey)
		}
		if err != nil {
			t.Errorf("the panel sent %q: %v", raw, err)
			return nil
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		f.Data = append([]byte(nil), f.Data...)
		r.frames = append(r.frames, f)
		return answer(len(r.frames), f)
	}
	var all sync.WaitGroup
	if network == "udp" {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r.addr = conn.LocalAddr().String()
		all.Go(func() { servePackets(conn, take) })
		t.Cleanup(func() { _ = conn.Close(); all.Wait() })
		return r
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serveConn(conn, take) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return r
}

func servePackets(conn net.PacketConn, take func([]byte) []byte) {
	buf := make([]byte, 8<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if a := take(buf[:n]); a != nil {
			_, _ = conn.WriteTo(a, from)
		}
	}
}

func serveConn(conn net.Conn, take func([]byte) []byte) {
	defer conn.Close()
	buf := make([]byte, 8<<10)
	var s dc09.Splitter
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		s.Write(buf[:n])
		for piece, _, ok := s.Next(); ok; piece, _, ok = s.Next() {
			a := take(piece)
			if a != nil && len(a) == 0 {
				return
			}
			_, _ = conn.Write(a)
		}
	}
}

func dial(t *testing.T, network string, r *receiver, options ...Option) *Transmitter {
	t.Helper()
	p, err := Dial(network, r.addr, append([]Option{FirstSequence(9998)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

var alarm = SIA(Event{Account: "1234", Code: "ba", Area: "1", Zone: "012", User: "3", Text: "Salon"})

func TestSequenceWrapsTo0001(t *testing.T) {
	r := serve(t, "udp", func(_ int, f dc09.Frame) []byte { return dc09.AppendACK(nil, f) })
	p := dial(t, "udp", r)
	for range 4 {
		if a, err := p.Send(context.Background(), alarm); err != nil || a.Kind != ACK {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	var got []uint32
	for _, f := range r.got() {
		got = append(got, f.Sequence)
	}
	if want := []uint32{9998, 9999, 1, 2}; len(got) != 4 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
		t.Errorf("sequences %v, want %v", got, want)
	}
	if string(r.got()[0].Data) != "#1234|Nri1/id3/BA012^Salon^" {
		t.Errorf("data %q", r.got()[0].Data)
	}
}

func TestSilenceIsRetriedWithTheSameSequence(t *testing.T) {
	r := serve(t, "udp", func(n int, f dc09.Frame) []byte {
		if n < 3 {
			return nil
		}
		return dc09.AppendACK(nil, f)
	})
	p := dial(t, "udp", r, Tries(5, 50*time.Millisecond))
	a, err := p.Send(context.Background(), alarm)
	if err != nil || a.Tries != 3 || r.got()[0].Sequence != r.got()[2].Sequence {
		t.Errorf("%+v, %v, %v", a, err, r.got())
	}
}

func TestNoAnswerIsAnError(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		r := serve(t, network, func(int, dc09.Frame) []byte { return nil })
		p := dial(t, network, r, Tries(2, 20*time.Millisecond))
		if _, err := p.Send(context.Background(), alarm); !errors.Is(err, ErrNoAnswer) || !strings.Contains(err.Error(), "#1234") {
			t.Errorf("%s: %v, want ErrNoAnswer", network, err)
		}
	}
}

func TestLostConnectionIsMadeAnew(t *testing.T) {
	r := serve(t, "tcp", func(n int, f dc09.Frame) []byte {
		if n == 1 {
			return hangUp
		}
		return dc09.AppendACK(nil, f)
	})
	p := dial(t, "tcp", r, Tries(3, 200*time.Millisecond))
	if a, err := p.Send(context.Background(), alarm); err != nil || a.Tries != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestNAKCorrectsTheClockOnce(t *testing.T) {
	theirs := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli()
	r := serve(t, "tcp", func(n int, f dc09.Frame) []byte {
		if d := f.SentAtMS - theirs; d < -5000 || d > 5000 {
			return dc09.AppendNAK(nil, f, theirs)
		}
		return dc09.AppendACK(nil, f)
	})
	p := dial(t, "tcp", r)
	m := alarm
	m.Stamped = true
	if a, err := p.Send(context.Background(), m); err != nil || a.Kind != ACK {
		t.Errorf("%+v, %v", a, err)
	}
	stubborn := serve(t, "tcp", func(_ int, f dc09.Frame) []byte { return dc09.AppendNAK(nil, f, theirs) })
	p = dial(t, "tcp", stubborn)
	if a, err := p.Send(context.Background(), m); err != nil || a.Kind != NAK || len(stubborn.got()) != 2 {
		t.Errorf("%+v, %v after %d frames, want the second NAK", a, err, len(stubborn.got()))
	}
}

func TestAnswersOfOthersAreNotOurs(t *testing.T) {
	r := serve(t, "udp", func(n int, f dc09.Frame) []byte {
		other := f
		other.Account = "9999"
		if n == 2 {
			other = f
		}
		return dc09.AppendACK(nil, other)
	})
	p := dial(t, "udp", r, Tries(3, 50*time.Millisecond))
	if a, err := p.Send(context.Background(), alarm); err != nil || a.Tries != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestCloseAndContextEndASend(t *testing.T) {
	r := serve(t, "tcp", func(int, dc09.Frame) []byte { return nil })
	p := dial(t, "tcp", r)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Send(ctx, alarm); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
	failed := make(chan error)
	go func() {
		_, err := p.Send(context.Background(), alarm)
		failed <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

func TestUnreachableReceiverIsTold(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	if _, err := Dial("tcp", addr); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v, want an error that names %s", err, addr)
	}
	if _, err := Dial("serial", addr); err == nil {
		t.Error("serial is no transport here")
	}
}

func TestBuilders(t *testing.T) {
	for _, c := range []struct {
		m    Message
		data string
		path uint32
	}{
		{ContactID(Event{Account: "1234", Code: "130", Area: "1", Zone: "12"}), "#1234|1130 01 012", 1},
		{ContactID(Event{Account: "1234", Code: "401", User: "3", Restore: true}), "#1234|3401 00 003", 1},
		{Poll("1234", 2), "", 2},
		{Poll("1234", 0), "", 1},
	} {
		f := dc09.Frame{Extended: c.m.Extended}
		if string(c.m.Data) != c.data || f.Path() != c.path {
			t.Errorf("%q path %d, want %q path %d", c.m.Data, f.Path(), c.data, c.path)
		}
	}
}

func TestExplainSaysWhatMatters(t *testing.T) {
	for _, kind := range []AnswerKind{ACK, RSP, NAK, DUH, ""} {
		a := Answer{Kind: kind, Account: "1234", Sequence: 7, ReceiverClockMS: 1_700_000_000_000}
		fr, en := Explain(a, "fr"), Explain(a, "en")
		if fr == en || !strings.HasSuffix(fr, ".") || !strings.HasSuffix(en, ".") {
			t.Errorf("%s: %q, %q", kind, fr, en)
		}
	}
}
