package receiver

import (
	"fmt"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Half frames and silence from many addresses take every connection there is. A panel
// that comes gets in all the same, one that was there stays, and who made room is who
// was there longest without a frame.
func TestHeldConnectionsKeepNoPanelOut(t *testing.T) {
	const connections = 6
	w := newWorld(t, func(c *Config) { c.MaxConnections = connections })
	old := w.dial("tcp")
	send(t, old, sia(t, 1, "#1234|NBA01"))
	expect(t, old, ackOf(1))
	var held []net.Conn
	for n := range connections - 1 {
		conn := w.dialFrom("tcp", fmt.Sprintf("127.0.%d.1", 50+n))
		if n%2 == 0 {
			send(t, conn, sia(t, 9, "#1234|NBA09")[:20])
		}
		held = append(held, conn)
		w.await("the connection", func() bool { return testutil.ToFloat64(w.r.metrics.connections) == float64(2+n) })
	}
	for n := range uint32(3) {
		fresh := w.dialFrom("tcp", fmt.Sprintf("127.0.%d.1", 70+n))
		send(t, fresh, sia(t, 2+n, "#1234|NBA02"))
		expect(t, fresh, ackOf(2+n))
		expectClosed(t, held[n])
	}
	send(t, held[4], sia(t, 9, "#1234|NBA09")[20:]) // it is a panel, only slow
	expect(t, held[4], ackOf(9))
	send(t, old, sia(t, 6, "#1234|NBA06"))
	expect(t, old, ackOf(6))
	w.await("three to be told as having given way", func() bool {
		return testutil.ToFloat64(w.r.metrics.closed.WithLabelValues("gave-way")) == 3
	})
	// The one that is left without a frame gives way; after it all belong to panels.
	last := w.dialFrom("tcp", "127.0.80.1")
	send(t, last, sia(t, 10, "#1234|NBA10"))
	expect(t, last, ackOf(10))
	expectClosed(t, held[3])
	w.expectRefused("127.0.81.1")
}
