package driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

const (
	// udpSockets stand for the addresses of many panels: the receiver spreads its
	// work by source.
	udpSockets = 256
	// tcpConnections at most; past it panels share one, as behind a concentrator.
	tcpConnections = 4_000
	// outQueue of frames for one TCP connection that is being made or is slow;
	// past it a frame is lost and repeated like any other.
	outQueue    = 64
	dialWait    = 5 * time.Second
	redialAfter = 200 * time.Millisecond
	writeWait   = 5 * time.Second
	readBuffer  = 64 << 10
)

// network is the Transport over real sockets.
type network struct {
	driver *Driver
	stop   context.CancelFunc
	ctx    context.Context
	work   sync.WaitGroup
	udp    []*net.UDPConn
	tcp    []*stream
	// route of each panel: an index into udp, or into tcp when it is a TCP panel.
	route []int
	lost  atomic.Uint64
}

// stream is one TCP connection, made when it is first needed and again when it broke.
type stream struct {
	n    *network
	addr string
	out  chan []byte
}

// Connect opens the sockets for the driver's panels to the receiver's addresses
// (host:port) and gives them to the driver.
func (d *Driver) Connect(ctx context.Context, udp, tcp string) error {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	n := &network{driver: d, ctx: ctx, stop: stop, route: make([]int, len(d.cfg.Panels))}
	d.Use(n)
	if err := n.openUDP(udp); err != nil {
		_ = n.Close()
		return err
	}
	u, t := 0, 0
	for i, p := range d.cfg.Panels {
		if !p.TCP {
			n.route[i] = u % len(n.udp)
			u++
			continue
		}
		if len(n.tcp) < tcpConnections {
			n.tcp = append(n.tcp, &stream{n: n, addr: tcp, out: make(chan []byte, outQueue)})
		}
		n.route[i] = t % len(n.tcp)
		t++
	}
	for _, s := range n.tcp {
		n.work.Go(s.run)
	}
	return nil
}

func (n *network) openUDP(addr string) error {
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return fmt.Errorf("the receiver's UDP address %q: %w", addr, err)
	}
	for range min(udpSockets, len(n.driver.cfg.Panels)) {
		conn, err := net.DialUDP("udp", nil, to)
		if err != nil {
			return fmt.Errorf("open a socket to the receiver: %w", err)
		}
		n.udp = append(n.udp, conn)
		n.work.Go(func() { n.readUDP(conn) })
	}
	return nil
}

// Send implements Transport.
func (n *network) Send(i int, frame []byte) {
	if !n.driver.cfg.Panels[i].TCP {
		if _, err := n.udp[n.route[i]].Write(frame); err != nil {
			n.lost.Add(1)
		}
		return
	}
	select {
	case n.tcp[n.route[i]].out <- frame:
	default:
		n.lost.Add(1)
	}
}

// Close implements Transport.
func (n *network) Close() error {
	n.stop()
	for _, conn := range n.udp {
		_ = conn.Close() // ends its reader
	}
	n.work.Wait()
	return nil
}

func (n *network) readUDP(conn *net.UDPConn) {
	buf := make([]byte, readBuffer)
	for {
		size, err := conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil { // else nobody listens there now; the repeat will tell
			n.driver.Answer(buf[:size])
		}
	}
}

// run makes the connection when there is something to send.
func (s *stream) run() {
	for {
		var first []byte
		select {
		case first = <-s.out:
		case <-s.n.ctx.Done():
			return
		}
		if s.session(first) != nil {
			s.n.lost.Add(1)
			_ = pause(s.n.ctx, redialAfter) // Close ends it too
		}
	}
}

// session lasts from a dial until the connection broke or the driver ends.
func (s *stream) session(first []byte) error {
	dialer := net.Dialer{Timeout: dialWait}
	conn, err := dialer.DialContext(s.n.ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	broken := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(broken)
		s.read(conn)
	})
	defer reader.Wait()
	defer conn.Close()
	for frame := first; ; {
		if err := conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
			return err
		}
		if _, err := conn.Write(frame); err != nil {
			return err
		}
		select {
		case frame = <-s.out:
		case <-broken:
			return errors.New("the connection was lost")
		case <-s.n.ctx.Done():
			return nil
		}
	}
}

func (s *stream) read(conn net.Conn) {
	var split dc09.Splitter
	buf := make([]byte, 4<<10)
	for {
		size, err := conn.Read(buf)
		split.Write(buf[:size])
		for piece, verdict, ok := split.Next(); ok; piece, verdict, ok = split.Next() {
			if verdict == dc09.Whole {
				s.n.driver.Answer(piece)
			}
		}
		if err != nil {
			return
		}
	}
}
