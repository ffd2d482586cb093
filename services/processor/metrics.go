package processor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxReadyLag is how far behind a partition may be while the processor counts as
// ready: past it what people see is old.
const maxReadyLag = 30 * time.Second

type metrics struct {
	records, outputs    *prometheus.CounterVec
	commits, aborts     prometheus.Counter
	rebuilds            prometheus.Counter
	commitSeconds       prometheus.Histogram
	restored            prometheus.Histogram
	watermark, lag      *prometheus.GaugeVec
	sites, detections   *prometheus.GaugeVec
	degraded            *prometheus.GaugeVec
	timers, jumpRefused *prometheus.GaugeVec
	ages                *ages
	*snapshotMetrics
	*stopMetrics
}

// RegisterMetrics registers what a processor of sites, and one of the fleet, count,
// for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	newMetrics(reg, OfSites)
	newMetrics(reg, OfFleet)
	return nil
}

// newMetrics makes the metrics of a processor. They are registered as
// vigie_<role>_<name>, so that the processors of one process never share one.
func newMetrics(reg prometheus.Registerer, of Source) *metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"partition"})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "records_total", Help: "Records folded."}, []string{"partition"}),
		outputs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "outputs_total", Help: "Outputs in confirmed transactions."}, []string{"topic"}),
		commits: counter("commits_total", "Confirmed transactions."),
		aborts:  counter("aborts_total", "Aborted transactions; their outputs were sent again."), rebuilds: counter("rebuilds_total", "Times that the Kafka client was rebuilt."),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "commit_seconds", Help: "Time to make a transaction.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		restored:      prometheus.NewHistogram(prometheus.HistogramOpts{Name: "restore_seconds", Help: "Time to restore a partition, from assigned to live.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 14)}),
		watermark:     gauge("watermark_timestamp_seconds", "Watermark W of the partition, Unix time."),
		lag:           gauge("lag_records", "Records of the partition not yet folded."),
		sites:         gauge("sites", "Sites held."),
		detections:    gauge("open_detections", "Detections open."),
		degraded:      gauge("degraded_sites", "Sites on which the fold failed, kept by a minimal rule."),
		timers:        gauge("timers", "Timers armed."),
		jumpRefused:   gauge("clock_jump_refused", "1 while a beat lies more than 72 h ahead and waits for two people's word."),
		ages:          newAges(time.Now),

		snapshotMetrics: newSnapshotMetrics(), stopMetrics: newStopMetrics(),
	}
	if reg == nil {
		return m
	}
	reg = prometheus.WrapRegistererWithPrefix("vigie_"+of.Role+"_", reg)
	reg.MustRegister(m.records, m.outputs, m.commits, m.aborts, m.rebuilds, m.commitSeconds, m.restored,
		m.watermark, m.lag, m.detections, m.ages)
	m.snapshotMetrics.register(reg)
	m.stopMetrics.register(reg)
	if of == OfSites { // The fleet has no sites, no beats and no timers, and signs nothing.
		reg.MustRegister(m.sites, m.degraded, m.timers, m.jumpRefused, m.beatGaps, m.overdone, m.checkpoints, m.checkpointsUnmade)
	}
	return m
}

func (m *metrics) folded(p *partition, n int, highWatermark int64, last time.Time) {
	label := strconv.Itoa(int(p.number))
	m.records.WithLabelValues(label).Add(float64(n))
	lag := max(0, highWatermark-p.next)
	m.lag.WithLabelValues(label).Set(float64(lag))
	m.ages.read(p.number, lag, last)
	m.state(p)
}

func (m *metrics) state(p *partition) {
	label := strconv.Itoa(int(p.number))
	counts := p.fold.Counts()
	m.watermark.WithLabelValues(label).Set(float64(p.watermark()) / 1000)
	m.ages.watermark(p.number, p.watermark())
	m.snapshots(p)
	m.sites.WithLabelValues(label).Set(float64(counts.Sites))
	m.detections.WithLabelValues(label).Set(float64(counts.OpenDetections))
	m.degraded.WithLabelValues(label).Set(float64(counts.Degraded))
	m.stopMetrics.time(p)
	m.timers.WithLabelValues(label).Set(float64(p.timers.size()))
	refused := 0.0
	if p.clock.jump != 0 {
		refused = 1
	}
	m.jumpRefused.WithLabelValues(label).Set(refused)
}

func (m *metrics) committed(touched []*partition, took time.Duration) {
	m.commits.Inc()
	m.commitSeconds.Observe(took.Seconds())
	m.ages.fail(nil)
	for _, p := range touched {
		m.state(p)
	}
}

// confirmed counts the outputs that a confirmed transaction holds.
func (m *metrics) confirmed(p *partition) {
	for _, out := range p.pending {
		m.outputs.WithLabelValues(out.record.Topic).Inc()
		if out.aside != "" {
			m.setAside.WithLabelValues(out.aside).Inc()
		}
	}
}

// rebuilt notes that the Kafka client failed; the next commit takes it back.
func (m *metrics) rebuilt(because error) {
	m.rebuilds.Inc()
	m.ages.fail(because)
}

// gone forgets the gauges of a partition that another member has now: its
// figures would stand still here, and look like a partition that stopped.
func (m *metrics) gone(number int32) {
	label := strconv.Itoa(int(number))
	for _, g := range []*prometheus.GaugeVec{m.watermark, m.lag, m.sites, m.detections, m.degraded, m.timers, m.jumpRefused, m.snapshotBytes, m.beatGaps, m.overdone} {
		g.DeletePartialMatch(prometheus.Labels{"partition": label})
	}
	m.goesOn(number)
	m.ages.gone(number)
}

// Health says why the processor is not caught up; nil when it is.
func (p *Processor) Health(context.Context) error {
	select {
	case <-p.ready:
	default:
		return errors.New("its partitions are not restored yet")
	}
	return errors.Join(p.metrics.whyStopped(), p.metrics.ages.health())
}

// ages are gauges that grow while nothing happens: they are reckoned when asked for.
type ages struct {
	now                  func() time.Time
	watermarkAge, behind *prometheus.Desc
	snapshotAge          *prometheus.Desc

	mu     sync.Mutex
	parts  map[int32]*partAge
	failed error
}

type partAge struct {
	watermarkMS int64
	// snapshotMS is when the newest named snapshot was taken; 0 while there is none.
	snapshotMS int64
	lag        int64
	last       time.Time
}

func newAges(now func() time.Time) *ages {
	return &ages{
		now: now, parts: map[int32]*partAge{},
		watermarkAge: prometheus.NewDesc("watermark_age_seconds", "How far the partition's watermark W lies behind this machine's clock: the dead-man's figure.", []string{"partition"}, nil),
		snapshotAge:  prometheus.NewDesc("snapshot_age_seconds", "Age of the newest snapshot that counts; not there while the partition has none.", []string{"partition"}, nil),
		behind:       prometheus.NewDesc("lag_seconds", "Age of the last record folded while more wait in the partition, else 0.", []string{"partition"}, nil),
	}
}

func (a *ages) of(number int32) *partAge {
	p := a.parts[number]
	if p == nil {
		p = &partAge{last: a.now()}
		a.parts[number] = p
	}
	return p
}

func (a *ages) read(number int32, lag int64, last time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.of(number)
	p.lag, p.last = lag, last
}

func (a *ages) watermark(number int32, ms int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of(number).watermarkMS = ms
}

func (a *ages) snapshot(number int32, ms int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of(number).snapshotMS = ms
}

func (a *ages) gone(number int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.parts, number)
}

func (a *ages) fail(because error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = because
}

func (a *ages) health() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed != nil {
		return fmt.Errorf("the Kafka client is rebuilt: %w", a.failed)
	}
	for number, p := range a.parts {
		if behind := a.lagOf(p); behind > maxReadyLag {
			return fmt.Errorf("partition %d is %s (%d records) behind", number, behind.Round(time.Second), p.lag)
		}
	}
	return nil
}

func (a *ages) lagOf(p *partAge) time.Duration {
	if p.lag == 0 {
		return 0
	}
	return max(0, a.now().Sub(p.last))
}

// Describe implements prometheus.Collector.
func (a *ages) Describe(ch chan<- *prometheus.Desc) {
	ch <- a.watermarkAge
	ch <- a.behind
	ch <- a.snapshotAge
}

// Collect implements prometheus.Collector.
func (a *ages) Collect(ch chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for number, p := range a.parts {
		label := strconv.Itoa(int(number))
		if p.watermarkMS > 0 { // before the first beat there is no watermark
			age := max(0, a.now().Sub(time.UnixMilli(p.watermarkMS)))
			ch <- prometheus.MustNewConstMetric(a.watermarkAge, prometheus.GaugeValue, age.Seconds(), label)
		}
		if p.snapshotMS > 0 {
			age := max(0, a.now().Sub(time.UnixMilli(p.snapshotMS)))
			ch <- prometheus.MustNewConstMetric(a.snapshotAge, prometheus.GaugeValue, age.Seconds(), label)
		}
		ch <- prometheus.MustNewConstMetric(a.behind, prometheus.GaugeValue, a.lagOf(p).Seconds(), label)
	}
}
