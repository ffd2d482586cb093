package surgardin

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver"
	"github.com/open-vigie/vigie/services/receiver/receivertest"
	"github.com/open-vigie/vigie/services/receiver/surgard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is how long a test listens to be told that no answer comes.
const quiet = 300 * time.Millisecond

const (
	alarm     = "5011 181234E13001012"
	heartbeat = "1011           @    "
)

// world is a receiver with the door for gateways.
type world struct {
	*receivertest.World
	t    *testing.T
	door *Server
	stop func()
}

func newWorld(t *testing.T, gateways ...string) *world {
	t.Helper()
	if len(gateways) == 0 {
		gateways = []string{"127.0.0.1=0"}
	}
	list, err := ParseGateways(gateways)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{World: receivertest.New(t, func(c *receiver.Config) { c.KnownOnly = receiver.AllLines }), t: t}
	if w.door, err = New(Config{Listen: "127.0.0.1:0", Gateways: list}, Deps{Log: w.Log, Metrics: w.Metrics, Receiver: w.Receiver}); err != nil {
		t.Fatal(err)
	}
	w.stop = w.Run(w.door)
	return w
}

func (w *world) dial() net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.door.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, lines ...string) {
	t.Helper()
	if _, err := conn.Write([]byte(strings.Join(lines, "\x14") + "\x14")); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly these answers.
func expect(t *testing.T, conn net.Conn, want ...byte) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(receivertest.Patience)); err != nil {
		t.Fatal(err)
	}
	for i, b := range want {
		got := make([]byte, 1)
		if _, err := conn.Read(got); err != nil || got[0] != b {
			t.Fatalf("answer %d: %#x, %v, want %#x", i, got, err, b)
		}
	}
}

func expectSilence(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1)
	if n, err := conn.Read(got); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%#x, %v: want silence", got[:n], err)
	}
}

func TestLineToLog(t *testing.T) {
	w := newWorld(t, "127.0.0.1=0/2")
	conn := w.dial()
	for _, line := range []string{alarm, "5011 181234R13001012", "S01A[#1234|Nri2FA004^Hall^/BA5]", "3011      1234CL0003", "1011      0012 C1128", "S011[#1234|Lri1BA01]"} {
		send(t, conn, line)
		expect(t, conn, surgard.ACK)
	}
	events, _ := w.Events()
	find := func(is func(*vigiev1.Event) bool) *vigiev1.Event {
		for _, e := range events {
			if is(e) {
				return e
			}
		}
		t.Errorf("an event is missing of %v", events)
		return &vigiev1.Event{}
	}
	e := find(func(e *vigiev1.Event) bool { return e.GetAlarmRaised().GetSignal().GetFormat() == "CID" })
	s := e.GetAlarmRaised().GetSignal()
	if e.GetSite() != receivertest.BoundSite || s.GetCode() != "1130" || s.GetArea() != "01" || s.GetZone() != "012" || s.GetClass() != vigiev1.EventClass_EVENT_CLASS_INTRUSION || w.Raw(e) != alarm {
		t.Errorf("the alarm: %v", e)
	}
	src := e.GetSource().GetPanel()
	if src.GetTransport() != vigiev1.Transport_TRANSPORT_SURGARD || src.GetGateway() != "127.0.0.1" || src.GetToken() != "SURGARD-CID" || src.GetPath() != 2 || src.GetReceiverNumber() != 1 || src.GetLine() != 0 {
		t.Errorf("its source: %v", src)
	}
	find(func(e *vigiev1.Event) bool { return e.GetAlarmRestored().GetSignal().GetCode() == "3130" })
	find(func(e *vigiev1.Event) bool {
		s := e.GetAlarmRaised().GetSignal()
		return s.GetClass() == vigiev1.EventClass_EVENT_CLASS_FIRE && s.GetArea() == "2" && s.GetZone() == "004" && s.GetText() != nil
	})
	find(func(e *vigiev1.Event) bool { return e.GetArmed().GetSignal().GetUser() == "0003" })
	// Another format, and a block that is not understood: kept, verbatim.
	other := find(func(e *vigiev1.Event) bool { return e.GetDataReceived().GetToken() == "SURGARD" })
	if other.GetSite() != ids.UndeclaredSite(0, "0000") {
		t.Errorf("another format is of site %d", other.GetSite())
	}
	find(func(e *vigiev1.Event) bool {
		return e.GetDataReceived().GetToken() == "SURGARD-SIA" && e.GetSite() == receivertest.BoundSite
	})
	if len(events) != 7 {
		t.Errorf("%d events, want 7", len(events))
	}
}

// The number of a gateway decides on the site, or what it sends does.
func TestGatewaysHaveLines(t *testing.T) {
	for _, c := range []struct {
		gateway string
		line    uint32
	}{{"127.0.0.1=1F", 0x1F}, {"127.0.0.0/8", 0x011}} {
		w := newWorld(t, c.gateway)
		conn := w.dial()
		send(t, conn, alarm)
		expect(t, conn, surgard.ACK)
		if events, _ := w.Events(); len(events) != 1 || events[0].GetSite() != ids.UndeclaredSite(c.line, "1234") || events[0].GetSource().GetPanel().GetLine() != c.line {
			t.Errorf("%s: %v", c.gateway, events)
		}
	}
}

func TestParseGateways(t *testing.T) {
	for _, bad := range []string{"", "gateway.example", "192.0.2.1=", "192.0.2.1=G", "192.0.2.1=1000000", "192.0.2.1=1/0", "192.0.2.1=1/16", "192.0.2.0/33=1"} {
		if got, err := ParseGateways([]string{bad}); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
	if _, err := ParseGateways([]string{"192.0.2.0/24=1", "192.0.2.7=2"}); err == nil {
		t.Error("two gateways share an address")
	}
	got, err := ParseGateways([]string{"192.0.2.10=1f/2", "2001:db8::/64=2", "192.0.2.11"})
	if err != nil || fmt.Sprint(got) != "[192.0.2.10 2001:db8::/64 192.0.2.11]" || got[0].Line != 0x1F || got[0].Path != 2 || got[1].AsSent || !got[2].AsSent {
		t.Errorf("%+v, %v", got, err)
	}
}

// A heartbeat is the life of the gateway, of no panel; and its ACK means that the log
// takes what comes: after it a receiver that stored its messages sends them.
func TestHeartbeatIsTheGatewaysLife(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	release := w.Hold()
	send(t, conn, heartbeat)
	expectSilence(t, conn)
	release()
	expect(t, conn, surgard.ACK)
	send(t, conn, "@")
	expect(t, conn, surgard.ACK)
	events, polls := w.Events()
	gateway := ids.UndeclaredSite(0, surgard.System)
	if len(events) != 0 || polls[gateway] != 2 || len(polls) != 1 {
		t.Errorf("%d events, polls %v; want two of the gateway, %d", len(events), polls, gateway)
	}
	if heard := testutil.ToFloat64(w.door.metrics.heard.WithLabelValues("127.0.0.1")); heard == 0 {
		t.Error("the gateway was not heard")
	}
}

func TestNoACKBeforeKafkaAnswered(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	release := w.Hold()
	send(t, conn, alarm)
	expectSilence(t, conn)
	release()
	expect(t, conn, surgard.ACK)
}

// A gateway repeats what has no answer. However often it did: one record, and one
// answer, for a second one would acknowledge the message after it.
func TestRepeatBeforeTheAnswerSharesIt(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	release := w.Hold()
	send(t, conn, alarm, alarm, alarm)
	expectSilence(t, conn)
	release()
	expect(t, conn, surgard.ACK)
	w.Await("the repeats", func() bool {
		return testutil.ToFloat64(w.door.metrics.lines.WithLabelValues("127.0.0.1", "repeat")) == 2
	})
	expectSilence(t, conn)
	if events, _ := w.Events(); len(events) != 1 {
		t.Errorf("%d records of one alarm", len(events))
	}
}

// The same line once more after its answer is another alarm; on a new connection, at
// its beginning, it is one whose answer may have been lost.
func TestSameLineAgain(t *testing.T) {
	w := newWorld(t)
	first := w.dial()
	for range 2 {
		send(t, first, alarm)
		expect(t, first, surgard.ACK)
	}
	_ = first.Close()
	second := w.dial()
	send(t, second, heartbeat)
	expect(t, second, surgard.ACK)
	send(t, second, alarm)
	expect(t, second, surgard.ACK)
	events, _ := w.Events()
	prints := map[string]int{}
	for _, e := range events {
		prints[string(e.GetFingerprint())]++
	}
	if len(events) != 3 || len(prints) != 2 {
		t.Errorf("%d records of %d messages, want 3 of 2", len(events), len(prints))
	}
}

func TestFailedAppendIsSilenceAndTheRepeatIsTheSameMessage(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	fault := w.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: -1})
	send(t, conn, alarm)
	expectSilence(t, conn)
	fault.Remove()
	send(t, conn, alarm)
	expect(t, conn, surgard.ACK)
	events, _ := w.Events()
	if len(events) != 1 {
		t.Errorf("%d records", len(events))
	}
}

// What is damaged is asked for again and set aside; it stops nothing.
func TestDamagedLinesAreNAK(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	damaged := []string{"5011 181234E1300101", "GET / HTTP/1.1", "5011 18\x01234E13001012", strings.Repeat("9", surgard.MaxLine+7)}
	for _, line := range damaged {
		send(t, conn, line)
		expect(t, conn, surgard.NAK)
	}
	send(t, conn, alarm)
	expect(t, conn, surgard.ACK)
	pieces, raw := w.Rejected(len(damaged))
	want := []surgard.Reason{surgard.BadBody, surgard.BadHeader, surgard.Unprinted, surgard.Oversized}
	for i, j := range pieces {
		if j.GetReason() != string(want[i]) || !strings.HasPrefix(damaged[i], raw[i]) || j.GetRemote() != "loopback surgard" {
			t.Errorf("set aside: %v %.40q, want %s %.40q", j, raw[i], want[i], damaged[i])
		}
	}
	for range maxBad {
		send(t, conn, "junk")
	}
	if err := conn.SetReadDeadline(time.Now().Add(receivertest.Patience)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 1); ; {
		if _, err := conn.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a connection of nothing but junk stays open")
		} else if err != nil {
			break
		}
	}
}

func TestHalfALineIsKept(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	if _, err := conn.Write([]byte(alarm[:9])); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if pieces, raw := w.Rejected(1); pieces[0].GetReason() != string(surgard.Unfinished) || raw[0] != alarm[:9] {
		t.Errorf("%v %q", pieces, raw)
	}
}

// A peer that says that it sends no more still gets its answers.
func TestAnswerAfterTheLastByte(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	release := w.Hold()
	send(t, conn, alarm)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectSilence(t, conn)
	release()
	expect(t, conn, surgard.ACK)
}

func TestOthersAreClosed(t *testing.T) {
	w := newWorld(t, "192.0.2.10=1")
	conn := w.dial()
	send(t, conn, alarm)
	if err := conn.SetReadDeadline(time.Now().Add(receivertest.Patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v: want the connection closed", n, err)
	}
	if events, polls := w.Events(); len(events)+len(polls) != 0 {
		t.Errorf("%v %v", events, polls)
	}
	if _, err := New(Config{Listen: "127.0.0.1:0"}, Deps{}); err == nil {
		t.Error("a door for nobody opens")
	}
}

// A stop takes nothing more, and answers what it took.
func TestStopAnswersWhatItTook(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	release := w.Hold()
	send(t, conn, alarm, heartbeat)
	w.Await("the append", func() bool { return bytes.Contains(w.counted(), []byte(`token="SURGARD-CID"`)) })
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.stop()
	}()
	release()
	<-stopped
	expect(t, conn, surgard.ACK)
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("%d bytes, %v after the stop", n, err)
	}
}

// counted is what the registry holds of frames, as text.
func (w *world) counted() []byte {
	w.t.Helper()
	families, err := w.Metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if f.GetName() == "vigie_receiver_frames_total" {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					fmt.Fprintf(&b, "%s=%q\n", l.GetName(), l.GetValue())
				}
			}
		}
	}
	return b.Bytes()
}
