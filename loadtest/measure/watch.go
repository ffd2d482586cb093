package measure

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/loadtest/reader"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// sampleEvery is the pace of samples of lag, memory and CPU.
const sampleEvery = time.Second

// Sample is the installation at one moment of the run.
type Sample struct {
	// At counts from the start of the run.
	At time.Duration
	// ProcessorLag in records of all partitions; -1 when not known.
	ProcessorLag int64
	// ArchiverLag in records of vigie.events, and the age of the youngest record
	// archived; -1 when not known.
	ArchiverLag int64
	ArchiverAge time.Duration
	Processes   []Process
	// Generator is the CPU time that the load lab itself has used so far.
	Generator time.Duration
}

// Arrival is an output that a consumer saw: what caused it, and when it was there.
type Arrival struct {
	Partition int32
	InOffset  int64
	Seen      time.Time
}

// Commit is a progress record that a consumer saw: up to which input offset the
// partition's outputs stand on the topics.
type Commit struct {
	Partition int32
	Offset    int64
	Seen      time.Time
}

// Watch follows an installation during a run.
type Watch struct {
	log        *reader.Log
	metricsURL string
	pid        int
	start      time.Time
	http       *http.Client

	mu       sync.Mutex
	progress map[int32]int64
	arrivals []Arrival
	commits  []Commit
	samples  []Sample
	// failed is the first reason why something could not be measured.
	failed map[string]error
}

// NewWatch makes a watch that looks at nothing yet. metricsURL may be empty and
// pid 0: then the archiver and the processes are not measured.
func NewWatch(log *reader.Log, metricsURL string, pid int) *Watch {
	return &Watch{log: log, metricsURL: metricsURL, pid: pid, progress: map[int32]int64{}, failed: map[string]error{}, http: &http.Client{Timeout: 5 * time.Second}}
}

// Follow reads incidents and progress until ctx ends; begun is called once all
// that comes later will be seen.
func (w *Watch) Follow(ctx context.Context, begun func()) error {
	return w.log.Follow(ctx, []string{topics.Incidents, topics.Progress}, begun, func(topic string, r *kgo.Record, seen time.Time) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if topic == topics.Incidents {
			if in := topics.Cause(r); in >= 0 {
				w.arrivals = append(w.arrivals, Arrival{r.Partition, in, seen})
			}
			return
		}
		var p vigiev1.Progress
		if err := proto.Unmarshal(r.Value, &p); err != nil {
			w.fail("processor", fmt.Errorf("decode progress: %w", err))
			return
		}
		w.progress[r.Partition] = p.Offset
		w.commits = append(w.commits, Commit{r.Partition, p.Offset, seen})
	})
}

// Sample takes a sample each second from start on until ctx ends.
func (w *Watch) Sample(ctx context.Context, start time.Time) {
	w.start = start
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		w.take(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watch) take(ctx context.Context) {
	s := Sample{At: time.Since(w.start), ProcessorLag: -1, ArchiverLag: -1, ArchiverAge: -1}
	ends, err := w.log.Ends(ctx, topics.Events)
	if ctx.Err() != nil {
		return
	}
	w.note("processor", err)
	if err == nil {
		s.ProcessorLag = w.behind(ends)
		s.ArchiverLag, s.ArchiverAge, err = w.archiver(ctx, ends)
		w.note("archiver", err)
	}
	if s.Processes, err = w.processes(); err != nil {
		w.note("processes", err)
	}
	if self, err := Self(); err == nil {
		s.Generator = self.CPU
	}
	w.mu.Lock()
	w.samples = append(w.samples, s)
	w.mu.Unlock()
}

func (w *Watch) behind(ends map[int32]int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	lag := int64(0)
	for p, end := range ends {
		if at, known := w.progress[p]; known {
			lag += max(0, end-at)
		}
	}
	return lag
}

func (w *Watch) processes() ([]Process, error) {
	if w.pid == 0 {
		return nil, fmt.Errorf("the installation's process is not known: name its directory with --data")
	}
	return Tree(w.pid)
}

// archiver reads the archiver's own metrics.
func (w *Watch) archiver(ctx context.Context, ends map[int32]int64) (int64, time.Duration, error) {
	if w.metricsURL == "" {
		return -1, -1, fmt.Errorf("the address of its metrics is not known")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.metricsURL, nil)
	if err != nil {
		return -1, -1, err
	}
	res, err := w.http.Do(r)
	if err != nil {
		return -1, -1, fmt.Errorf("read metrics: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // read to the end below
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return -1, -1, fmt.Errorf("read metrics: %w", err)
	}
	lag, age := int64(-1), time.Duration(-1)
	for _, m := range families["vigie_archiver_offset"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		p, err := strconv.ParseInt(labels["partition"], 10, 32)
		if labels["topic"] != topics.Events || err != nil {
			continue
		}
		lag = max(lag, 0) + max(0, ends[int32(p)]-int64(m.GetGauge().GetValue()))
	}
	for _, m := range families["vigie_archiver_archived_timestamp_seconds"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "topic" && l.GetValue() == topics.Events && m.GetGauge().GetValue() > 0 {
				age = time.Since(time.UnixMilli(int64(m.GetGauge().GetValue() * 1000)))
			}
		}
	}
	return lag, age, nil
}

func (w *Watch) note(what string, err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail(what, err)
}

func (w *Watch) fail(what string, err error) {
	if w.failed[what] == nil {
		w.failed[what] = err
	}
}

// Seen is all that a watch has seen.
type Seen struct {
	Samples  []Sample
	Arrivals []Arrival
	Commits  []Commit
	// Failed says what could not be measured, and why.
	Failed map[string]error
}

// Seen returns what was seen; Follow and Sample have ended.
func (w *Watch) Seen() Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Seen{w.samples, w.arrivals, w.commits, w.failed}
}

// Progress is the input offset of a partition that is said to be done.
func (w *Watch) Progress(partition int32) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.progress[partition]
}
