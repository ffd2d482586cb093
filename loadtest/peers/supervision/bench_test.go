package supervision

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
)

// BenchmarkEngine folds one partition without Kafka, for each form of heartbeats;
// "decode only" is its baseline: the same records, decoded and forgotten. One
// operation is the whole history; ns/event is what to read.
func BenchmarkEngine(b *testing.B) {
	for _, form := range []Form{Records, Beats} {
		h := NewHistory(Spec{Seed: 1, Sites: 12_500, Partitions: 1, StartMS: start, Duration: 20 * time.Minute, Form: form})
		var records []*kgo.Record
		for step := h.Next(); step != nil; step = h.Next() {
			for _, r := range step {
				r.Offset = int64(len(records))
				records = append(records, r)
			}
		}
		events := float64(h.Injected().Events())
		b.Run(string(form)+"/fold", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e := processor.NewReplayer(0, New())
				if err := e.Apply(records...); err != nil {
					b.Fatal(err)
				}
				if len(e.Take()) == 0 {
					b.Fatal("no outputs")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
		b.Run(string(form)+"/decode only", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, r := range records {
					if err := proto.Unmarshal(r.Value, &vigiev1.LogRecord{}); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}
