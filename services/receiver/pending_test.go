package receiver

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What was under way at most, as when Kafka was away, is not what is held for ever.
func TestPendingForgetsItsPeak(t *testing.T) {
	const frames, most = 20_000, 256 << 10
	now := limitsNow
	p := newPending(func() time.Time { return now })
	o := origin{transport: vigiev1.Transport_TRANSPORT_UDP, remote: netip.MustParseAddrPort("192.0.2.1:9")}
	round := func(n int) {
		var flying []*flight
		for i := range n {
			f, became := p.enter(ids.Fingerprint(uint64(i), 1, "SIA-DCS", nil, nil), o, func(error) {}, now)
			if became != entered {
				t.Fatalf("frame %d became %d", i, became)
			}
			flying = append(flying, f)
		}
		for _, f := range flying {
			f.settle(nil)
		}
		now = now.Add(recentFor + time.Millisecond)
	}
	held := func() int64 {
		runtime.GC()
		runtime.GC() // what pools keep
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	round(10)
	before := held()
	round(frames)
	for range 3 {
		round(10)
	}
	if grew := held() - before; grew > most {
		t.Errorf("%d bytes are held since %d frames were under way at once, at most %d", grew, frames, most)
	}
	runtime.KeepAlive(p)
}

// Nor are the answers that waited at most to be sent over UDP.
func TestOutboxForgetsItsPeak(t *testing.T) {
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d := &door{r: &Receiver{metrics: m}, conn: conn, filled: make(chan struct{}, 1)}
	var box outbox
	for _, answers := range []int{2 * manyAnswers, 2 * manyAnswers, 1, 1} {
		for range answers {
			d.queue(origin{remote: conn.LocalAddr().(*net.UDPAddr).AddrPort()}, []byte("an answer"))
		}
		d.send(&box)
	}
	for _, b := range []outbox{box, d.out} {
		if cap(b.to) > manyAnswers {
			t.Errorf("room for %d answers is held, at most %d", cap(b.to), manyAnswers)
		}
	}
}
