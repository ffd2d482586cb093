package sitefold

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/processor"
)

// The axes of BenchmarkRebalance.
const (
	movePartitions = 8
	moveSites      = 12_500
	moveBeat       = 100 * time.Millisecond
)

// BenchmarkRebalance: one op is a second processor that comes to a group that one
// holds alone, and stops again. Read how long a partition that moved stood still,
// from the last commit of its old owner to the first of its new one: when the second
// has "come", and when it has "gone". A stop for a restart keeps its place in the group,
// so that the other waits for its session to end; one for good gives it up. "steady" is
// the pause between two commits while nothing moves.
func BenchmarkRebalance(b *testing.B) {
	for name, forGood := range map[string]bool{"stop=restart": false, "stop=for-good": true} {
		b.Run(name, func(b *testing.B) { rebalance(b, forGood) })
	}
}

func rebalance(b *testing.B, forGood bool) {
	m := newMoving(b)
	m.forGood = forGood
	stopA := m.processor("a")
	defer stopA()
	m.await(func(owners map[string]int) bool { return owners["a"] == movePartitions })
	for b.Loop() {
		stopB := m.processor("b")
		m.await(func(owners map[string]int) bool { return owners["a"] > 0 && owners["b"] > 0 })
		stopB()
		m.await(func(owners map[string]int) bool { return owners["a"] == movePartitions })
	}
	m.report()
}

// moving is a log with life in it, and who commits what when.
type moving struct {
	b       *testing.B
	cfg     eventlog.Config
	forGood bool
	mu      sync.Mutex
	seen    [movePartitions][]commit
	news    chan struct{}
}

type commit struct {
	at    time.Time
	owner string
}

func newMoving(b *testing.B) *moving {
	m := &moving{b: b, cfg: benchKafka(b), news: make(chan struct{}, 1)}
	m.cfg.TopicPrefix = "move."
	if _, err := eventlog.Provision(b.Context(), m.cfg, eventlog.Options{Partitions: movePartitions, Local: true, Durability: broker.Process}); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { m.feed(ctx) })
	all.Go(func() { m.watch(ctx) })
	b.Cleanup(func() { stop(); all.Wait() })
	return m
}

// feed appends a beat to each partition, with a thousand of its sites.
func (m *moving) feed(ctx context.Context) {
	cl, err := kgo.NewClient(m.cfg.IngestOpts(discard)...)
	if err != nil {
		m.b.Error(err)
		return
	}
	defer cl.Close()
	tick := time.NewTicker(moveBeat)
	defer tick.Stop()
	for n := uint64(1); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now().UnixMilli()
		for p := range int32(movePartitions) {
			beat := &vigiev1.Beat{
				Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g",
				Sequence: n, TMs: now, BaseMs: now - moveBeat.Milliseconds(),
			}
			for k := range uint64(1_000) {
				beat.Site = append(beat.Site, (n*1_000+k)%moveSites*movePartitions+uint64(p)+1)
			}
			value, err := proto.Marshal(&vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Beat{Beat: beat}})
			if err != nil {
				m.b.Error(err)
				return
			}
			cl.Produce(ctx, &kgo.Record{Topic: m.cfg.Topic(topics.Events), Partition: p, Value: value}, nil)
		}
	}
}

// watch notes every progress record.
func (m *moving) watch(ctx context.Context) {
	cl, err := kgo.NewClient(append(m.cfg.ReaderOpts(discard), kgo.ConsumeTopics(m.cfg.Topic(topics.Progress)))...)
	if err != nil {
		m.b.Error(err)
		return
	}
	defer cl.Close()
	for ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			progress := &vigiev1.Progress{}
			if err := proto.Unmarshal(r.Value, progress); err != nil {
				m.b.Error(err)
				return
			}
			m.mu.Lock()
			m.seen[r.Partition] = append(m.seen[r.Partition], commit{r.Timestamp, progress.Owner})
			m.mu.Unlock()
		})
		select {
		case m.news <- struct{}{}:
		default:
		}
	}
}

// processor runs one, as the product does but for the pace of its progress.
func (m *moving) processor(instance string) (stop func()) {
	p, err := processor.New(processor.Config{Instance: instance, NewFold: newFold, ProgressEvery: moveBeat, ForGood: func() bool { return m.forGood }}, processor.Deps{Log: discard, Kafka: m.cfg})
	if err != nil {
		m.b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			m.b.Error(err)
		}
	}
}

// await waits until the newest commits of all partitions are of owners as asked.
func (m *moving) await(as func(owners map[string]int) bool) {
	m.b.Helper()
	patience := time.After(time.Minute)
	for {
		owners := map[string]int{}
		m.mu.Lock()
		for _, commits := range m.seen {
			if n := len(commits); n > 0 {
				owners[nameOf(commits[n-1].owner)]++
			}
		}
		m.mu.Unlock()
		if as(owners) {
			return
		}
		select {
		case <-m.news:
		case <-patience:
			m.b.Fatalf("after a minute partitions belong to %v", owners)
		}
	}
}

func (m *moving) report() {
	m.mu.Lock()
	defer m.mu.Unlock()
	pauses := map[string][]time.Duration{}
	for _, commits := range m.seen {
		for i := 1; i < len(commits); i++ {
			kind := "steady"
			if commits[i].owner != commits[i-1].owner {
				kind = map[string]string{"a": "gone", "b": "come"}[nameOf(commits[i].owner)]
			}
			pauses[kind] = append(pauses[kind], commits[i].at.Sub(commits[i-1].at))
		}
	}
	for kind, all := range pauses {
		slices.Sort(all)
		m.b.ReportMetric(float64(all[len(all)/2].Milliseconds()), kind+"-p50-ms")
		m.b.ReportMetric(float64(all[len(all)-1].Milliseconds()), kind+"-max-ms")
	}
}

// nameOf is the instance in a transactional id.
func nameOf(owner string) string { return owner[strings.LastIndexByte(owner, '.')+1:] }
