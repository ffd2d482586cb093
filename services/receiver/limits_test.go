package receiver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// strict has limits for this machine too.
func strict(l Limits) func(*Config) {
	l.Exempt = []netip.Prefix{}
	return func(c *Config) { c.Limits = l }
}

var limitsNow = time.Unix(1_790_000_000, 0)

// Order of shedding: polls first; an alarm is refused only when polls long are.
func TestPollsAreShedBeforeAlarms(t *testing.T) {
	for name, alarmsFirst := range map[string]bool{"a flood of polls": false, "a flood of alarms": true} {
		t.Run(name, func(t *testing.T) {
			l := newLimits(Limits{Frames: 100, Exempt: []netip.Prefix{}})
			a := addr("192.0.2.1")
			if alarmsFirst {
				for range 150 {
					if !l.frame(a, false, limitsNow) {
						t.Fatal("an alarm was shed while there was room")
					}
				}
			}
			polls := 0
			for range 1000 {
				if l.frame(a, true, limitsNow) {
					polls++
				}
			}
			alarms := 0
			for range 1000 {
				if l.frame(a, false, limitsNow) {
					alarms++
				}
			}
			if alarmsFirst && (polls != 0 || alarms != 50) || !alarmsFirst && (polls != 101 || alarms != 99) {
				t.Errorf("%d polls, then %d alarms", polls, alarms)
			}
			if _, why := l.queue(a, limitsNow); why != "rate-spent" {
				t.Errorf("a source that used up its share: %q", why)
			}
			if who, why := l.queue(a, limitsNow.Add(time.Second)); why != "" || who == nil {
				t.Errorf("the same a second later: %q", why)
			}
			if l.frame(a, true, limitsNow.Add(500*time.Millisecond)) {
				t.Error("a poll took what was saved up for alarms")
			}
			if !l.frame(addr("192.0.2.2"), true, limitsNow) {
				t.Error("another source pays for this one")
			}
		})
	}
}

// A source has its part of a queue, and gets it back as its datagrams are worked on.
func TestOneSourceNeverFillsAQueue(t *testing.T) {
	l := newLimits(Limits{Exempt: []netip.Prefix{}})
	a := addr("192.0.2.1")
	waits := 0
	var last *source
	for range datagramQueue {
		if who, why := l.queue(a, limitsNow); why == "" {
			waits, last = waits+1, who
		}
	}
	if waits != sourceQueue || waits > datagramQueue/2 {
		t.Errorf("%d datagrams of one source wait in a queue of %d", waits, datagramQueue)
	}
	last.leave()
	if _, why := l.queue(a, limitsNow); why != "" {
		t.Errorf("after one was worked on: %q", why)
	}
	if _, why := l.queue(addr("192.0.2.2"), limitsNow); why != "" {
		t.Errorf("another source: %q", why)
	}
}

func TestNewAccountsHaveABudget(t *testing.T) {
	l := newLimits(Limits{NewAccounts: 6, NewAccountsInAll: 10, Exempt: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	in := 0
	for site := range uint64(1000) {
		if l.newAccount(addr("192.0.2.1"), site, limitsNow) {
			in++
		}
	}
	if in != 60 {
		t.Errorf("%d new accounts of one source at once, want 60", in)
	}
	if !l.newAccount(addr("203.0.113.1"), 3, limitsNow) {
		t.Error("an account that was let in is refused by its other path")
	}
	if got := l.newAccount(addr("192.0.2.1"), 2000, limitsNow.Add(11*time.Second)); !got {
		t.Error("nothing more comes in after the sixth of a minute")
	}
	for i := range 1000 { // many sources, as in a spoofed flood
		if l.newAccount(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint64(10_000+i), limitsNow) {
			in++
		}
	}
	if in > 100 {
		t.Errorf("%d new accounts of all sources at once, at most 100", in)
	}
	if !l.newAccount(addr("198.51.100.7"), 99_999, limitsNow) {
		t.Error("an exempt source has a limit")
	}
}

func TestConnectionsHaveABudget(t *testing.T) {
	l := newLimits(Limits{Connections: 2, NetworkConnections: 3, Exempt: []netip.Prefix{}})
	for _, c := range []struct{ from, why string }{
		{"192.0.2.1", ""}, {"::ffff:192.0.2.1", ""}, {"192.0.2.1", "source"}, {"192.0.2.2", ""}, {"192.0.2.3", "network"}, {"198.51.100.1", ""},
		{"2001:db8:1:1::1", ""}, {"2001:db8:1:1::2", ""}, {"2001:db8:1:1::3", "source"}, {"2001:db8:1:2::1", ""}, {"2001:db8:1:3::1", "network"},
	} {
		if why := l.connect(addr(c.from)); why != c.why {
			t.Errorf("%s: %q, want %q", c.from, why, c.why)
		}
	}
	l.disconnect(addr("192.0.2.1"))
	if why := l.connect(addr("192.0.2.3")); why != "" {
		t.Errorf("after one left: %q", why)
	}
	for _, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1", "2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:2::1"} {
		l.disconnect(addr(from))
	}
	if len(l.open) != 0 {
		t.Errorf("all have left, and %d are remembered", len(l.open))
	}
}

// The tables are bounded whatever comes.
func TestTablesAreBounded(t *testing.T) {
	g := newGenerations[int, int](100, time.Minute)
	for i := range 10_000 {
		g.put(i, i, limitsNow)
		if i%3 == 0 {
			g.touch(7, limitsNow)
		}
	}
	if g.len() > 100 {
		t.Errorf("%d entries, at most 100", g.len())
	}
	if _, ok := g.get(7); !ok {
		t.Error("what is in use was forgotten")
	}
	if _, ok := g.get(9_999); !ok {
		t.Error("the newest was forgotten")
	}
	g.put(-1, 0, limitsNow.Add(2*time.Minute))
	g.put(-2, 0, limitsNow.Add(4*time.Minute))
	if g.len() != 2 {
		t.Errorf("%d entries, all but two are too old", g.len())
	}
}

func TestConnectionsOfOneSourceOnTheWire(t *testing.T) {
	w := newWorld(t, strict(Limits{Connections: 2}))
	first, second := w.dial("tcp"), w.dial("tcp")
	for i, conn := range []net.Conn{first, second} {
		send(t, conn, sia(t, uint32(i), "#1234|NBA01"))
		expect(t, conn, ackOf(uint32(i)))
	}
	w.expectRefused("127.0.0.1")
	other := w.dialFrom("tcp", "127.0.9.9")
	send(t, other, sia(t, 3, "#1234|NBA01"))
	expect(t, other, ackOf(3))
}

// goodPanel sends as a dialler does: five times a second apart until it is answered.
func (w *world) goodPanel(from string, seq uint32, account string) (took time.Duration, tries int, err error) {
	conn := w.dialFrom("udp", from)
	raw := frame(w.t, dc09.Frame{Token: dc09.TokenSIA, Sequence: seq, Account: account, Data: []byte("#" + account + "|NBA01")})
	want := string(dc09.AppendACK(nil, dc09.Frame{Sequence: seq, Account: account}))
	begun := time.Now()
	buf := make([]byte, 256)
	for tries = 1; tries <= 5; tries++ {
		if _, err := conn.Write([]byte(raw)); err != nil {
			return 0, tries, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return 0, tries, err
		}
		n, err := conn.Read(buf)
		if err == nil && string(buf[:n]) == want {
			return time.Since(begun), tries, nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, tries, err
		}
	}
	return 0, tries, fmt.Errorf("no answer to any of %d tries", tries-1)
}

// panelsAnswered lets 24 panels send three alarms each, and tells how long answers
// took, in order, and how many tries it needed.
func (w *world) panelsAnswered(first uint32) (times []time.Duration, tries int) {
	w.t.Helper()
	var work sync.WaitGroup
	var mu sync.Mutex
	for p := range floodedPanels {
		work.Go(func() {
			for round := range floodedRounds {
				took, n, err := w.goodPanel(fmt.Sprintf("127.0.1.%d", p+1), first+uint32(round), fmt.Sprintf("A%03X", p))
				if err != nil {
					w.t.Errorf("panel %d: %v", p, err)
					return
				}
				mu.Lock()
				times, tries = append(times, took), tries+n
				mu.Unlock()
			}
		})
	}
	work.Wait()
	if slices.Sort(times); len(times) == 0 {
		w.t.Fatal("no panel was answered")
	}
	return times, tries
}

const floodedPanels, floodedRounds = 24, 3

// flood sends alarms of accounts that nobody knows, polls and junk from one address;
// end waits until that was many times the budget, and tells how many rounds it was.
func (w *world) flood() (end func() (sent int)) {
	const enough = 5_000
	stop, flooded := make(chan struct{}), make(chan struct{})
	var work sync.WaitGroup
	sent := 0
	work.Go(func() {
		conn := w.dialFrom("udp", "127.0.9.9")
		pace := rate.NewLimiter(10_000, 1_000)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := pace.Wait(w.t.Context()); err != nil {
				return
			}
			account := fmt.Sprintf("%06X", 0xF00000+sent)
			for _, raw := range []string{
				frame(w.t, dc09.Frame{Token: dc09.TokenSIA, Sequence: 1, Account: account, Data: []byte("|NBA01")}),
				frame(w.t, dc09.Frame{Token: dc09.TokenNull, Sequence: 2, Account: "E" + account[1:]}), "junk\r",
			} {
				_, _ = conn.Write([]byte(raw)) // a full buffer is the flood's own affair
			}
			if sent++; sent == enough {
				close(flooded)
			}
		}
	})
	return func() int {
		<-flooded
		close(stop)
		work.Wait()
		return sent
	}
}

// newSites are those in the log that nobody declared.
func (w *world) newSites() map[uint64]bool {
	events, polls := w.log()
	sites := map[uint64]bool{}
	for _, e := range events {
		if e.GetSite() >= ids.FirstUndeclared {
			sites[e.GetSite()] = true
		}
	}
	for site := range polls {
		if site >= ids.FirstUndeclared {
			sites[site] = true
		}
	}
	return sites
}

// One source sends thirty times its share. (More than the system can hand to one
// process is lost before the process can tell sources apart; that is the network's to
// filter.) The panels are answered all the same, and the flood makes no more sites
// than its budget.
func TestFloodHurtsNobodyElse(t *testing.T) {
	w := newWorld(t, strict(Limits{}))
	for p := range floodedPanels {
		w.bind(fmt.Sprintf("A%03X", p), uint64(100+p))
	}
	w.await("the accounts", func() bool { return w.r.accounts.count() > floodedPanels })
	calm, _ := w.panelsAnswered(1)
	end := w.flood()
	busy, tries := w.panelsAnswered(100)
	sent := end()
	w.stopReceiver()
	t.Logf("%d forged rounds; median answer %s in calm, %s in the flood (ratio %.1f); %d tries for %d alarms",
		sent, calm[len(calm)/2], busy[len(busy)/2], float64(busy[len(busy)/2])/float64(calm[len(calm)/2]), tries, floodedPanels*floodedRounds)
	sites := w.newSites()
	if budget := savedAccounts*10 + 30; len(sites) == 0 || len(sites) > budget {
		t.Errorf("the flood made %d sites of %d accounts, want some and at most %d", len(sites), sent, budget)
	}
}
