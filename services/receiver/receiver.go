// Package receiver takes what panels send by SIA DC-09 over TCP and UDP, appends
// it to the log, and answers a panel only after the log has it for good. What
// gateways say of panels by other protocols comes in by Take (message.go).
//
// The way of a frame: a session (tcp.go, udp.go) cuts bytes into frames; take
// (take.go) reads the frame, finds the site, and hands polls and events to the
// appender; when Kafka has acknowledged all that came of the frame, the answer
// goes into the session's bounded queue. What cannot become an event is set
// aside with its reason (rejected.go). DESIGN.md has the promises.
package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/ports"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// Config of a receiver. The zero value of each limit is its default.
type Config struct {
	// ID is the stable name, unique among receivers; "local" by default.
	ID string
	// Group whose supervision clock this receiver runs; "default" by default.
	Group string
	// TCP and UDP are host:port to listen on; port 0 takes a free one. "-" opens
	// no such door; "127.0.0.1:9009" by default.
	TCP string
	UDP string
	// TLS opens a third door.
	TLS TLS
	// Proxies are addresses whose connections must begin with the PROXY protocol,
	// version 2, and have the source that it names.
	Proxies []netip.Prefix

	// MaxConnections over TCP at a time (10,000). Past it a new one takes the place of
	// the oldest on which no whole frame came yet, unless it comes from where such a
	// one was ended lately.
	MaxConnections int
	// Idle ends a TCP connection on which nothing comes (1 h); FirstByte one on
	// which nothing has come yet (30 s); Stall one whose frame is not complete
	// that long after its first byte (10 s).
	Idle, FirstByte, Stall time.Duration
	// Write ends a TCP connection whose peer takes no answer that long (10 s).
	Write time.Duration
	// Drain is how long a stopping receiver waits for its last answers (5 s).
	Drain time.Duration
	// Tolerances of the wire format, by line.
	Tolerances Tolerances
	// CheckStamp are lines on which a clear frame whose stamp is more than 40 s old
	// or 20 s ahead is answered NAK. None by default: many panels' clocks are wrong.
	// Encrypted frames always are.
	CheckStamp Lines
	// EncryptedOnly are lines on which an account that has a key gets no answer when
	// it sends in clear. Elsewhere it is taken, and told as a suspicion: an alarm is
	// not lost because a panel was set up anew.
	EncryptedOnly Lines
	// KnownOnly are lines on which an account that nobody declared gets no answer.
	KnownOnly Lines
	// Limits of sources.
	Limits Limits
}

// Bounds of what a receiver holds.
const (
	// maxUnanswered frames of one TCP connection; reading pauses there.
	maxUnanswered = 1024
	// answerQueue of one TCP connection: no more answers than unanswered frames
	// and refusals between two writes.
	answerQueue = maxUnanswered + 64
	// maxBadFrames on one TCP connection before it is closed.
	maxBadFrames = 16
	// datagramWorkers work in parallel, each source on one of them, each with a
	// queue of datagramQueue; past it datagrams are dropped, as networks do. They
	// are many because a new account's key is on the disk before its worker goes
	// on: together they share one write, and a known panel waits behind few.
	datagramWorkers = 64
	datagramQueue   = 128
	// maxDatagram may hold more than one frame.
	maxDatagram = 8 << 10
	// datagramAnswers wait to be sent over UDP.
	datagramAnswers = 16_384
	// maxPending frames whose append is under way, and maxWaiters answers for
	// each: a retransmission joins.
	maxPending = 262_144
	maxWaiters = 8
	// maxRecent frames answered over UDP are remembered for recentFor: their
	// retransmission from the same socket gets the same answer without a record.
	maxRecent = 65_536
	recentFor = 5 * time.Second
	// readSize of one read from a TCP connection that sends much, smallRead of one
	// that does not, and the room for answers that an idle one keeps.
	readSize  = 8 << 10
	smallRead = 512
	// answerBuffer of the system for one TCP connection: a panel takes its answers
	// one by one, and one that takes none must not hold megabytes.
	answerBuffer = 32 << 10
	// keepAlive finds half-open connections.
	keepAlive = 30 * time.Second
)

// Appender is the writer of vigie.events; *appender.Appender in the product.
type Appender interface {
	AppendEvent(site uint64, event []byte, done func(error)) error
	Heartbeat(site uint64, path uint32, done func(error)) error
	Listener(name string) *appender.Listener
	Boot() []byte
	NowMS() int64
}

// Deps are what the receiver is given. Its appender runs before it starts and
// ends after it.
type Deps struct {
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Kafka    eventlog.Config
	Vault    *vault.Vault
	Appender Appender
	// Keys of panels; nil when none encrypts.
	Keys Keys
}

// Keys are the panels' keys as they stand now; *keyring.Live in the product.
type Keys interface {
	Ring() *keyring.Ring
	// Failures counts the readings of the file that failed.
	Failures() uint64
}

// Receiver takes frames. Make it with New, then Run it.
type Receiver struct {
	cfg      Config
	log      *slog.Logger
	appender Appender
	vault    *vault.Vault
	accounts *accounts
	rejects  *rejects
	pending  *pending
	keys     Keys
	limits   *limits
	watch    *watch
	metrics  *metrics
	inputs   inputs
	ready    chan struct{}

	mu            sync.Mutex
	tcp, tls, udp net.Addr
}

// New checks the configuration and makes a receiver that does nothing yet.
func New(cfg Config, deps Deps) (*Receiver, error) {
	cfg = cfg.withDefaults()
	if err := deps.Kafka.Check(); err != nil {
		return nil, err
	}
	if deps.Vault == nil || deps.Appender == nil {
		return nil, errors.New("a receiver needs a vault and an appender")
	}
	limits := newLimits(cfg.Limits)
	m, err := newMetrics(deps.Metrics)
	if err == nil && deps.Metrics != nil {
		err = registerState(deps.Metrics, deps.Keys, limits)
	}
	if err != nil {
		return nil, fmt.Errorf("metrics of the receiver: %w", err)
	}
	log := deps.Log.With("receiver", cfg.ID)
	r := &Receiver{
		cfg: cfg, log: log, appender: deps.Appender, vault: deps.Vault, metrics: m,
		accounts: newAccounts(deps.Kafka, log), pending: newPending(func() time.Time { return time.UnixMilli(deps.Appender.NowMS()) }),
		keys: deps.Keys, limits: limits, watch: newWatch(),
		ready: make(chan struct{}),
	}
	r.rejects = newRejects(cfg.ID, deps, log, m)
	return r, nil
}

func (c Config) withDefaults() Config {
	orText := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orText(&c.ID, "local")
	orText(&c.Group, "default")
	orText(&c.TCP, "127.0.0.1:9009")
	orText(&c.UDP, "127.0.0.1:9009")
	orTime(&c.Idle, time.Hour)
	orTime(&c.FirstByte, 30*time.Second)
	orTime(&c.Stall, 10*time.Second)
	orTime(&c.Write, 10*time.Second)
	orTime(&c.Drain, 5*time.Second)
	if c.MaxConnections == 0 {
		c.MaxConnections = 10_000
	}
	return c
}

// closed is the address of a door that is not opened.
const closed = "-"

// Ready is closed once the accounts are known and the doors are open.
func (r *Receiver) Ready() <-chan struct{} { return r.ready }

// TCP and UDP are the addresses that are listened on, nil before Ready and for a
// door that is not opened.
func (r *Receiver) TCP() net.Addr { r.mu.Lock(); defer r.mu.Unlock(); return r.tcp }

// UDP is the address that datagrams are taken on; see TCP.
func (r *Receiver) UDP() net.Addr { r.mu.Lock(); defer r.mu.Unlock(); return r.udp }

// TLS is the address of the door for TLS; see TCP.
func (r *Receiver) TLS() net.Addr { r.mu.Lock(); defer r.mu.Unlock(); return r.tls }

// Run reads the accounts, opens the doors, and serves until ctx ends. Then it
// takes nothing more, waits up to Drain for the answers to what it took, sends
// them, and closes. It fails when an address cannot be listened on.
func (r *Receiver) Run(ctx context.Context) error {
	// The doors are tried first: a port in use is told at once.
	d, err := r.listen()
	if err != nil {
		return err
	}
	if err := r.rejects.open(); err != nil {
		return errors.Join(err, d.close())
	}
	defer r.rejects.close()
	// The accounts are followed until the last session has ended.
	base, endBase := context.WithCancelCause(context.WithoutCancel(ctx))
	var following sync.WaitGroup
	var failed error
	following.Go(func() {
		failed = r.accounts.run(base)
		endBase(failed)
	})
	err = r.serve(ctx, base, d)
	endBase(nil)
	following.Wait()
	return errors.Join(err, failed)
}

// serve runs the doors until ctx ends or what they stand on fails.
func (r *Receiver) serve(ctx, base context.Context, d doors) error {
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(base, cancel)()
	select {
	case <-r.accounts.ready:
	case <-stop.Done():
		return d.close()
	}
	var open sync.WaitGroup
	r.inputs.set(true)
	open.Go(func() { r.closeInputs(stop) })
	all := newSeats(r.cfg.MaxConnections)
	away := make(turnedAway, maxTurnedAway)
	var turning sync.WaitGroup
	turning.Go(func() { away.close(stop) })
	for _, e := range d.streams {
		open.Go(func() { r.serveTCP(stop, e, all, away) })
	}
	if d.udp != nil {
		open.Go(func() { r.serveUDP(stop, d.udp) })
	}
	r.log.Info("listening for panels", "tcp", r.TCP(), "udp", r.UDP(), "tls", r.TLS(), "accounts", r.accounts.count())
	close(r.ready)
	open.Wait()
	close(away)
	turning.Wait()
	return nil
}

// doors are what panels come in by.
type doors struct {
	streams []entrance
	udp     *net.UDPConn
}

func (d doors) close() error {
	var errs []error
	for _, e := range d.streams {
		errs = append(errs, e.Close())
	}
	if d.udp != nil {
		errs = append(errs, d.udp.Close())
	}
	return errors.Join(errs...)
}

func (r *Receiver) listen() (d doors, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if r.cfg.TCP != closed {
		ln, err := r.stream(r.cfg.TCP)
		if err != nil {
			return d, err
		}
		r.tcp = ln.Addr()
		d.streams = append(d.streams, entrance{Listener: ln, transport: vigiev1.Transport_TRANSPORT_TCP})
	}
	if r.cfg.TLS.Listen != "" {
		pair, err := openCertificate(r.cfg.TLS, r.log)
		if err != nil {
			return d, err
		}
		ln, err := r.stream(r.cfg.TLS.Listen)
		if err != nil {
			return d, err
		}
		r.tls = ln.Addr()
		d.streams = append(d.streams, entrance{ln, vigiev1.Transport_TRANSPORT_TLS, pair.config()})
	}
	if r.cfg.UDP == closed {
		return d, nil
	}
	at, err := net.ResolveUDPAddr("udp", r.cfg.UDP)
	if err == nil {
		d.udp, err = net.ListenUDP("udp", at)
	}
	if err != nil {
		d.udp = nil
		return d, fmt.Errorf("listening for panels: %w", ports.Explain("udp", r.cfg.UDP, err))
	}
	r.udp = d.udp.LocalAddr()
	return d, nil
}

func (r *Receiver) stream(at string) (net.Listener, error) {
	// What a connection is set to costs as much as all else until its first frame,
	// which not every one has: see session.prove.
	lc := net.ListenConfig{KeepAlive: -1}
	ln, err := lc.Listen(context.Background(), "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("listening for panels: %w", ports.Explain("tcp", at, err))
	}
	return r.behindProxies(ln), nil
}

// drained waits until every frame of a session was settled, at most Drain.
func (r *Receiver) drained(frames *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		frames.Wait()
		close(done)
	}()
	late := time.NewTimer(r.cfg.Drain)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		r.metrics.silences.WithLabelValues("stopped").Inc()
	}
}
