package receiver

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// A partition that takes nothing, as when its replicas are gone: its panels get no
// answer, all others theirs, on the same connections and sockets; its panels get
// theirs once it is back, without having sent again.
func TestDeadPartitionStopsNoOther(t *testing.T) {
	w := newWorld(t, nil)
	dead, alive := "D001", "D002"
	inPartition := func(p int32, from uint64) uint64 {
		for topics.PartitionOf(from, testPartitions) != p {
			from++
		}
		return from
	}
	w.bind(dead, inPartition(0, 100))
	w.bind(alive, inPartition(1, 200))
	w.await("the accounts", func() bool { return w.r.accounts.count() == 3 })
	message := func(account string, seq uint32, zone int, poll bool) (raw, ack string) {
		f := dc09.Frame{Token: dc09.TokenSIA, Sequence: seq, Account: account, Data: fmt.Appendf(nil, "#%s|NBA%d", account, zone)}
		if poll {
			f.Token, f.Data = dc09.TokenNull, nil
		}
		return frame(t, f), string(dc09.AppendACK(nil, f))
	}
	fault := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{0}, Err: kerr.NotEnoughReplicas, Count: -1})
	shared, socket := w.dial("tcp"), w.dial("udp")
	raw, late := message(dead, 1, 0, false)
	send(t, shared, raw)
	send(t, socket, raw)
	// More than the dead partition has room for; one connection would be held back.
	const connections, each = 20, maxUnanswered - 24
	for n := range connections {
		var many strings.Builder
		for i := range each {
			raw, _ := message(dead, uint32(2+i), n, false)
			many.WriteString(raw)
		}
		send(t, w.dial("tcp"), many.String())
	}
	w.await("the room to be taken", func() bool {
		return testutil.ToFloat64(w.r.metrics.silences.WithLabelValues("busy")) > 0
	})
	for seq := uint32(1); seq <= 200; seq++ {
		for _, conn := range []net.Conn{shared, socket} {
			raw, ack := message(alive, seq, 1, seq%10 == 0)
			send(t, conn, raw)
			expect(t, conn, ack)
		}
	}
	expectSilence(t, shared)
	fault.Remove()
	expect(t, shared, late)
	expect(t, socket, late)
}

// While Kafka is away a panel connects again for each try. What it left behind waits no
// longer than Drain, and no goroutine waits for Kafka.
func TestWhoLeftWhileKafkaIsAwayLeavesNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Drain = 50 * time.Millisecond })
	socket := w.dial("udp")
	send(t, socket, sia(t, 9999, "#1234|NBA99"))
	expect(t, socket, ackOf(9999)) // all that a receiver runs is running now
	release := w.hold()
	const panels = 100
	before := runtime.NumGoroutine()
	for n := range uint32(panels) {
		conn := w.dial("tcp")
		send(t, conn, sia(t, 1+n, "#1234|NBA01"))
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		expectClosed(t, conn)
	}
	w.await("the goroutines of those who left to end", func() bool { return runtime.NumGoroutine() < before+panels/10 })
	if left := testutil.ToFloat64(w.r.metrics.silences.WithLabelValues("stopped")); left != panels {
		t.Errorf("%v of %d connections ended without their answer", left, panels)
	}
	release()
	w.await("what they sent to be in the log", func() bool { events, _ := w.log(); return len(events) == panels+1 })
}
