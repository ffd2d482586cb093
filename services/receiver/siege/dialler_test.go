package siege

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// habit is how a panel connects.
type habit uint8

const (
	holds habit = iota
	redials
	datagrams
)

// dialler is one good panel.
type dialler struct {
	f       *fleet
	n       int
	account string
	habit   habit

	mu   sync.Mutex
	conn net.Conn
	// dialling: a connection is being made.
	dialling bool
	ended    bool
	sequence uint32
	// flying are the messages without an answer, by the answer that is right.
	flying map[string]*message
}

const (
	// dialPatience and writePatience of a panel.
	dialPatience  = 5 * time.Second
	writePatience = time.Second
	// sequences of a panel: 0001 to 9999.
	sequences = 9999
)

// begin connects a panel that holds its connection.
func (p *dialler) begin() error {
	if p.habit == redials {
		return nil
	}
	return p.connect()
}

func (p *dialler) dial() (net.Conn, error) {
	d := net.Dialer{Timeout: dialPatience}
	if p.habit == datagrams {
		d.LocalAddr = &net.UDPAddr{IP: source(p.n).AsSlice()}
		return d.DialContext(p.f.ctx, "udp", p.f.cfg.UDP)
	}
	d.LocalAddr = &net.TCPAddr{IP: source(p.n).AsSlice()}
	return d.DialContext(p.f.ctx, "tcp", p.f.cfg.TCP)
}

// connect dials and listens. Nobody waits for it but its caller.
func (p *dialler) connect() error {
	conn, err := p.dial()
	if err != nil {
		return fmt.Errorf("panel %s: %w", p.account, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return conn.Close()
	}
	p.conn = conn
	p.f.work.Go(func() { p.listen(conn) })
	return nil
}

func (p *dialler) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// send makes a message's frame and sends it.
func (p *dialler) send(m *message) {
	p.mu.Lock()
	p.sequence = p.sequence%sequences + 1
	f := dc09.Frame{Token: dc09.TokenNull, Sequence: p.sequence, Account: p.account}
	if m.alarm {
		f.Token, f.Data = dc09.TokenSIA, fmt.Appendf(nil, "#%s|Nri1/BA%d", p.account, m.number)
	}
	raw, err := dc09.Append(nil, f)
	if err != nil {
		panic(err) // the account and the data are ours
	}
	m.raw, m.ack = raw, string(dc09.AppendACK(nil, f))
	p.flying[m.ack] = m
	p.mu.Unlock()
	p.transmit(m)
}

// transmit sends a frame, and never holds the others up: where it has to connect
// first it does so aside.
func (p *dialler) transmit(m *message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended:
	case p.habit == redials:
		p.f.work.Go(func() { p.once(m) })
	case p.conn == nil && p.dialling: // with the next try
	case p.conn == nil:
		p.dialling = true
		p.f.work.Go(func() { p.again(m) })
	default:
		p.write(p.conn, m)
	}
}

// again connects anew and sends.
func (p *dialler) again(m *message) {
	err := p.connect()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialling = false
	if err == nil && p.conn != nil {
		p.write(p.conn, m)
	}
}

// write sends the frame; what is lost is sent again, as what has no answer is.
func (p *dialler) write(conn net.Conn, m *message) {
	_ = conn.SetWriteDeadline(time.Now().Add(writePatience))
	_, _ = conn.Write(m.raw)
}

// once connects for one message, and waits for its answer no longer than until it is
// sent again.
func (p *dialler) once(m *message) {
	conn, err := p.dial()
	if err != nil {
		return // refused: it is sent again
	}
	defer conn.Close()
	p.write(conn, m)
	_ = conn.SetReadDeadline(time.Now().Add(p.f.cfg.Retry))
	if line, err := bufio.NewReaderSize(conn, 128).ReadSlice('\r'); err == nil {
		p.answer(line)
	}
}

// listen takes answers until the connection ends.
func (p *dialler) listen(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 128)
	for {
		line, err := in.ReadSlice('\r')
		if err == nil {
			p.answer(line)
			continue
		}
		p.mu.Lock()
		if p.habit == datagrams && !p.ended {
			p.mu.Unlock()
			in.Reset(conn)
			continue // a receiver that is away answers with an error
		}
		if p.conn == conn {
			p.conn = nil
		}
		p.mu.Unlock()
		_ = conn.Close()
		return
	}
}

// answer books what a receiver answered; anything but the right ACK, whole, is none.
func (p *dialler) answer(line []byte) {
	at := time.Now()
	p.mu.Lock()
	m, ok := p.flying[string(line)]
	delete(p.flying, string(line))
	p.mu.Unlock()
	if ok {
		p.f.acknowledged(m, at)
	}
}

// waitsFor says whether a message has no answer yet.
func (p *dialler) waitsFor(m *message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flying[m.ack] == m
}

func (p *dialler) giveUp(m *message) {
	p.mu.Lock()
	delete(p.flying, m.ack)
	p.mu.Unlock()
	m.book.lost(m)
}
