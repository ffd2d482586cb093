package archiver

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

// BenchmarkArchive archives blocks of 20,000 alarms, or of 200 beats of 100 polls, as
// they come when it is behind: several blocks one after the other, decoded from their
// bytes, planned, gated, inserted with views, durable. Beside it a bare loop inserts
// the same columns, ready made. share is one over the other in the same run, of the
// medians: both take turns.
func BenchmarkArchive(b *testing.B) {
	for _, x := range []struct {
		name    string
		records []*kgo.Record
	}{{"alarms", alarms(b, defaultUnits)}, {"polls", beats(b, 200, 100)}} {
		b.Run(x.name, func(b *testing.B) { benchmarkArchive(b, x.records) })
	}
}

// blocksAtOnce is how many full blocks wait.
const blocksAtOnce = 4

func benchmarkArchive(b *testing.B, records []*kgo.Record) {
	ctx := context.Background()
	db := enginetest.Open(b, enginetest.Shared(b))
	bare := enginetest.Open(b, enginetest.Shared(b))
	m, err := newMetrics(nil)
	if err != nil {
		b.Fatal(err)
	}
	p := eventlog.Partition{Topic: "vigie.events", Number: 0}
	h := &handler{
		cfg: Config{FlushEvery: time.Hour, QuietEvery: time.Hour, BlockUnits: defaultUnits}, metrics: m, backlog: m.lag.backlog,
		deps: Deps{Log: discard, DB: db, Insert: db.Insert, Now: time.Now}, parts: map[eventlog.Partition]*part{},
		prepare: db.Prepare, gate: &gate{db: db, log: discard, now: time.Now, metrics: m}, logs: &logNames{cluster: "c", ids: map[string]string{p.Topic: "id"}},
	}
	if err := h.Assigned(ctx, p, eventlog.Committed{}, func(context.Context, eventlog.Committed) error { return nil }); err != nil {
		b.Fatal(err)
	}
	var ours, theirs []time.Duration
	d := &reader{topic: topics.Events}
	for i := range b.N {
		moved, ready := several(d, records, i)
		archive := func() {
			began := time.Now()
			done, err := h.Consume(ctx, p, moved)
			ours = append(ours, time.Since(began))
			if err != nil || done.Offset != int64((i+1)*blocksAtOnce*len(records)) {
				b.Fatalf("%v, safe is %d", err, done.Offset)
			}
		}
		insert := func() {
			began := time.Now()
			for n, x := range ready {
				for _, t := range x.order {
					if err := bare.Insert(ctx, t.name(), fmt.Sprint(i, n), t.columns()); err != nil {
						b.Fatal(err)
					}
				}
			}
			theirs = append(theirs, time.Since(began))
		}
		// Who comes second finds ClickHouse awake: each does so every other time.
		if i%2 == 0 {
			archive()
			insert()
		} else {
			insert()
			archive()
		}
		for _, x := range ready {
			x.free()
		}
	}
	mine, bares := median(ours), median(theirs)
	b.ReportMetric(blocksAtOnce*defaultUnits/mine.Seconds(), "rows/s")
	b.ReportMetric(blocksAtOnce*defaultUnits/bares.Seconds(), "bare-rows/s")
	b.ReportMetric(100*bares.Seconds()/mine.Seconds(), "%share")
	b.ReportMetric(0, "ns/op")
}

// several are the blocks of a round: as they come, and as rows.
func several(d *reader, records []*kgo.Record, round int) (moved []*kgo.Record, ready []*block) {
	for n := range blocksAtOnce {
		full := newBlock(topics.Events)
		for j, r := range records {
			next := *r
			next.Offset = int64((round*blocksAtOnce+n)*len(records) + j)
			moved = append(moved, &next)
			decoded := d.read(&next)
			full.take(&next, decoded, 0, decoded.units-1)
		}
		ready = append(ready, full)
	}
	return moved, ready
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func alarms(b *testing.B, n int) []*kgo.Record {
	codes := []string{"BA", "FA", "TA", "OP", "CL"}
	return made(b, n, func(i int) *vigiev1.LogRecord {
		return &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
			Id: eventID(i), Site: uint64(i % 12_000), OccurredAtMs: noon + int64(i), ReceivedAtMs: noon + int64(i),
			Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Receiver: "r1", Account: fmt.Sprint(i % 12_000), Path: 1, Sequence: uint32(i % 9999), Token: "SIA-DCS"}}},
			Body:   &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{Format: "SIA", Code: codes[i%5], Area: "1", Zone: fmt.Sprint(i % 20)}}},
		}}}
	})
}

func beats(b *testing.B, n, polls int) []*kgo.Record {
	return made(b, n, func(i int) *vigiev1.LogRecord {
		x := &vigiev1.Beat{Writer: "r1", Boot: eventID(0), Sequence: uint64(i), TMs: noon, BaseMs: noon + int64(i)}
		for j := range polls {
			x.Site = append(x.Site, uint64((i*polls+j)%12_000))
			x.ReceivedDeltaMs = append(x.ReceivedDeltaMs, int64(j%3))
		}
		return &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Beat{Beat: x}}
	})
}

func made(b *testing.B, n int, of func(i int) *vigiev1.LogRecord) []*kgo.Record {
	out := make([]*kgo.Record, n)
	for i := range out {
		value, err := proto.Marshal(of(i))
		if err != nil {
			b.Fatal(err)
		}
		out[i] = &kgo.Record{Topic: "vigie.events", Value: value, Timestamp: time.UnixMilli(noon)}
	}
	return out
}
