package sitefold

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
)

// The axes of BenchmarkSites: 10^5 and 10^6 sites on one machine, and as many as
// VIGIE_BENCH_SITES says (10^7 take 2 GB and minutes), in 32 partitions, each site
// with a heartbeat each 90 s, a beat each 250 ms.
const (
	scalePartitions = 32
	scaleStep       = 250
	scaleMinute     = 60_000
)

func scales(b *testing.B) []int {
	more := os.Getenv("VIGIE_BENCH_SITES")
	if more == "" {
		return []int{100_000, 1_000_000}
	}
	n, err := strconv.Atoi(more)
	if err != nil {
		b.Fatalf("VIGIE_BENCH_SITES=%q: a number of sites is expected", more)
	}
	return []int{n}
}

// BenchmarkSites: one op is a minute of life of the whole machine, after every site
// was heard. Read the figures beside ns/op: bytes a site; how long a beat's apply
// takes; what the heartbeats take of a core; what a snapshot of all partitions
// takes of one, at the pace of 300 s, and how long a partition stands still for its
// own.
func BenchmarkSites(b *testing.B) {
	for _, sites := range scales(b) {
		b.Run(fmt.Sprint("sites=", sites), func(b *testing.B) {
			before := heap()
			m := newMachine(b, sites)
			m.live(benchInterval)
			held := float64(heap()-before) / float64(sites)
			m.took = m.took[:0]
			m.cpu, m.heard = 0, 0
			for b.Loop() {
				m.live(scaleMinute)
			}
			b.ReportMetric(held, "B/site") // Loop forgets what was reported before it.
			m.report()
			m.snapshots()
		})
	}
}

func heap() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// machine is all partitions of one processor.
type machine struct {
	b     *testing.B
	parts []*processor.Replayer
	next  []int
	sites int
	now   int64
	beats int64
	// took is how long each beat's apply was, cpu what they took of the cores.
	took  []time.Duration
	cpu   int64
	heard int
}

func newMachine(b *testing.B, sites int) *machine {
	m := &machine{b: b, sites: sites / scalePartitions, now: benchStart, next: make([]int, scalePartitions)}
	for p := range int32(scalePartitions) {
		r := processor.NewReplayer(p, newFold())
		r.Quiet(true)
		m.parts = append(m.parts, r)
	}
	return m
}

// live leads all partitions through ms of life. What the generator takes is not counted.
func (m *machine) live(ms int64) {
	for end := m.now + ms; m.now < end; {
		m.now += scaleStep
		m.beats++
		records := make([]*kgo.Record, len(m.parts))
		for p := range m.parts {
			records[p] = m.beat(p)
		}
		before := used(m.b)
		for p, r := range m.parts {
			start := time.Now()
			if err := r.Apply(records[p]); err != nil {
				m.b.Fatal(err)
			}
			m.took = append(m.took, time.Since(start))
		}
		m.cpu += used(m.b) - before
	}
}

// beat is the next of a partition: as many sites as are due in a step, in no order
// of their numbers.
func (m *machine) beat(p int) *kgo.Record {
	beat := &vigiev1.Beat{
		Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g",
		Sequence: uint64(m.beats), TMs: m.now, BaseMs: m.now - scaleStep,
	}
	until := int(m.beats * scaleStep * int64(m.sites) / benchInterval)
	for ; m.next[p] < until; m.next[p]++ {
		k := m.next[p] * 7_919 % m.sites
		beat.Site = append(beat.Site, uint64(k*scalePartitions+p)+1)
		beat.ReceivedDeltaMs = append(beat.ReceivedDeltaMs, 1)
		m.heard++
	}
	value, err := proto.Marshal(&vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Beat{Beat: beat}})
	if err != nil {
		m.b.Fatal(err)
	}
	return &kgo.Record{Partition: int32(p), Offset: m.beats, Timestamp: time.UnixMilli(m.now), Value: value}
}

func (m *machine) report() {
	slices.Sort(m.took)
	at := func(share float64) float64 {
		return float64(m.took[int(share*float64(len(m.took)-1))].Nanoseconds()) / 1e3
	}
	m.b.ReportMetric(at(0.5), "p50-µs")
	m.b.ReportMetric(at(0.99), "p99-µs")
	m.b.ReportMetric(at(0.999), "p999-µs")
	m.b.ReportMetric(float64(m.cpu)/float64(m.heard), "cpu-ns/heartbeat")
}

// snapshots takes one of every partition, and restores one of them from memory.
func (m *machine) snapshots() {
	const pace = 300e9
	var stop time.Duration
	var frames [][]byte
	total, before := 0, used(m.b)
	for p, r := range m.parts {
		start := time.Now()
		state := r.Freeze()
		stop = max(stop, time.Since(start))
		for frame := range state {
			total += len(frame)
			if p == 0 {
				frames = append(frames, slices.Clone(frame))
			}
		}
	}
	m.b.ReportMetric(100*float64(used(m.b)-before)/pace, "snapshot-%core")
	m.b.ReportMetric(float64(stop.Microseconds()), "stop-µs")
	m.b.ReportMetric(float64(total)/float64(m.sites*scalePartitions), "snapshot-B/site")
	before = used(m.b)
	fold := newFold()
	_, err := processor.RestoreReplayer(0, fold, func(take func([]byte) error) error {
		for _, frame := range frames {
			if err := take(frame); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || fold.Counts().Sites != uint64(m.sites) {
		m.b.Fatalf("%d sites: %v", fold.Counts().Sites, err)
	}
	m.b.ReportMetric(float64(used(m.b)-before)/float64(m.sites), "restore-cpu-ns/site")
}

// used is what this process has taken of the cores, ns.
func used(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
