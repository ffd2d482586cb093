package receiver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Each fault makes a source wait twice as long, up to a bound; a minute without one,
// or a whole frame, ends it.
func TestFaultsMakeASourceWait(t *testing.T) {
	l := newLimits(Limits{Exempt: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	a, now := addr("192.0.2.1"), limitsNow
	if l.waits(a, now) {
		t.Error("a source without a fault waits")
	}
	for n, want := range []time.Duration{1, 2, 4, 8, 8, 8} {
		want *= time.Second
		l.blame(a, now)
		if !l.waits(a, now.Add(want-time.Millisecond)) || l.waits(a, now.Add(want)) {
			t.Errorf("after fault %d the wait is not %s", n+1, want)
		}
		if l.waits(addr("192.0.2.2"), now) {
			t.Fatal("another source waits for this one")
		}
		now = now.Add(want)
	}
	now = now.Add(forgotten)
	l.blame(a, now)
	if l.waits(a, now.Add(firstWait)) {
		t.Error("a minute after its last fault a source waits for all of them")
	}
	l.pardon(a, now)
	if l.waits(a, now) {
		t.Error("a source waits although a frame came from it")
	}
	l.blame(addr("198.51.100.7"), now)
	if l.waits(addr("198.51.100.7"), now) {
		t.Error("an exempt source waits")
	}
	for n := range uint32(4 * maxSources) { // as from a large network of taken machines
		l.blame(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), now)
	}
	if n := l.faults.len(); n > maxSources {
		t.Errorf("the faults of %d sources are remembered, at most %d", n, maxSources)
	}
}

// Who had a connection ended without a frame gets nobody's place for a while; a panel
// at the same address ends that by its first frame.
func TestWhoHeldConnectionsWaits(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		strict(Limits{})(c)
		c.MaxConnections = 4
	})
	const attacker, bystander = "127.0.50.1", "127.0.60.1"
	gaveWay := func() float64 { return testutil.ToFloat64(w.r.metrics.closed.WithLabelValues("gave-way")) }
	connected := float64(0)
	dial := func(from string) net.Conn {
		conn := w.dialFrom("tcp", from)
		connected++
		w.await("the connection", func() bool { return testutil.ToFloat64(w.r.metrics.connections) == connected })
		return conn
	}
	half := sia(t, 9, "#1234|NBA09")
	first, second := dial(attacker), dial(attacker)
	send(t, first, half[:20])
	other := dial(bystander)
	held := dial("127.0.70.1")
	send(t, held, sia(t, 1, "#1234|NBA01"))
	expect(t, held, ackOf(1))
	fresh := w.dialFrom("tcp", "127.0.71.1")
	send(t, fresh, sia(t, 2, "#1234|NBA02"))
	expect(t, fresh, ackOf(2))
	expectReset(t, first)
	w.await("one to be told as having given way", func() bool { return gaveWay() == 1 })
	turned := w.dialFrom("tcp", attacker)
	w.await("one to be turned away", func() bool {
		return testutil.ToFloat64(w.r.metrics.refusedConnections.WithLabelValues("waits")) == 1
	})
	if gaveWay() != 1 {
		t.Errorf("%v connections gave way, one to who had to wait", gaveWay())
	}
	send(t, second, half)
	expect(t, second, ackOf(9))
	again := w.dialFrom("tcp", attacker)
	send(t, again, sia(t, 10, "#1234|NBA10"))
	expect(t, again, ackOf(10))
	expectReset(t, other)
	expectReset(t, turned)
}

func expectReset(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 256)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%d bytes, %v: want the connection reset", n, err)
	}
}

// Who is turned away hears nothing for a while; more than there is room for end at
// once, and all do at the stop.
func TestTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := make(turnedAway, 4)
		var ends []net.Conn
		turn := func() {
			ours, theirs := net.Pipe()
			away.add(ours)
			ends = append(ends, theirs)
		}
		ended := func(conn net.Conn, within time.Duration) bool {
			_ = conn.SetReadDeadline(time.Now().Add(within)) // a pipe takes any
			_, err := conn.Read(make([]byte, 1))
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			return errors.Is(err, io.EOF)
		}
		for range cap(away) + 1 {
			turn()
		}
		if !ended(ends[4], time.Millisecond) {
			t.Error("more are kept than there is room for")
		}
		stop, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			away.close(stop)
		}()
		if ended(ends[0], turnedAwayFor-10*time.Millisecond) {
			t.Error("who was turned away heard so at once")
		}
		for _, conn := range ends[:4] {
			if !ended(conn, 20*time.Millisecond) {
				t.Error("a connection is kept for longer than it should")
			}
		}
		turn()
		begun := time.Now()
		cancel()
		close(away)
		<-done
		if !ended(ends[5], time.Millisecond) || time.Since(begun) > time.Millisecond {
			t.Error("the stop waits for those who were turned away")
		}
	})
}

// The system finds a panel that went away without a word, once it is known that there
// is one; what has no frame ends by its limits.
func TestKeepAliveFromTheFirstFrame(t *testing.T) {
	w := newWorld(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &session{r: w.r, conn: conn, seat: newSeats(1).enter(conn, false), split: dc09.Splitter{}}
	if err := conn.(*net.TCPConn).SetKeepAlive(false); err != nil {
		t.Fatal(err)
	}
	s.prove()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var on, idle int
	err = raw.Control(func(fd uintptr) {
		on, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
		idle, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE)
	})
	if err != nil || on == 0 || idle != int(keepAlive/time.Second) {
		t.Errorf("keep-alive %d after %d s, %v; want it after %s", on, idle, err, keepAlive)
	}
}
