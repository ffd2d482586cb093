package supervision

import (
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
)

// BenchmarkEngine folds one partition without Kafka, for each form of heartbeats:
// "fold" all of it with its outputs, "replay" as a restore does, outputs off.
// "decode only" is the baseline: the same records, decoded by package proto and
// forgotten. One operation is the whole history; cpu-ns/event is what to read on
// a machine that others use.
func BenchmarkEngine(b *testing.B) {
	for _, form := range []Form{Records, Beats} {
		records, events := benchHistory(form)
		for _, quiet := range []bool{false, true} {
			b.Run(string(form)+map[bool]string{false: "/fold", true: "/replay"}[quiet], func(b *testing.B) {
				b.ReportAllocs()
				defer cpu(b, events)()
				for b.Loop() {
					e := processor.NewReplayer(0, New())
					e.Quiet(quiet)
					if err := e.Apply(records...); err != nil {
						b.Fatal(err)
					}
					if (len(e.Take()) == 0) != quiet {
						b.Fatal("no outputs, or some though it was quiet")
					}
				}
			})
		}
		b.Run(string(form)+"/decode only", func(b *testing.B) {
			b.ReportAllocs()
			defer cpu(b, events)()
			for b.Loop() {
				for _, r := range records {
					if err := proto.Unmarshal(r.Value, &vigiev1.LogRecord{}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// benchHistory is one partition of 12,500 sites for 20 min.
func benchHistory(form Form) (records []*kgo.Record, events float64) {
	h := NewHistory(Spec{Seed: 1, Sites: 12_500, Partitions: 1, StartMS: start, Duration: 20 * time.Minute, Form: form})
	for step := h.Next(); step != nil; step = h.Next() {
		for _, r := range step {
			r.Offset = int64(len(records))
			records = append(records, r)
		}
	}
	return records, float64(h.Injected().Events())
}

// cpu reports what this process took of the cores, its collector included.
func cpu(b *testing.B, events float64) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() {
		took := float64(used()-before) / float64(b.N) / events
		b.ReportMetric(took, "cpu-ns/event")
		b.ReportMetric(1e9/took, "events/cpu-s")
	}
}
