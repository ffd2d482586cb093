package receiver

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
	"github.com/open-vigie/vigie/services/receiver/keyring"
)

var (
	rightKey = []byte("the-right-key-16")
	nextKey  = []byte("the-next-key-has-32-characters!!")
	wrongKey = []byte("a-wrong-key-of24-letters")
)

// give is a world in which account 1234, which is declared, has the right key.
func keyedWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := newWorld(t, change)
	w.ring.edit(t, func(e *keyring.Editor) error { return e.Add(keyring.Name{Account: "1234"}, rightKey, time.Now()) })
	return w
}

func cipherKey(t *testing.T, key []byte) *dc09.Key {
	t.Helper()
	k, err := dc09.NewKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// locked encrypts a frame; its stamp is now unless it has one.
func locked(t *testing.T, key []byte, f dc09.Frame) string {
	t.Helper()
	if f.SentAtMS == 0 {
		f.SentAtMS = time.Now().UnixMilli()
	}
	if f.Account == "" {
		f.Account = "1234"
	}
	var pad dc09.Pad
	if _, err := rand.Read(pad[:]); err != nil {
		t.Fatal(err)
	}
	b, err := dc09.AppendSealed(nil, f, cipherKey(t, key), pad)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func alarmFrame(seq uint32) dc09.Frame {
	return dc09.Frame{Token: dc09.TokenSIA, Sequence: seq, Data: []byte("#1234|NBA01")}
}

func pollFrame(seq uint32) dc09.Frame { return dc09.Frame{Token: dc09.TokenNull, Sequence: seq} }

// readAnswer reads one answer in clear or encrypted.
func readAnswer(t *testing.T, conn net.Conn, keys ...[]byte) dc09.Frame {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	buf := make([]byte, 1024)
	for !bytes.HasSuffix(got, []byte("\r")) {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, buf[:n]...)
	}
	f, err := dc09.Parse(got, dc09.Options{})
	if f.Encrypted {
		var with []*dc09.Key
		for _, k := range keys {
			with = append(with, cipherKey(t, k))
		}
		f, _, err = dc09.Decrypt(nil, f, dc09.Options{}, with...)
	}
	if err != nil {
		t.Fatalf("answer %q: %v", got, err)
	}
	return f
}

func expectSealedACK(t *testing.T, conn net.Conn, seq uint32, key []byte) {
	t.Helper()
	a := readAnswer(t, conn, key)
	if a.Token != dc09.TokenAck || !a.Encrypted || a.Sequence != seq || !inWindow(a.SentAtMS, time.Now().UnixMilli()) {
		t.Fatalf("%+v, want an encrypted ACK of %d with our clock", a, seq)
	}
}

// suspicions of the log, by site.
func suspicionsOf(events []*vigiev1.Event) map[uint64][]vigiev1.Suspicion {
	out := map[uint64][]vigiev1.Suspicion{}
	for _, e := range events {
		if s := e.GetTransmissionSuspect(); s != nil {
			out[e.GetSite()] = append(out[e.GetSite()], s.GetSuspicion())
		}
	}
	return out
}

// expectSuspicions compares all of the log's suspicions of site 7 with those wanted.
func (w *world) expectSuspicions(want ...vigiev1.Suspicion) []*vigiev1.Event {
	w.t.Helper()
	w.stopReceiver()
	events, _ := w.log()
	got := suspicionsOf(events)
	if len(want) == 0 && len(got) == 0 {
		return events
	}
	if len(got) != 1 || fmt.Sprint(got[boundSite]) != fmt.Sprint(want) {
		w.t.Fatalf("suspicions %v, want %v of site %d", got, want, boundSite)
	}
	return events
}

func TestEncryptedPanelToLog(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		for _, size := range []int{16, 24, 32} {
			t.Run(fmt.Sprintf("%s AES-%d", network, 8*size), func(t *testing.T) {
				key := bytes.Repeat([]byte{0xA7}, size)
				w := newWorld(t, nil)
				w.ring.edit(t, func(e *keyring.Editor) error { return e.Add(keyring.Name{Account: "1234"}, key, time.Now()) })
				conn := w.dial(network)
				send(t, conn, locked(t, key, dc09.Frame{Token: dc09.TokenSIA, Sequence: 1, Data: []byte("#1234|Nri1/BA012^Salon^"), Extended: []byte("[G2]")}))
				expectSealedACK(t, conn, 1, key)
				send(t, conn, locked(t, key, pollFrame(2)))
				expectSealedACK(t, conn, 2, key)
				e := bySequence(t, w.expectSuspicions(), "1234", 1)
				if s := e.GetAlarmRaised().GetSignal(); s.GetZone() != "012" || s.GetArea() != "1" || e.GetSite() != boundSite {
					t.Errorf("the alarm: %v", e)
				}
				if p := e.GetSource().GetPanel(); !p.GetEncrypted() || p.GetPath() != 2 || p.GetSentAtMs() == 0 {
					t.Errorf("its source: %v", p)
				}
				text, err := w.vault.Unseal(e.GetAlarmRaised().GetSignal().GetText(), vault.AAD(vault.FieldText, e.GetFingerprint()))
				if err != nil || string(text) != "Salon" {
					t.Errorf("its text: %q, %v", text, err)
				}
				if _, polls := w.log(); polls[boundSite] != 1 {
					t.Errorf("%v polls, want one", polls)
				}
			})
		}
	}
}

// The same alarm by an encrypted and by a clear path is one alarm: equal
// fingerprints.
func TestCipherIsNoPartOfTheFingerprint(t *testing.T) {
	w := keyedWorld(t, nil)
	conn := w.dial("tcp")
	send(t, conn, locked(t, rightKey, alarmFrame(1)))
	expectSealedACK(t, conn, 1, rightKey)
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	expect(t, conn, ackOf(1))
	events := w.expectSuspicions(vigiev1.Suspicion_SUSPICION_CLEAR_THOUGH_KEYED)
	var alarms []*vigiev1.Event
	for _, e := range events {
		if e.GetAlarmRaised() != nil {
			alarms = append(alarms, e)
		}
	}
	if len(alarms) != 2 || !bytes.Equal(alarms[0].GetFingerprint(), alarms[1].GetFingerprint()) {
		t.Errorf("%d alarms, want two with one fingerprint", len(alarms))
	}
}

func TestWhatNoKeyOpensGetsNoAnswer(t *testing.T) {
	const own = "9999" // a key of its own, declared by nobody
	for name, c := range map[string]struct {
		raw    func(t *testing.T) string
		reason string
		want   map[uint64][]vigiev1.Suspicion
	}{
		"wrong key":            {func(t *testing.T) string { return locked(t, wrongKey, alarmFrame(1)) }, "wrong-key", map[uint64][]vigiev1.Suspicion{boundSite: {vigiev1.Suspicion_SUSPICION_WRONG_KEY}}},
		"wrong key, link test": {func(t *testing.T) string { return locked(t, wrongKey, pollFrame(1)) }, "wrong-key", map[uint64][]vigiev1.Suspicion{boundSite: {vigiev1.Suspicion_SUSPICION_WRONG_KEY}}},
		"the line's key where the account has its own": {func(t *testing.T) string { return locked(t, nextKey, alarmFrame(1)) }, "wrong-key", map[uint64][]vigiev1.Suspicion{boundSite: {vigiev1.Suspicion_SUSPICION_WRONG_KEY}}},
		"wrong key of an account that has its own": {func(t *testing.T) string {
			return locked(t, wrongKey, dc09.Frame{Token: dc09.TokenNull, Sequence: 1, Account: own})
		}, "wrong-key", map[uint64][]vigiev1.Suspicion{ids.UndeclaredSite(0, own): {vigiev1.Suspicion_SUSPICION_WRONG_KEY}}},
		"wrong key of an account that nobody knows": {func(t *testing.T) string {
			return locked(t, wrongKey, dc09.Frame{Token: dc09.TokenNull, Sequence: 1, Account: "ABCD"})
		}, "wrong-key", nil},
		"another account inside, under the line's key": {func(t *testing.T) string {
			return locked(t, nextKey, dc09.Frame{Token: dc09.TokenSIA, Sequence: 1, Account: "ABCD", Data: []byte("#ABCE|NBA01")})
		}, "wrong-key", nil},
		"no key for the line": {func(t *testing.T) string {
			return locked(t, rightKey, dc09.Frame{Token: dc09.TokenNull, Sequence: 1, Line: 5})
		}, "encrypted", nil},
		"no ciphertext": {func(*testing.T) string { return recrc(`"*SIA-DCS"0001L0#1234[00FF`) }, "bad-cipher", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := keyedWorld(t, nil)
			w.ring.edit(t, func(e *keyring.Editor) error {
				return e.Import([]keyring.Record{{Name: keyring.Name{}, Key: nextKey}, {Name: keyring.Name{Account: own}, Key: rightKey}}, false, time.Now())
			})
			conn := w.dial("tcp")
			send(t, conn, c.raw(t))
			send(t, conn, locked(t, rightKey, pollFrame(9))) // and it stops nothing
			expectSealedACK(t, conn, 9, rightKey)
			if j := w.rejected(1)[0]; j.GetReason() != c.reason {
				t.Errorf("%v, want %s", j, c.reason)
			}
			w.stopReceiver()
			events, polls := w.log()
			if got := suspicionsOf(events); fmt.Sprint(got) != fmt.Sprint(c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("suspicions %v, want %v", got, c.want)
			}
			if len(polls) != 1 || polls[boundSite] != 1 {
				t.Errorf("polls %v, want the good one only", polls)
			}
		})
	}
}

func TestAllAccountsOfALineShareItsKey(t *testing.T) {
	w := newWorld(t, nil)
	w.ring.edit(t, func(e *keyring.Editor) error { return e.Add(keyring.Name{}, rightKey, time.Now()) })
	conn := w.dial("udp")
	for i, account := range []string{"1234", "ABCD", "12ab34"} {
		send(t, conn, locked(t, rightKey, dc09.Frame{Token: dc09.TokenSIA, Sequence: uint32(i), Account: account, Data: []byte("#" + strings.ToUpper(account) + "|NBA01")}))
		expectSealedACK(t, conn, uint32(i), rightKey)
	}
	w.expectSuspicions()
}

func TestStampOfAnEncryptedFrame(t *testing.T) {
	w := keyedWorld(t, nil)
	conn := w.dial("tcp")
	for i, c := range []struct {
		off time.Duration
		ok  bool
	}{{-38 * time.Second, true}, {18 * time.Second, true}, {-43 * time.Second, false}, {22 * time.Second, false}, {-24 * time.Hour, false}} {
		f := alarmFrame(uint32(i))
		f.SentAtMS = time.Now().Add(c.off).UnixMilli()
		send(t, conn, locked(t, rightKey, f))
		a := readAnswer(t, conn, rightKey)
		if want := map[bool]string{true: dc09.TokenAck, false: dc09.TokenNak}[c.ok]; a.Token != want || !inWindow(a.SentAtMS, time.Now().UnixMilli()) || a.Encrypted != c.ok {
			t.Errorf("a stamp off by %s: %+v, want %s with our clock", c.off, a, want)
		}
	}
	if events := w.expectSuspicions(); len(events) != 2 {
		t.Errorf("%d records, want those of the two good stamps", len(events))
	}
}

func TestBothKeysOpenWhileOneIsChanged(t *testing.T) {
	w := keyedWorld(t, nil)
	name := keyring.Name{Account: "1234"}
	conn := w.dial("tcp")
	good := func(seq uint32, key []byte) {
		t.Helper()
		send(t, conn, locked(t, key, alarmFrame(seq)))
		expectSealedACK(t, conn, seq, key)
	}
	w.ring.edit(t, func(e *keyring.Editor) error { return e.Rotate(name, nextKey, time.Now()) })
	good(1, rightKey)
	good(2, nextKey)
	good(3, rightKey) // taken, and told
	w.ring.edit(t, func(e *keyring.Editor) error { return e.Finish(name) })
	good(4, nextKey)
	send(t, conn, locked(t, rightKey, alarmFrame(5)))
	expectSilence(t, conn)
	w.expectSuspicions(vigiev1.Suspicion_SUSPICION_OLD_KEY, vigiev1.Suspicion_SUSPICION_WRONG_KEY)
}

// What was answered and comes again from elsewhere is a replay: told, and no life of
// the path. From the same place at once it is a lost answer.
func TestReplay(t *testing.T) {
	w := keyedWorld(t, nil)
	panel := w.dial("tcp")
	poll, alarm := locked(t, rightKey, pollFrame(1)), locked(t, rightKey, alarmFrame(2))
	for range 2 {
		send(t, panel, poll)
		expectSealedACK(t, panel, 1, rightKey)
	}
	send(t, panel, alarm)
	expectSealedACK(t, panel, 2, rightKey)
	thief := w.dialFrom("tcp", "127.0.9.9")
	send(t, thief, poll)
	expectSilence(t, thief)
	send(t, thief, alarm)
	expectSealedACK(t, thief, 2, rightKey) // the alarm is in the log, the answer tells nothing new
	events := w.expectSuspicions(vigiev1.Suspicion_SUSPICION_REPLAYED)
	if _, polls := w.log(); polls[boundSite] != 2 {
		t.Errorf("%d polls counted, want the panel's two", polls[boundSite])
	}
	raw, err := w.vault.Unseal(events[len(events)-1].GetRaw(), vault.AAD(vault.FieldRaw, events[len(events)-1].GetFingerprint()))
	if err != nil || len(raw) == 0 {
		t.Errorf("the evidence: %q, %v", raw, err)
	}
}

// A frame that was never answered may come again by any path and as late as it likes.
func TestUnansweredIsNoReplay(t *testing.T) {
	w := newWatch()
	a, b := addr("192.0.2.1"), addr("198.51.100.1")
	at := time.Unix(1_790_000_000, 0)
	if w.replayed(1, a, at) {
		t.Error("a first frame is a replay")
	}
	w.wasAnswered(1, a, at)
	for _, c := range []struct {
		after  time.Duration
		other  bool
		replay bool
	}{{time.Second, false, false}, {retransmission, false, false}, {retransmission + time.Second, false, true}, {time.Second, true, true}} {
		from := a
		if c.other {
			from = b
		}
		if got := w.replayed(1, from, at.Add(c.after)); got != c.replay {
			t.Errorf("after %s from another source %t: %t", c.after, c.other, got)
		}
	}
}

// Lines move, carriers change addresses: what is suspect is a new kind of address,
// and two networks in turn.
func TestSubstitution(t *testing.T) {
	at := time.Unix(1_790_000_000, 0)
	for name, c := range map[string]struct {
		from []string
		gap  time.Duration
		want []bool
	}{
		"one source":                   {[]string{"192.0.2.1", "192.0.2.1"}, time.Minute, []bool{false, false}},
		"addresses of one network":     {[]string{"192.0.2.1", "192.0.2.77", "192.0.2.1"}, time.Minute, []bool{false, false, false}},
		"the line was moved":           {[]string{"192.0.2.1", "198.51.100.1", "198.51.100.1"}, time.Minute, []bool{false, false, false}},
		"two in turn, told once":       {[]string{"192.0.2.1", "198.51.100.1", "192.0.2.1", "198.51.100.1"}, time.Minute, []bool{false, false, true, false}},
		"back much later":              {[]string{"192.0.2.1", "198.51.100.1", "192.0.2.1"}, time.Hour, []bool{false, false, false}},
		"from private to public":       {[]string{"10.0.0.1", "198.51.100.1"}, time.Hour, []bool{false, true}},
		"three in turn":                {[]string{"192.0.2.1", "198.51.100.1", "203.0.113.1"}, time.Minute, []bool{false, false, false}},
		"one IPv6 network":             {[]string{"2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:1::1"}, time.Minute, []bool{false, false, false}},
		"IPv4 in IPv6 is the same":     {[]string{"192.0.2.1", "::ffff:192.0.2.1"}, time.Minute, []bool{false, false}},
		"another IPv6 network in turn": {[]string{"2001:db8:1::1", "2001:db8:2::1", "2001:db8:1::1"}, time.Minute, []bool{false, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatch()
			for i, from := range c.from {
				if got := w.see(7, 1, addr(from), at.Add(time.Duration(i)*c.gap)); got != c.want[i] {
					t.Errorf("frame %d from %s: suspect %t, want %t", i, from, got, c.want[i])
				}
			}
			if w.see(7, 2, addr(c.from[0]), at) {
				t.Error("another path is judged by this one")
			}
		})
	}
}

func TestSubstitutionOnTheWire(t *testing.T) {
	w := newWorld(t, nil)
	for i, from := range []string{"127.0.0.1", "127.0.9.1", "127.0.0.1"} {
		conn := w.dialFrom("udp", from)
		send(t, conn, sia(t, uint32(i+1), "#1234|NBA01"))
		expect(t, conn, ackOf(uint32(i+1))) // an alarm is not lost to a suspicion
	}
	w.expectSuspicions(vigiev1.Suspicion_SUSPICION_OTHER_SOURCE)
}

func TestClearThoughKeyed(t *testing.T) {
	t.Run("taken and told once", func(t *testing.T) {
		w := keyedWorld(t, nil)
		conn := w.dial("tcp")
		for seq := range uint32(3) {
			send(t, conn, sia(t, seq, "#1234|NBA01"))
			expect(t, conn, ackOf(seq))
		}
		w.expectSuspicions(vigiev1.Suspicion_SUSPICION_CLEAR_THOUGH_KEYED)
	})
	t.Run("refused where the line says so", func(t *testing.T) {
		w := keyedWorld(t, func(c *Config) { c.EncryptedOnly = lines(t, "0") })
		conn := w.dial("tcp")
		send(t, conn, sia(t, 1, "#1234|NBA01"))
		expectSilence(t, conn)
		send(t, conn, frame(t, dc09.Frame{Token: dc09.TokenNull, Sequence: 2, Account: "ABCD"})) // has no key
		expect(t, conn, string(dc09.AppendACK(nil, dc09.Frame{Sequence: 2, Account: "ABCD"})))
		if j := w.rejected(1)[0]; j.GetReason() != "clear-though-keyed" {
			t.Errorf("%v", j)
		}
		w.expectSuspicions(vigiev1.Suspicion_SUSPICION_CLEAR_THOUGH_KEYED)
	})
}

func TestKnownAccountsOnly(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.KnownOnly = lines(t, "0", "1f") })
	conn := w.dial("udp")
	for _, line := range []uint32{0, 0x1F} {
		send(t, conn, frame(t, dc09.Frame{Token: dc09.TokenSIA, Sequence: 1, Line: line, Account: "9999", Data: []byte("|NBA01")}))
	}
	expectSilence(t, conn)
	send(t, conn, frame(t, dc09.Frame{Token: dc09.TokenNull, Sequence: 2, Line: 1, Account: "9999"}))
	expect(t, conn, string(dc09.AppendACK(nil, dc09.Frame{Sequence: 2, Line: 1, Account: "9999"})))
	send(t, conn, sia(t, 3, "#1234|NBA01"))
	expect(t, conn, ackOf(3))
}

func TestParseLines(t *testing.T) {
	if l := lines(t, "1f", " 0 "); !l.Has(0x1F) || !l.Has(0) || l.Has(1) || l.String() != "0,1F" {
		t.Errorf("%v", l)
	}
	if l := lines(t, "All"); !l.Has(5) || l.String() != "all" {
		t.Errorf("%v", l)
	}
	if l := lines(t); l.Has(0) {
		t.Errorf("%v", l)
	}
	for _, bad := range []string{"x", "", "1000000", "-1"} {
		if _, err := ParseLines([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A forged frame an instant: the log gets a bounded number of suspicions, and the
// next one says how many it left out.
func TestFloodOfForgedFramesIsCounted(t *testing.T) {
	w := newWatch()
	at := time.Unix(1_790_000_000, 0)
	kind := vigiev1.Suspicion_SUSPICION_WRONG_KEY
	told := 0
	for range 100 {
		if _, ok := w.tell(7, kind, at); ok {
			told++
		}
	}
	if repeated, ok := w.tell(7, kind, at.Add(time.Minute)); told != 1 || !ok || repeated != 99 {
		t.Errorf("told %d of 100, then %d repeated (%t), want 1 and 99", told, repeated, ok)
	}
	told = 0
	for site := range uint64(10 * suspicionBurst) {
		if _, ok := w.tell(100+site, kind, at.Add(2*time.Minute)); ok {
			told++
		}
	}
	if told > suspicionBurst {
		t.Errorf("%d suspicions of as many sites at once, want at most %d", told, suspicionBurst)
	}
}

// No key, in no form, in anything that a run gives: log, metrics, topics, vault.
func TestNoKeyLeavesTheKeyring(t *testing.T) {
	w := keyedWorld(t, nil)
	w.ring.edit(t, func(e *keyring.Editor) error { return e.Rotate(keyring.Name{Account: "1234"}, nextKey, time.Now()) })
	conn := w.dial("tcp")
	for i, key := range [][]byte{rightKey, nextKey, rightKey} {
		send(t, conn, locked(t, key, alarmFrame(uint32(i))))
		expectSealedACK(t, conn, uint32(i), key)
	}
	send(t, conn, locked(t, wrongKey, alarmFrame(7)))
	send(t, conn, sia(t, 8, "#1234|NBA01"))
	expect(t, conn, ackOf(8))
	outputs := map[string][]byte{}
	for _, topic := range []string{"vigie.events", "vigie.rejected", "vigie.accounts"} {
		for _, r := range w.read(topic) {
			outputs[topic] = append(append(outputs[topic], r.Key...), r.Value...)
		}
	}
	families, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var metrics bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&metrics, f); err != nil {
			t.Fatal(err)
		}
	}
	outputs["metrics"] = metrics.Bytes()
	w.stop()
	outputs["log"] = w.logged.Bytes()
	for where, b := range outputs {
		if len(b) == 0 && where != "vigie.rejected" {
			t.Errorf("%s: nothing to look at", where)
		}
		lower := bytes.ToLower(b)
		for _, key := range [][]byte{rightKey, nextKey} {
			for _, form := range []string{string(key), fmt.Sprintf("%x", key), fmt.Sprint(key), fmt.Sprintf("%q", key)} {
				if bytes.Contains(lower, bytes.ToLower([]byte(strings.Trim(form, `"[]`)))) {
					t.Errorf("%s shows a key", where)
				}
			}
		}
	}
}
