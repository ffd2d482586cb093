package sitefold

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// The axes of BenchmarkRestore: sites of one partition, and minutes of life in
// the log before the snapshot, at a heartbeat each 90 s. One site in ten has
// once raised an alarm.
const (
	benchMinutes  = 60
	benchInterval = 90_000
	benchStart    = int64(1_795_392_000_000)
)

// bench is a partition of a real Kafka with its log and a snapshot at its end.
type bench struct {
	cfg     eventlog.Config
	adm     *kadm.Client
	records []*kgo.Record
	sites   int
	name    *vigiev1.Snapshot
}

// BenchmarkRestore: one op is the partition brought to its committed state. "raw"
// reads the same bytes of the snapshot and does nothing with them; "log" folds
// what a restore without snapshots would.
func BenchmarkRestore(b *testing.B) {
	cfg := benchKafka(b)
	for _, sites := range []int{10_000, 100_000, 312_500} {
		b.Run(fmt.Sprintf("sites=%d", sites), func(b *testing.B) {
			l := newBench(b, cfg, sites)
			b.Run("raw", l.raw)
			b.Run("snapshot", l.fromSnapshot)
			b.Run("log", l.fromLog)
			b.Run("take", l.take)
		})
	}
}

func benchKafka(b *testing.B) eventlog.Config {
	b.Helper()
	libs, err := broker.FindLibs("")
	if err != nil && os.Getenv(broker.LibsEnv) == "" {
		libs, err = broker.FindLibs(filepath.Join("..", "..", "deploy", "local", "libs"))
	}
	if err != nil {
		b.Fatal(err)
	}
	java, err := broker.FindJava("")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	k, err := broker.NewKafka(broker.KafkaConfig{Data: filepath.Join(dir, "kafka"), Libs: libs, Java: java, LogFile: filepath.Join(dir, "kafka.log"), Log: discard})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		<-done
	})
	select {
	case <-k.Ready():
	case err := <-done:
		done <- nil
		b.Fatalf("Kafka ended before it was ready: %v", err)
	case <-time.After(2 * time.Minute):
		b.Fatal("Kafka was not ready within 2 min")
	}
	return eventlog.Config{Brokers: []string{k.Addr()}}
}

func newBench(b *testing.B, cfg eventlog.Config, sites int) *bench {
	b.Helper()
	cfg.TopicPrefix = fmt.Sprintf("bench%d.", sites)
	cl, err := kgo.NewClient(cfg.IngestOpts(discard)...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cl.Close)
	l := &bench{cfg: cfg, adm: kadm.NewClient(cl), sites: sites}
	for _, topic := range []string{topics.Events, topics.Snapshots} {
		if _, err := l.adm.CreateTopic(b.Context(), 1, 1, nil, cfg.Topic(topic)); err != nil {
			b.Fatal(err)
		}
	}
	l.life()
	for i, r := range l.records {
		r.Topic, r.Offset = cfg.Topic(topics.Events), int64(i)
		cl.Produce(b.Context(), r, nil)
	}
	if err := cl.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	l.name = l.write(b, l.folded(b))
	return l
}

// life is a beat each second with the heartbeats that fall into it, and the alarms.
func (l *bench) life() {
	perBeat := l.sites * 1_000 / benchInterval
	next := 0
	for second := range int64(benchMinutes * 60) {
		now := benchStart + 1_000*second
		beat := &vigiev1.Beat{
			Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g",
			Sequence: uint64(second), TMs: now, BaseMs: now - 1_000,
		}
		for range perBeat {
			// Sites come in no order of their numbers, as panels do.
			beat.Site = append(beat.Site, uint64(next*7_919%l.sites)+1)
			beat.ReceivedDeltaMs = append(beat.ReceivedDeltaMs, 1)
			next++
		}
		l.put(now, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: beat}})
		for range l.sites / 10 / (benchMinutes * 60) {
			l.put(now, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
				Id: fmt.Appendf(nil, "%016d", next), Fingerprint: fmt.Appendf(nil, "%016d", next), Site: uint64(next*31%l.sites) + 1, ReceivedAtMs: now,
				Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, Zone: "1"}}},
			}}})
			next++
		}
	}
}

func (l *bench) put(now int64, r *vigiev1.LogRecord) {
	value, err := proto.Marshal(r)
	if err != nil {
		panic(err)
	}
	l.records = append(l.records, &kgo.Record{Timestamp: time.UnixMilli(now), Value: value})
}

func (l *bench) folded(b *testing.B) *processor.Replayer {
	b.Helper()
	r := processor.NewReplayer(0, newFold())
	for _, record := range l.records {
		if err := r.Apply(record); err != nil {
			b.Fatal(err)
		}
		r.Take()
	}
	return r
}

func (l *bench) store() *snapshot.Topic { return snapshot.NewTopic(l.cfg, topics.Snapshots, discard) }

func (l *bench) write(b *testing.B, r *processor.Replayer) *vigiev1.Snapshot {
	b.Helper()
	name := &vigiev1.Snapshot{Offset: int64(len(l.records)), FoldVersion: 1, Format: 1, Id: snapshot.NewID()}
	if err := l.store().Write(b.Context(), name, r.Freeze()); err != nil {
		b.Fatal(err)
	}
	return name
}

// cpu reports what this process took of the cores: on a busy machine the truer
// figure. (Kafka is another process.)
func cpu(b *testing.B) func() {
	before := used(b)
	return func() { b.ReportMetric(float64(used(b)-before)/float64(b.N)/1e6, "cpu-ms/op") }
}

func (l *bench) raw(b *testing.B) {
	b.SetBytes(int64(l.name.Bytes))
	defer cpu(b)()
	for b.Loop() {
		n := 0
		err := eventlog.ReadRange(b.Context(), l.cfg.ReaderOpts(discard), l.cfg.Topic(topics.Snapshots), 0, l.name.Start, l.name.Start+int64(l.name.Chunks), func(r *kgo.Record) error {
			n += len(r.Value)
			return nil
		})
		if err != nil || n < int(l.name.Bytes) {
			b.Fatalf("%d of %d bytes were read: %v", n, l.name.Bytes, err)
		}
	}
	b.ReportMetric(float64(l.name.Bytes)/float64(l.sites), "B/site")
}

func (l *bench) fromSnapshot(b *testing.B) {
	b.SetBytes(int64(l.name.Bytes))
	defer cpu(b)()
	for b.Loop() {
		fold := newFold()
		_, err := processor.RestoreReplayer(0, fold, func(take func([]byte) error) error { return l.store().Read(b.Context(), l.name, take) })
		if err != nil || fold.Counts().Sites != uint64(l.sites) {
			b.Fatalf("%d sites: %v", fold.Counts().Sites, err)
		}
	}
}

func (l *bench) fromLog(b *testing.B) {
	defer cpu(b)()
	for b.Loop() {
		fold := newFold()
		r := processor.NewReplayer(0, fold)
		err := eventlog.ReadRange(b.Context(), l.cfg.ReaderOpts(discard), l.cfg.Topic(topics.Events), 0, 0, int64(len(l.records)), func(record *kgo.Record) error {
			defer r.Take()
			return r.Apply(record)
		})
		if err != nil || fold.Counts().Sites != uint64(l.sites) {
			b.Fatalf("%d sites: %v", fold.Counts().Sites, err)
		}
	}
	b.ReportMetric(float64(len(l.records)), "records")
}

// take is one snapshot: the stop of the partition, and all the rest beside it.
func (l *bench) take(b *testing.B) {
	r := l.folded(b)
	defer cpu(b)()
	var stop time.Duration
	for b.Loop() {
		start := time.Now()
		frames := r.Freeze()
		stop += time.Since(start)
		name := &vigiev1.Snapshot{Offset: int64(len(l.records)), FoldVersion: 1, Format: 1, Id: snapshot.NewID()}
		if err := l.store().Write(b.Context(), name, frames); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(stop.Nanoseconds())/float64(b.N), "stop-ns/op")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(l.sites), "ns/site")
}
