package receiver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// socketBuffer is asked of the system for bursts; it may give less.
const socketBuffer = 4 << 20

// datagram is one packet as received.
type datagram struct {
	from netip.AddrPort
	// who is nil for a source without limits.
	who  *source
	data []byte
	read instant
}

// door is the UDP socket and what works on it.
type door struct {
	r      *Receiver
	conn   *net.UDPConn
	frames *appender.Listener
	queues [datagramWorkers]chan datagram
	flying sync.WaitGroup
	finish chan struct{}
	// buffers of datagrams that were worked off.
	buffers sync.Pool

	mu  sync.Mutex
	out outbox
	// filled is told when out is empty no more.
	filled chan struct{}
}

// manyAnswers is more than wait to be sent while Kafka keeps up.
const manyAnswers = 1_024

// outbox are datagrams to be sent: their bytes one after the other, and to whom.
type outbox struct {
	bytes []byte
	to    []addressed
	// asked is when each of the frames was read that they answer.
	asked []instant
}

type addressed struct {
	to  netip.AddrPort
	end int
}

// serveUDP takes datagrams until stop ends, waits for the answers to what it
// took, sends them from the same socket, and closes it.
func (r *Receiver) serveUDP(stop context.Context, conn *net.UDPConn) {
	d := &door{r: r, conn: conn, frames: r.appender.Listener("udp"), filled: make(chan struct{}, 1), finish: make(chan struct{})}
	d.buffers.New = func() any { return new([maxDatagram]byte) }
	if err := conn.SetReadBuffer(socketBuffer); err != nil {
		r.log.Debug("the system gives no larger buffer for datagrams", "error", err)
	}
	var workers, writer sync.WaitGroup
	for i := range d.queues {
		d.queues[i] = make(chan datagram, datagramQueue)
		workers.Go(func() { d.work(d.queues[i]) })
	}
	writer.Go(d.write)
	defer context.AfterFunc(stop, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	d.read(stop)
	for _, q := range d.queues {
		close(q)
	}
	workers.Wait()
	r.drained(&d.flying)
	close(d.finish)
	writer.Wait()
	if err := conn.Close(); err != nil {
		r.log.Debug("closing the datagram socket", "error", err)
	}
}

// read hands datagrams to the workers; each source always to the same one.
func (d *door) read(stop context.Context) {
	buf := make([]byte, maxDatagram+1)
	// spent is the last source that had used up its share, and the millisecond.
	var spent netip.Addr
	var spentAt int64
	for {
		n, from, err := d.conn.ReadFromUDPAddrPort(buf)
		if stop.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// An ICMP error of an answer shows here; the socket goes on.
			d.r.metrics.datagramErrors.Inc()
			continue
		}
		if n > maxDatagram {
			o := origin{remote: from, transport: vigiev1.Transport_TRANSPORT_UDP}
			d.r.rejects.add(o, string(dc09.ReasonOversized), "a datagram larger than any frame", buf[:n])
			continue
		}
		// A source that used up its share takes no room from the others in the queues,
		// and as little time as can be: what this loop is too slow for, the system drops,
		// whoever sent it.
		now := d.r.appender.NowMS()
		if from.Addr() == spent && now == spentAt {
			d.r.metrics.silences.WithLabelValues("rate-spent").Inc()
			continue
		}
		who, why := d.r.limits.queue(from.Addr(), time.UnixMilli(now))
		if why != "" {
			spent, spentAt = from.Addr(), now
			d.r.metrics.silences.WithLabelValues(why).Inc()
			continue
		}
		own := d.buffers.Get().(*[maxDatagram]byte)
		select {
		case d.queues[worker(from)] <- datagram{from: from, who: who, data: own[:copy(own[:], buf[:n])], read: instantNow()}:
		default:
			d.r.metrics.silences.WithLabelValues("datagram-queue").Inc()
			d.buffers.Put(own)
			who.leave()
		}
	}
}

// worker spreads sources by FNV-1a over address and port.
func worker(from netip.AddrPort) int {
	h := uint32(2166136261)
	for _, b := range from.Addr().As16() {
		h = (h ^ uint32(b)) * 16777619
	}
	h = (h ^ uint32(from.Port())) * 16777619
	return int(h>>16) % datagramWorkers
}

func (d *door) work(queue <-chan datagram) {
	split := dc09.Splitter{Options: d.r.cfg.Tolerances.any()}
	for g := range queue {
		o := origin{remote: g.from, transport: vigiev1.Transport_TRANSPORT_UDP, door: d, read: g.read}
		split.Write(g.data)
		for {
			piece, verdict, ok := split.Next()
			if !ok {
				piece, verdict, ok = split.Flush()
			}
			if !ok {
				break
			}
			d.flying.Add(1)
			d.r.handlePiece(piece, verdict, o, d.frames)
		}
		d.buffers.Put((*[maxDatagram]byte)(g.data[:maxDatagram]))
		g.who.leave()
	}
}

// settle ends a frame; answers that come faster than the system sends them are lost.
func (d *door) settle(o origin, answer []byte) {
	if answer != nil {
		d.queue(o, answer)
	}
	d.flying.Done()
}

func (d *door) queue(o origin, answer []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.out.to) >= datagramAnswers {
		d.r.metrics.silences.WithLabelValues("answer-queue").Inc()
		return
	}
	d.out.bytes = append(d.out.bytes, answer...)
	d.out.to = append(d.out.to, addressed{o.remote, len(d.out.bytes)})
	d.out.asked = append(d.out.asked, o.read)
	select {
	case d.filled <- struct{}{}:
	default: // told already
	}
}

// write sends answers until finish, and then what is queued.
func (d *door) write() {
	var box outbox
	for {
		select {
		case <-d.filled:
			d.send(&box)
		case <-d.finish:
			d.send(&box)
			return
		}
	}
}

// send exchanges what was sent for what is to be, and sends it.
func (d *door) send(box *outbox) {
	d.mu.Lock()
	box.bytes, box.to, box.asked = box.bytes[:0], box.to[:0], box.asked[:0]
	d.out, *box = *box, d.out
	d.mu.Unlock()
	from := 0
	for _, a := range box.to {
		if _, err := d.conn.WriteToUDPAddrPort(box.bytes[from:a.end], a.to); err != nil {
			d.r.metrics.datagramErrors.Inc()
		}
		from = a.end
	}
	d.r.metrics.wrote(box.asked)
	if cap(box.to) > manyAnswers {
		*box = outbox{} // Kafka was away, and all came at once
	}
}
