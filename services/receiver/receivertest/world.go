// Package receivertest is a receiver on a log of its own, for the tests of what
// brings messages in: a real broker of the protocol, a real vault, a real appender.
package receivertest

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver"
)

const (
	partitions = 4
	// Patience bounds what a test waits for; no test waits that long when it passes.
	Patience = 20 * time.Second
	// BoundSite is the site of account 1234 on line 0.
	BoundSite = 7
)

// World is a receiver that runs, and what it stands on.
type World struct {
	Cluster  *kfake.Cluster
	Vault    *vault.Vault
	Metrics  *prometheus.Registry
	Log      *slog.Logger
	Logged   *Text
	Receiver *receiver.Receiver
	// StopReceiver ends the receiver only.
	StopReceiver func()

	t     testing.TB
	kafka eventlog.Config
}

// Text is what the program's log says; it may be read while it is written.
type Text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// New starts a world; change may alter the receiver's configuration.
func New(t testing.TB, change func(*receiver.Config)) *World {
	t.Helper()
	w := Unstarted(t, change)
	w.Start()
	return w
}

// Unstarted makes a world whose receiver does not run yet.
func Unstarted(t testing.TB, change func(*receiver.Config)) *World {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.SeedTopics(partitions, "vigie.events", "vigie.accounts", "vigie.rejected"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := &World{t: t, Cluster: cluster, kafka: eventlog.Config{Brokers: cluster.ListenAddrs()}, Metrics: prometheus.NewRegistry(), Logged: &Text{}}
	w.Log = slog.New(slog.NewTextHandler(w.Logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if w.Vault, err = vault.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Vault.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Bind(0, "1234", BoundSite)
	a, err := appender.New(appender.Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: partitions, BeatEvery: 20 * time.Millisecond},
		appender.Deps{Log: w.Log, Metrics: w.Metrics, Kafka: w.kafka})
	if err != nil {
		t.Fatal(err)
	}
	w.Run(a)
	cfg := receiver.Config{TCP: "127.0.0.1:0", UDP: "127.0.0.1:0"}
	if change != nil {
		change(&cfg)
	}
	if w.Receiver, err = receiver.New(cfg, receiver.Deps{Log: w.Log, Metrics: w.Metrics, Kafka: w.kafka, Vault: w.Vault, Appender: a}); err != nil {
		t.Fatal(err)
	}
	return w
}

// Start runs the receiver.
func (w *World) Start() {
	w.t.Helper()
	w.StopReceiver = w.Run(w.Receiver)
}

// Service is a part that runs until it is told to end.
type Service interface {
	Run(context.Context) error
	Ready() <-chan struct{}
}

// Run starts a service and returns what ends it; it ends with the test at the latest.
func (w *World) Run(s Service) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		cancel()
		w.t.Fatalf("%T ended before it was ready: %v", s, err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("%T: %v", s, err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// Bind declares an account.
func (w *World) Bind(line uint32, account string, site uint64) {
	w.t.Helper()
	client := w.client()
	defer client.Close()
	value, err := proto.Marshal(&vigiev1.AccountBinding{Line: line, Account: account, Site: site, Version: 3})
	if err != nil {
		w.t.Fatal(err)
	}
	record := &kgo.Record{Topic: "vigie.accounts", Key: []byte(ids.AccountKey(line, account)), Value: value}
	if err := client.ProduceSync(context.Background(), record).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *World) client(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(w.kafka.Brokers...))...)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// read returns what a topic holds now, in order within each partition.
func (w *World) read(topic string) []*kgo.Record {
	w.t.Helper()
	client := w.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
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

// Events are what the log holds now, and the polls of each site.
func (w *World) Events() (events []*vigiev1.Event, polls map[uint64]int) {
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

// Rejected returns what was set aside once there are n pieces, with their bytes.
func (w *World) Rejected(n int) (pieces []*vigiev1.Rejected, raw []string) {
	w.t.Helper()
	w.Await("pieces set aside", func() bool {
		pieces, raw = nil, nil
		for _, r := range w.read("vigie.rejected") {
			var j vigiev1.Rejected
			if err := proto.Unmarshal(r.Value, &j); err != nil {
				w.t.Fatal(err)
			}
			b, err := w.Vault.Unseal(j.GetRaw(), vault.AAD(vault.FieldRaw, nil))
			if err != nil {
				w.t.Fatal(err)
			}
			pieces, raw = append(pieces, &j), append(raw, string(b))
		}
		return len(pieces) >= n
	})
	return pieces, raw
}

// Raw unseals what an event was made of.
func (w *World) Raw(e *vigiev1.Event) string {
	w.t.Helper()
	raw, err := w.Vault.Unseal(e.GetRaw(), vault.AAD(vault.FieldRaw, e.GetFingerprint()))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

// Await asks again until the condition holds; what it asks waits by itself.
func (w *World) Await(what string, holds func() bool) {
	w.t.Helper()
	late := time.NewTimer(Patience)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-late.C:
			w.t.Fatalf("waited %s for %s", Patience, what)
		}
	}
}

// Hold keeps every produce request unanswered until release.
func (w *World) Hold() (release func()) {
	freed := make(chan struct{})
	w.Cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.Cluster.KeepControl()
		w.Cluster.SleepControl(func() { <-freed })
		return nil, nil, false
	})
	release = sync.OnceFunc(func() { close(freed) })
	w.t.Cleanup(release)
	return release
}
