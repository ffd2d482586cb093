package receiver

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// TestBadInput: each kind of bad input is answered as the standard says, kept
// with its reason, and stops nothing: the next good frame is answered.
func TestBadInput(t *testing.T) {
	good := sia(t, 9, "#1234|NBA09")
	duh := func(seq uint32) string {
		return string(dc09.AppendDUH(nil, dc09.Frame{Sequence: seq, Account: "1234"}))
	}
	cases := []struct {
		name, raw, reason, answer string
	}{
		{"broken CRC", "\n0000" + good[5:], "bad-crc", ""},
		{"wrong length", good[:5] + "00FF" + good[9:], "bad-length", ""},
		{"binary junk", "\x00\x01\x02\xff\xfe\x80junk\r", "junk", ""},
		{"another protocol", "GET / HTTP/1.1\r\n", "junk", ""},
		{"half a frame, then another", good[:20], "half-frame", ""},
		{"oversized", "\nFFFF0FFF\"" + strings.Repeat("x", 2*dc09.MaxFrame) + "\r", "oversized", ""},
		{"encrypted", recrc(`"*SIA-DCS"0001L0#1234[00FF`), "encrypted", ""},
		{"no sequence", recrc(`"SIA-DCS"L0#1234[]`), "bad-syntax", ""},
		{"an answer", ackOf(1), "unexpected-answer", ""},
		{"unknown token", frame(t, dc09.Frame{Token: "XYZ-1", Sequence: 2, Account: "1234"}), "unknown-token", duh(2)},
	}
	for _, network := range []string{"tcp", "udp"} {
		for _, c := range cases {
			t.Run(network+" "+c.name, func(t *testing.T) {
				w := newWorld(t, nil)
				conn := w.dial(network)
				send(t, conn, c.raw)
				send(t, conn, good)
				expect(t, conn, c.answer)
				expect(t, conn, ackOf(9))
				rejected := w.rejected(1)
				j := rejected[0]
				if j.GetReason() != c.reason || j.GetStage() != "receiver" || j.GetRemote() != "loopback "+network || j.GetDetail() == "" {
					t.Errorf("%v, want reason %s", j, c.reason)
				}
				raw, err := w.vault.Unseal(j.GetRaw(), vault.AAD(vault.FieldRaw, nil))
				if err != nil || len(raw) > rejectedBytes || !strings.Contains(c.raw, string(raw)) {
					t.Errorf("kept %q, %v", raw, err)
				}
			})
		}
	}
}

// recrc gives a body its CRC and length.
func recrc(body string) string {
	const digits = "0123456789ABCDEF"
	crc := dc09.CRC([]byte(body))
	head := []byte{'\n', digits[crc>>12], digits[crc>>8&15], digits[crc>>4&15], digits[crc&15], '0', digits[len(body)>>8], digits[len(body)>>4&15], digits[len(body)&15]}
	return string(head) + body + "\r"
}

func TestHalfFrameThatStallsIsClosed(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Stall = 100 * time.Millisecond })
	conn := w.dial("tcp")
	send(t, conn, sia(t, 1, "#1234|NBA01")[:25])
	expectClosed(t, conn)
	if j := w.rejected(1)[0]; j.GetReason() != "half-frame" || j.GetRawLength() != 25 {
		t.Errorf("%v, want the half frame", j)
	}
}

func TestSlowFrameIsNotKeptAliveByItsBytes(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Stall = 150 * time.Millisecond })
	conn := w.dial("tcp")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range 1000 {
		<-tick.C
		if _, err := conn.Write([]byte(sia(t, 1, "#1234|N"+strings.Repeat("BA01/", 100))[i : i+1])); err != nil {
			return // the receiver gave it up
		}
	}
	t.Fatal("a frame of one byte each 20 ms was waited for")
}

// A gateway that is never silent ends each segment inside a frame; each frame
// comes in time, and the connection lives.
func TestBusyConnectionThatEndsInsideFramesIsKept(t *testing.T) {
	const stall = 2 * time.Second // a busy machine may hold this test up for most of it
	w := newWorld(t, func(c *Config) { c.Stall = stall })
	conn := w.dial("tcp")
	tick := time.NewTicker(stall / 20)
	defer tick.Stop()
	head := sia(t, 1, "#1234|NBA01")[:25]
	send(t, conn, head)
	for seq := uint32(1); seq <= 40; seq++ { // for two stalls
		<-tick.C
		rest := sia(t, seq, "#1234|NBA01")[25:]
		next := sia(t, seq+1, "#1234|NBA01")[:25]
		send(t, conn, rest+next)
		expect(t, conn, ackOf(seq))
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.FirstByte, c.Idle = 50*time.Millisecond, 50*time.Millisecond })
	expectClosed(t, w.dial("tcp"))
	conn := w.dial("tcp")
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	expect(t, conn, ackOf(1))
	expectClosed(t, conn)
}

func TestJunkWithoutEndClosesTheConnection(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("tcp")
	send(t, conn, strings.Repeat("junk\r", maxBadFrames))
	expectClosed(t, conn)
}

func TestFloodOfJunkIsCountedAndNotKept(t *testing.T) {
	w := newWorld(t, nil)
	const flood = 40 * maxBadFrames
	for range flood / maxBadFrames {
		conn := w.dial("tcp")
		send(t, conn, strings.Repeat("junk\r", maxBadFrames))
		expectClosed(t, conn)
	}
	conn := w.dial("tcp")
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	expect(t, conn, ackOf(1))
	w.stopReceiver()
	// The clock may pass one minute on the way.
	if n := len(w.rejected(recordsPerSource)); n > 2*recordsPerSource {
		t.Errorf("%d records of one source, at most %d a minute", n, recordsPerSource)
	}
	counted := 0.0
	families, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "vigie_receiver_rejected_total" {
			for _, m := range f.GetMetric() {
				counted += m.GetCounter().GetValue()
			}
		}
	}
	if counted != flood {
		t.Errorf("%v pieces counted, want %d", counted, flood)
	}
}

func TestWindows1252TextIsTaken(t *testing.T) {
	w := newWorld(t, nil)
	conn := w.dial("tcp")
	send(t, conn, sia(t, 1, "#1234|NBA01^D\xe9tecteur caf\xe9 \x80^"))
	expect(t, conn, ackOf(1))
	events, _ := w.log()
	text, err := w.vault.Unseal(events[0].GetAlarmRaised().GetSignal().GetText(), vault.AAD(vault.FieldText, events[0].GetFingerprint()))
	if err != nil || string(text) != "Détecteur café €" {
		t.Errorf("%q, %v", text, err)
	}
}

// A flood of accounts that nobody knows costs a key each. Were each a write to
// the disk, known panels would wait behind seconds of them.
func TestNewAccountsOverUDPShareTheWritesOfTheirKeys(t *testing.T) {
	w := newWorld(t, nil)
	const flood, sockets = 1600, 64
	conns := make([]net.Conn, sockets)
	for i := range conns {
		conns[i] = w.dial("udp")
	}
	for i := range flood {
		send(t, conns[i%sockets], frame(t, dc09.Frame{Token: "SIA-DCS", Sequence: 1, Account: fmt.Sprintf("%06X", 0x900000+i), Data: []byte("|NBA01")}))
	}
	conn := w.dial("udp")
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	expect(t, conn, ackOf(1))
	w.stop()
	db, err := bbolt.Open(filepath.Join(w.keys, "keys.db"), 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bbolt.Tx) error {
		keys := tx.Bucket([]byte("keys")).Stats().KeyN
		if keys < flood/4 || tx.ID() > keys/8 {
			t.Errorf("%d keys took %d writes, want at least 8 keys a write", keys, tx.ID())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
