package appender

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// inFlight records at most, in each of the benchmarks.
const inFlight = 4096

// benchEvent is an event of the size of an alarm with its sealed frame.
func benchEvent(id ids.ID, at int64) *vigiev1.LogRecord {
	return &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
		Id: id[:], Site: 4711, ReceivedAtMs: at, Fingerprint: id[:],
		Raw:  &vigiev1.Sealed{KeyId: "site/4711", Nonce: make([]byte, 12), Ciphertext: make([]byte, 80)},
		Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{Format: "SIA", Code: "BA", Zone: "012"}}},
	}}}
}

func benchKafka(b *testing.B) eventlog.Config {
	b.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(8, "vigie.events"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cluster.Close)
	return eventlog.Config{Brokers: cluster.ListenAddrs()}
}

// The axes: one record an operation, 8 partitions in turn, inFlight unanswered;
// the same event, encoded once for each, through the appender and through the
// bare client with the same options.

func BenchmarkAppend(b *testing.B) {
	a, err := New(Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: 8},
		Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Kafka: benchKafka(b)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	answers := make(chan error, inFlight)
	measure(b, answers, func(i int) {
		if err := a.Append(uint64(i), benchEvent, func(err error) { answers <- err }); err != nil {
			answers <- err
		}
	})
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	a, err := New(Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: 8, BeatEvery: 5 * time.Millisecond},
		Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Kafka: benchKafka(b)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	answers := make(chan error, inFlight)
	measure(b, answers, func(i int) {
		if err := a.Heartbeat(uint64(i), 1, func(err error) { answers <- err }); err != nil {
			answers <- err
		}
	})
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkBareProduce(b *testing.B) {
	kafka := benchKafka(b)
	client, err := kgo.NewClient(kafka.IngestOpts(slog.New(slog.DiscardHandler))...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	answers := make(chan error, inFlight)
	measure(b, answers, func(i int) {
		value, err := deterministic.Marshal(benchEvent(ids.ID{1}, int64(i)))
		if err != nil {
			b.Fatal(err)
		}
		site := uint64(i)
		r := &kgo.Record{Topic: "vigie.events", Partition: topics.PartitionOf(site, 8), Key: topics.SiteKey(site), Value: value}
		client.TryProduce(context.Background(), r, func(_ *kgo.Record, err error) { answers <- err })
	})
}

// measure keeps inFlight operations unanswered, and counts the answers: every
// one must be good.
func measure(b *testing.B, answers <-chan error, one func(i int)) {
	b.Helper()
	b.ReportAllocs()
	flying := 0
	take := func() {
		if err := <-answers; err != nil {
			b.Fatal(err)
		}
		flying--
	}
	for i := 0; b.Loop(); i++ {
		if flying == inFlight {
			take()
		}
		one(i)
		flying++
	}
	for flying > 0 {
		take()
	}
}
