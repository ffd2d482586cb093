package transmissions

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// BenchmarkAnswer asks for the last hour of a site. The axis is how many sites share
// its partition: each polls once a minute and reports once in four hours, and a
// receiver beats four times a second.
func BenchmarkAnswer(b *testing.B) {
	for _, sites := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("sites=%d", sites), func(b *testing.B) { answerAmong(b, sites) })
	}
}

func answerAmong(b *testing.B, sites int) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "vigie.events", "vigie.outcomes", "vigie.rejected"))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	kafka := eventlog.Config{Brokers: cluster.ListenAddrs()}
	now := time.Now()
	records, mine := fill(b, kafka, sites, now)
	r := New(Deps{Log: slog.New(slog.DiscardHandler), Kafka: kafka, Frames: mute{}, Now: func() time.Time { return now }})
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		a, err := r.Read(context.Background(), Question{Site: 1, From: now.Add(-time.Hour), To: now, Limit: 100})
		if err != nil {
			b.Fatal(err)
		}
		if len(a.Polls) != 1 || a.Polls[0].Count != mine || a.More {
			b.Fatalf("%+v, want %d polls", a, mine)
		}
	}
	b.ReportMetric(float64(records), "records/op")
}

// fill writes an hour, and returns how many records, and polls of site 1.
func fill(b *testing.B, kafka eventlog.Config, sites int, now time.Time) (records, mine int) {
	b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(kafka.Brokers...), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	put := func(key []byte, at time.Time, m *vigiev1.LogRecord) {
		value, err := proto.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		cl.Produce(context.Background(), &kgo.Record{Topic: "vigie.events", Key: key, Value: value, Timestamp: at}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
		records++
	}
	const beats = 4 * 3600
	site, events := 0, 0
	for i := range beats {
		at := now.Add(-time.Hour + time.Duration(i+1)*250*time.Millisecond - time.Millisecond)
		beat := &vigiev1.Beat{BaseMs: at.UnixMilli()}
		for range sites*(i+1)/240 - sites*i/240 {
			site = site%sites + 1
			beat.Site, beat.ReceivedDeltaMs = append(beat.Site, uint64(site)), append(beat.ReceivedDeltaMs, 0)
			if site == 1 {
				mine++
			}
		}
		put(nil, at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: beat}})
		for ; events < sites*(i+1)/beats/4; events++ {
			other := uint64(events%sites + 2)
			put(topics.SiteKey(other), at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{Site: other, ReceivedAtMs: at.UnixMilli(), Fingerprint: make([]byte, 600)}}})
		}
	}
	if err := cl.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	return records, mine
}

// mute explains nothing.
type mute struct{}

func (mute) Address([]byte) (uint32, string, bool)    { return 0, "", false }
func (mute) Shown([]byte) string                      { return "" }
func (mute) Explain([]byte, time.Time, string) string { return "" }
func (mute) Meaning(_, _, _ string) string            { return "" }
