package chain_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/eventlog"
)

// The axis of BenchmarkVerify: bytes of a record's value, incompressible as sealed
// frames are.
var benchSizes = []int{100, 400}

const benchRecords = 100_000

// BenchmarkVerify: one op is a partition proven. "raw" reads the same bytes in the
// same way and does nothing with them; "hash" does the rest, from memory.
func BenchmarkVerify(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			cfg, records := benchLog(b, size)
			total := int64(benchRecords * size)
			b.Run("raw", func(b *testing.B) {
				b.SetBytes(total)
				for b.Loop() {
					n := 0
					err := eventlog.ReadRange(b.Context(), cfg.ReaderOpts(slog.New(slog.DiscardHandler)), cfg.Topic(topics.Events), 0, 0, benchRecords, func(*kgo.Record) error { n++; return nil })
					if err != nil || n != benchRecords {
						b.Fatal(n, err)
					}
				}
			})
			b.Run("verify", func(b *testing.B) {
				b.SetBytes(total)
				dir := b.TempDir()
				if _, err := chain.Signer(dir); err != nil {
					b.Fatal(err)
				}
				trusted, _, err := chain.Trusted(dir + "/" + chain.TrustedFile)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					report, err := chain.Verify(b.Context(), chain.Options{Kafka: cfg, Log: slog.New(slog.DiscardHandler), Trusted: trusted})
					if err != nil || report.Err() != nil || report.Partitions[0].Records != benchRecords {
						b.Fatal(report, err)
					}
				}
			})
			b.Run("hash", func(b *testing.B) {
				b.SetBytes(total)
				for b.Loop() {
					var c chain.Chain
					for _, r := range records {
						c.Add(r)
					}
				}
			})
		})
	}
}

// benchLog is a log of one partition.
func benchLog(b *testing.B, size int) (eventlog.Config, []*kgo.Record) {
	b.Helper()
	cfg := eventlog.Config{}
	var full []string
	for _, row := range topics.Table() {
		full = append(full, cfg.Topic(row.Name))
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, full...))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cluster.Close)
	cfg.Brokers = cluster.ListenAddrs()
	cl, err := kgo.NewClient(cfg.IngestOpts(slog.New(slog.DiscardHandler))...)
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	rng := rand.NewChaCha8([32]byte{1})
	records := make([]*kgo.Record, benchRecords)
	for i := range records {
		value := make([]byte, size)
		_, _ = rng.Read(value)
		records[i] = &kgo.Record{Topic: cfg.Topic(topics.Events), Key: []byte("1234567"), Value: value, Timestamp: time.UnixMilli(int64(i))}
	}
	if err := cl.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
		b.Fatal(err)
	}
	return cfg, records
}

// BenchmarkSign: one op is a checkpoint signed, as a processor does each minute and
// partition.
func BenchmarkSign(b *testing.B) {
	signer, err := chain.Signer(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	c := chain.Checkpoint{Partition: 3, TopicID: make([]byte, 16), Offset: 1 << 30, Ordinal: 1 << 30, At: time.Now()}
	for b.Loop() {
		signed, err := c.Sign(signer)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(signed)), "bytes/checkpoint")
	}
}
