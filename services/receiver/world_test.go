package receiver

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testPartitions = 4
	// patience bounds what a test waits for; no test waits that long when it passes.
	patience = 20 * time.Second
	// quiet is how long a test listens to be told that no answer comes.
	quiet = 300 * time.Millisecond
	// boundSite is the site of account 1234 on line 0.
	boundSite = 7
)

// world is a broker, a vault, an appender and a receiver on real sockets.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	kafka   eventlog.Config
	vault   *vault.Vault
	keys    string // directory of the vault
	ring    *ring
	logged  *bytes.Buffer
	r       *Receiver
	reg     *prometheus.Registry
	// stopReceiver ends the receiver only; stop ends all.
	stopReceiver, stop func()
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.SeedTopics(testPartitions, "vigie.events", "vigie.accounts", "vigie.rejected"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, cluster: cluster, kafka: eventlog.Config{Brokers: cluster.ListenAddrs()}, reg: prometheus.NewRegistry(), keys: t.TempDir(), ring: &ring{path: filepath.Join(t.TempDir(), "panels.keyring")}, logged: &bytes.Buffer{}}
	if w.vault, err = vault.Open(w.keys); err != nil {
		t.Fatal(err)
	}
	w.bind("1234", boundSite)
	log := slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := appender.New(appender.Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: testPartitions, BeatEvery: 20 * time.Millisecond},
		appender.Deps{Log: log, Metrics: w.reg, Kafka: w.kafka})
	if err != nil {
		t.Fatal(err)
	}
	stopAppender := w.run(a)
	cfg := Config{TCP: "127.0.0.1:0", UDP: "127.0.0.1:0"}
	if change != nil {
		change(&cfg)
	}
	if w.r, err = New(cfg, Deps{Log: log, Metrics: w.reg, Kafka: w.kafka, Vault: w.vault, Appender: a, Keys: w.ring}); err != nil {
		t.Fatal(err)
	}
	w.stopReceiver = w.run(w.r)
	w.stop = sync.OnceFunc(func() {
		w.stopReceiver()
		stopAppender()
		cluster.Close()
		if err := w.vault.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

// ring is a keyring that a test changes.
type ring struct {
	path string
	now  atomic.Pointer[keyring.Ring]
}

var ringMaster = bytes.Repeat([]byte{3}, keyring.MasterSize)

func (r *ring) Ring() *keyring.Ring {
	if now := r.now.Load(); now != nil {
		return now
	}
	return &keyring.Ring{}
}

func (*ring) Failures() uint64 { return 0 }

func (r *ring) edit(t *testing.T, change func(*keyring.Editor) error) {
	t.Helper()
	if err := keyring.Edit(t.Context(), r.path, ringMaster, change); err != nil {
		t.Fatal(err)
	}
	now, err := keyring.Read(r.path, ringMaster)
	if err != nil {
		t.Fatal(err)
	}
	r.now.Store(now)
}

type service interface {
	Run(context.Context) error
	Ready() <-chan struct{}
}

// run starts a service and returns what ends it.
func (w *world) run(s service) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		w.t.Fatalf("%T ended before it was ready: %v", s, err)
	}
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("%T: %v", s, err)
		}
	})
}

func (w *world) bind(account string, site uint64) {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers...))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	value, err := proto.Marshal(&vigiev1.AccountBinding{Account: account, Site: site, Version: 3})
	if err != nil {
		w.t.Fatal(err)
	}
	record := &kgo.Record{Topic: "vigie.accounts", Key: []byte(ids.AccountKey(0, account)), Value: value}
	if err := client.ProduceSync(context.Background(), record).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// read returns what a topic holds now, in order within each partition.
func (w *world) read(topic string) []*kgo.Record {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		w.t.Fatal(err)
	}
	left := 0
	ends.Each(func(o kadm.ListedOffset) { left += int(o.Offset) })
	var out []*kgo.Record
	for len(out) < left {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, fetches.Records()...)
	}
	slices.SortStableFunc(out, func(a, b *kgo.Record) int { return int(a.Partition - b.Partition) })
	return out
}

// events and polls of the log.
func (w *world) log() (events []*vigiev1.Event, polls map[uint64]int) {
	w.t.Helper()
	polls = map[uint64]int{}
	for _, r := range w.read("vigie.events") {
		var l vigiev1.LogRecord
		if err := proto.Unmarshal(r.Value, &l); err != nil {
			w.t.Fatal(err)
		}
		if e := l.GetEvent(); e != nil {
			events = append(events, e)
		}
		for _, site := range l.GetBeat().GetSite() {
			polls[site]++
		}
	}
	return events, polls
}

// rejected returns what was set aside once there are n pieces; the vault opens
// each.
func (w *world) rejected(n int) []*vigiev1.Rejected {
	w.t.Helper()
	var out []*vigiev1.Rejected
	w.await("pieces set aside", func() bool {
		out = nil
		for _, r := range w.read("vigie.rejected") {
			var j vigiev1.Rejected
			if err := proto.Unmarshal(r.Value, &j); err != nil {
				w.t.Fatal(err)
			}
			out = append(out, &j)
		}
		return len(out) >= n
	})
	return out
}

// await asks again until the condition holds; what it asks waits by itself.
func (w *world) await(what string, holds func() bool) {
	w.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-late.C:
			w.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// hold keeps every produce request unanswered until release.
func (w *world) hold() (release func()) {
	freed := make(chan struct{})
	w.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		w.cluster.SleepControl(func() { <-freed })
		return nil, nil, false
	})
	release = sync.OnceFunc(func() { close(freed) })
	w.t.Cleanup(release)
	return release
}

func (w *world) dial(network string) net.Conn {
	w.t.Helper()
	addr := w.r.TCP()
	if network == "udp" {
		addr = w.r.UDP()
	}
	conn, err := net.Dial(network, addr.String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (w *world) panel(network string, options ...panel.Option) *panel.Transmitter {
	w.t.Helper()
	addr := w.r.TCP()
	if network == "udp" {
		addr = w.r.UDP()
	}
	p, err := panel.Dial(network, addr.String(), append([]panel.Option{panel.FirstSequence(1)}, options...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = p.Close() })
	return p
}

func send(t *testing.T, conn net.Conn, raw string) {
	t.Helper()
	if _, err := conn.Write([]byte(raw)); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly that answer.
func expect(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 0, len(want))
	buf := make([]byte, len(want))
	for len(got) < len(want) {
		n, err := conn.Read(buf[:len(want)-len(got)])
		if err != nil {
			t.Fatalf("after %q: %v, want %q", got, err, want)
		}
		got = append(got, buf[:n]...)
	}
	if string(got) != want {
		t.Fatalf("answer %q, want %q", got, want)
	}
}

// expectSilence listens for quiet.
func expectSilence(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 256)
	n, err := conn.Read(buf)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%q, %v: want silence", buf[:n], err)
	}
}

// expectClosed waits for the receiver to end the connection.
func expectClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 256))
	if n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v: want the connection closed", n, err)
	}
}

// dialFrom connects from another address of this machine.
func (w *world) dialFrom(network, from string) net.Conn {
	w.t.Helper()
	d, to := net.Dialer{}, w.r.TCP()
	if ip := net.ParseIP(from); network == "udp" {
		to, d.LocalAddr = w.r.UDP(), &net.UDPAddr{IP: ip}
	} else {
		d.LocalAddr = &net.TCPAddr{IP: ip}
	}
	conn, err := d.Dial(network, to.String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// expectRefused connects from an address and is turned away, which may show at once.
func (w *world) expectRefused(from string) {
	w.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", w.r.TCP().String())
	switch {
	case errors.Is(err, syscall.ECONNRESET):
	case err != nil:
		w.t.Fatal(err)
	default:
		defer conn.Close()
		expectClosed(w.t, conn)
	}
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func lines(t *testing.T, text ...string) Lines {
	t.Helper()
	l, err := ParseLines(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
