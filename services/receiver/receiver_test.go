package receiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/ports"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// frame encodes a frame, or fails the test.
func frame(t *testing.T, f dc09.Frame) string {
	t.Helper()
	b, err := dc09.Append(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sia(t *testing.T, seq uint32, data string) string {
	t.Helper()
	return frame(t, dc09.Frame{Token: "SIA-DCS", Sequence: seq, Account: "1234", Data: []byte(data)})
}

func ackOf(seq uint32) string {
	return string(dc09.AppendACK(nil, dc09.Frame{Sequence: seq, Account: "1234"}))
}

func TestPanelToLog(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, nil)
			p := w.panel(network)
			occurred := time.Date(2026, 11, 23, 13, 45, 12, 0, time.UTC)
			for _, m := range []panel.Message{
				panel.SIA(panel.Event{Account: "1234", Code: "BA", Area: "1", Zone: "012", Text: "Salon", OccurredAt: occurred, Path: 2}),
				panel.ContactID(panel.Event{Account: "1234", Code: "130", Area: "01", Zone: "012", Restore: true}),
				panel.SIA(panel.Event{Account: "1234", Code: "OP", User: "3"}),
				panel.SIA(panel.Event{Account: "99ab", Code: "ZZ"}),
				panel.Poll("1234", 2),
			} {
				a, err := p.Send(context.Background(), m)
				if err != nil || a.Kind != panel.ACK {
					t.Fatalf("%s %q: %+v, %v", m.Token, m.Data, a, err)
				}
			}
			w.stopReceiver()
			events, polls := w.log()
			checkAlarm(t, w, bySequence(t, events, "1234", 1), network)
			if e := bySequence(t, events, "1234", 2).GetAlarmRestored(); e.GetSignal().GetZone() != "012" || e.GetSignal().GetFormat() != "CID" {
				t.Errorf("the restoral: %v", e)
			}
			if e := bySequence(t, events, "1234", 3).GetDisarmed(); e.GetSignal().GetUser() != "3" {
				t.Errorf("the opening: %v", e)
			}
			unknown := bySequence(t, events, "99AB", 1)
			if unknown.GetSite() != ids.UndeclaredSite(0, "99AB") || unknown.GetDataReceived().GetCode() != "ZZ" {
				t.Errorf("an unknown code of an unknown account: %v", unknown)
			}
			if polls[boundSite] != 1 || len(events) != 4 {
				t.Errorf("%d events and polls %v, want 4 and one poll", len(events), polls)
			}
		})
	}
}

func checkAlarm(t *testing.T, w *world, e *vigiev1.Event, network string) {
	t.Helper()
	s := e.GetAlarmRaised().GetSignal()
	if e.GetSite() != boundSite || e.GetDirectoryVersion() != 3 || s.GetClass() != vigiev1.EventClass_EVENT_CLASS_INTRUSION || s.GetZone() != "012" || s.GetArea() != "1" {
		t.Errorf("the alarm: %v", e)
	}
	src := e.GetSource().GetPanel()
	if src.GetPath() != 2 || src.GetReceiver() != "local" || transportName(src.GetTransport()) != network || src.GetAddressClass() != vigiev1.AddressClass_ADDRESS_CLASS_LOOPBACK {
		t.Errorf("its source: %v", src)
	}
	if at := time.UnixMilli(e.GetOccurredAtMs()).UTC(); at.Hour() != 13 || at.Second() != 12 {
		t.Errorf("occurred at %s", at)
	}
	raw, err := w.vault.Unseal(e.GetRaw(), vault.AAD(vault.FieldRaw, e.GetFingerprint()))
	if err != nil || !bytes.Contains(raw, []byte(`"SIA-DCS"0001L0#1234[`)) {
		t.Errorf("its bytes: %q, %v", raw, err)
	}
	text, err := w.vault.Unseal(s.GetText(), vault.AAD(vault.FieldText, e.GetFingerprint()))
	if err != nil || string(text) != "Salon" {
		t.Errorf("its text: %q, %v", text, err)
	}
	if bytes.Contains(e.GetRaw().GetCiphertext(), []byte("Salon")) {
		t.Error("the text stands in the log unsealed")
	}
}

func bySequence(t *testing.T, events []*vigiev1.Event, account string, seq uint32) *vigiev1.Event {
	t.Helper()
	for _, e := range events {
		if p := e.GetSource().GetPanel(); p.GetAccount() == account && p.GetSequence() == seq {
			return e
		}
	}
	t.Fatalf("no event of #%s with sequence %d", account, seq)
	return nil
}

func TestNoACKBeforeKafkaAnswered(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, nil)
			conn := w.dial(network)
			release := w.hold()
			send(t, conn, sia(t, 1, "#1234|NBA01"))
			expectSilence(t, conn)
			release()
			expect(t, conn, ackOf(1))
		})
	}
}

func TestRetransmissionJoinsThePendingAppend(t *testing.T) {
	w := newWorld(t, nil)
	first, second := w.dial("tcp"), w.dial("udp")
	release := w.hold()
	alarm := sia(t, 1, "#1234|NBA01")
	otherPath := frame(t, dc09.Frame{Token: "SIA-DCS", Sequence: 1, Account: "1234", Data: []byte("#1234|NBA01"), Extended: []byte("[G2]")})
	send(t, first, alarm)
	send(t, first, alarm)
	send(t, second, otherPath)
	expectSilence(t, second)
	release()
	expect(t, first, ackOf(1)+ackOf(1))
	expect(t, second, ackOf(1))
	if events, _ := w.log(); len(events) != 1 {
		t.Errorf("%d records of one alarm sent three times", len(events))
	}
}

func TestLostAnswerIsGivenAgainToTheSameSocketOnly(t *testing.T) {
	w := newWorld(t, nil)
	same, other := w.dial("udp"), w.dial("udp")
	alarm := sia(t, 1, "#1234|NBA01")
	for range 3 {
		send(t, same, alarm)
		expect(t, same, ackOf(1))
	}
	if events, _ := w.log(); len(events) != 1 {
		t.Errorf("%d records after a retransmission from the same socket", len(events))
	}
	send(t, other, alarm) // a panel started anew counts from the same number: in doubt an alarm
	expect(t, other, ackOf(1))
	events, _ := w.log()
	if len(events) != 2 || !bytes.Equal(events[0].GetFingerprint(), events[1].GetFingerprint()) || bytes.Equal(events[0].GetId(), events[1].GetId()) {
		t.Errorf("%d records, want two with one fingerprint and two ids", len(events))
	}
}

func TestKafkaAwayIsSilenceAndThenRecovers(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("tcp")
	away := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	send(t, conn, frame(t, dc09.Frame{Token: "NULL", Sequence: 2, Account: "1234"}))
	expectSilence(t, conn)
	away.Remove()
	got := make([]byte, 2*len(ackOf(1)))
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(got); {
		m, err := conn.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if !bytes.Contains(got, []byte(ackOf(1))) || !bytes.Contains(got, []byte(ackOf(2))) {
		t.Errorf("answers after Kafka came back: %q", got)
	}
}

func TestFailedAppendIsSilenceAndTheNextTryIsKept(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("udp")
	fault := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: -1})
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	expectSilence(t, conn)
	fault.Remove()
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	expect(t, conn, ackOf(1))
}

func TestFramesInOneSegmentAndInPieces(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("tcp")
	all := sia(t, 1, "#1234|NBA01") + sia(t, 2, "#1234|NBA02") + strings.TrimPrefix(sia(t, 3, "#1234|NBA03"), "\n")
	send(t, conn, all)
	expect(t, conn, ackOf(1)+ackOf(2)+ackOf(3))
	for _, c := range []byte(sia(t, 4, "#1234|NBA04")) {
		send(t, conn, string([]byte{c}))
	}
	expect(t, conn, ackOf(4))
	datagram := w.dial("udp")
	send(t, datagram, sia(t, 5, "#1234|NBA05")+sia(t, 6, "#1234|NBA06"))
	expect(t, datagram, ackOf(5))
	expect(t, datagram, ackOf(6))
}

func TestSeveralEventsInOneFrame(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("tcp")
	send(t, conn, sia(t, 1, "#1234|Nri1/BA01/BA02/TA03"))
	expect(t, conn, ackOf(1))
	events, _ := w.log()
	seen := map[string]bool{}
	for _, e := range events {
		seen[string(e.GetFingerprint())] = true
	}
	if len(events) != 3 || len(seen) != 3 || events[2].GetTamper() == nil {
		t.Errorf("%d events with %d fingerprints, want 3: %v", len(events), len(seen), events)
	}
}

func TestStampOutsideTheWindow(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.CheckStamp = AllLines })
	slow := func() time.Time { return time.Now().Add(-time.Hour) }
	p := w.panel("tcp", panel.Now(slow))
	m := panel.SIA(panel.Event{Account: "1234", Code: "BA", Zone: "1"})
	m.Stamped = true
	a, err := p.Send(context.Background(), m)
	if err != nil || a.Kind != panel.ACK {
		t.Fatalf("a panel that corrects its clock by the NAK: %+v, %v", a, err)
	}
	conn := w.dial("tcp")
	send(t, conn, frame(t, dc09.Frame{Token: "SIA-DCS", Sequence: 1, Account: "1234", Data: []byte("#1234|NBA1"), SentAtMS: 1_000_000_000_000}))
	buf := make([]byte, 128)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dc09.Parse(buf[:n], dc09.Options{})
	if err != nil || f.Token != "NAK" || f.SentAtMS < time.Now().Add(-time.Minute).UnixMilli() {
		t.Errorf("%q, %v: want NAK with our clock", buf[:n], err)
	}
}

func TestStopAnswersWhatItTook(t *testing.T) {
	w := newWorld(t, nil)
	tcp, udp := w.dial("tcp"), w.dial("udp")
	release := w.hold()
	send(t, tcp, sia(t, 1, "#1234|NBA01"))
	send(t, udp, sia(t, 2, "#1234|NBA02"))
	expectSilence(t, tcp)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.stopReceiver()
	}()
	expectSilence(t, udp)
	release()
	expect(t, tcp, ackOf(1))
	expect(t, udp, ackOf(2))
	<-stopped
	expectClosed(t, tcp)
}

func TestConnectionsAreBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxConnections = 2 })
	first, second := w.dial("tcp"), w.dial("tcp")
	send(t, first, sia(t, 1, "#1234|NBA01"))
	expect(t, first, ackOf(1))
	send(t, second, sia(t, 2, "#1234|NBA02"))
	expect(t, second, ackOf(2))
	w.expectRefused("127.0.0.1")
	send(t, first, sia(t, 3, "#1234|NBA03"))
	expect(t, first, ackOf(3))
}

func TestClientThatTakesNoAnswersHoldsNobodyUp(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Write = 200 * time.Millisecond })
	deaf := w.dial("tcp")
	if err := deaf.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	// DUH is answered at once: however busy the log is, there are answers to take.
	unknown := []byte(frame(t, dc09.Frame{Token: "XYZ-1", Sequence: 1, Account: "1234"}))
	many := bytes.Repeat(unknown, 5000)
	// It sends until it cannot any more. What then ends is seen at the receiver: a
	// reset that finds the client's buffer full may never reach it.
	go func() {
		for {
			if _, err := deaf.Write(many); err != nil {
				return // the receiver gave it up, or the test is over
			}
		}
	}()
	w.await("the end of a client that takes no answer", func() bool {
		return testutil.ToFloat64(w.r.metrics.closed.WithLabelValues("write")) == 1
	})
	conn := w.dial("tcp")
	send(t, conn, sia(t, 9, "#1234|NBA09"))
	expect(t, conn, ackOf(9))
}

func TestPortInUseIsNamed(t *testing.T) {
	w := newWorld(t, nil)
	other, err := New(Config{ID: "other", TCP: w.r.TCP().String(), UDP: "-"}, Deps{Log: w.r.log, Kafka: w.kafka, Vault: w.vault, Appender: w.r.appender})
	if err != nil {
		t.Fatal(err)
	}
	var held *ports.InUseError
	if err := other.Run(context.Background()); !errors.As(err, &held) {
		t.Fatalf("%v, want who holds the port", err)
	}
}

func TestMissingAccountsTopicSaysWhatToDo(t *testing.T) {
	w := newWorld(t, nil)
	kafka := w.kafka
	kafka.TopicPrefix = "absent."
	other, err := New(Config{ID: "other", TCP: "127.0.0.1:0", UDP: "-"}, Deps{Log: w.r.log, Kafka: kafka, Vault: w.vault, Appender: w.r.appender})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "vigie provision") {
		t.Fatalf("%v, want what to do", err)
	}
}

func TestBindingsAreFollowed(t *testing.T) {
	w := newWorld(t, nil)
	w.bind("5678", 42)
	p := w.panel("tcp")
	w.await("the new binding", func() bool {
		if _, err := p.Send(context.Background(), panel.Poll("5678", 1)); err != nil {
			t.Fatal(err)
		}
		_, polls := w.log()
		return polls[42] > 0
	})
}

func TestManyPanelsOverOneSocket(t *testing.T) {
	w := newWorld(t, nil)
	for _, network := range []string{"tcp", "udp"} {
		p := w.panel(network)
		answers := make(chan error, 200)
		for i := range cap(answers) {
			go func() {
				a, err := p.Send(context.Background(), panel.SIA(panel.Event{Account: fmt.Sprintf("%04X", i), Code: "BA", Zone: "1"}))
				if err == nil && a.Account != fmt.Sprintf("%04X", i) {
					err = fmt.Errorf("the answer to panel %04X is of %s", i, a.Account)
				}
				answers <- err
			}()
		}
		for range cap(answers) {
			if err := <-answers; err != nil {
				t.Fatal(err)
			}
		}
	}
}
