package processor

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
}

func newMetrics(reg prometheus.Registerer) *metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "vigie_processor_" + name, Help: help}, []string{"partition"})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "vigie_processor_" + name, Help: help})
	}
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigie_processor_records_total", Help: "Records folded."}, []string{"partition"}),
		outputs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigie_processor_outputs_total", Help: "Outputs in confirmed transactions."}, []string{"topic"}),
		commits: counter("commits_total", "Confirmed transactions."),
		aborts:  counter("aborts_total", "Aborted transactions; their outputs were sent again."), rebuilds: counter("rebuilds_total", "Times that the Kafka client was rebuilt."),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vigie_processor_commit_seconds", Help: "Time to make a transaction.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		restored:      prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vigie_processor_restore_seconds", Help: "Time to replay a partition.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 14)}),
		watermark:     gauge("watermark_timestamp_seconds", "Watermark W of the partition, Unix time: its age is the dead-man's figure."),
		lag:           gauge("lag_records", "Records of the partition not yet folded."),
		sites:         gauge("sites", "Sites held."),
		detections:    gauge("open_detections", "Detections open."),
		degraded:      gauge("degraded_sites", "Sites on which the fold failed, kept by a minimal rule."),
		timers:        gauge("timers", "Timers armed."),
		jumpRefused:   gauge("clock_jump_refused", "1 while a beat lies more than 72 h ahead and waits for two people's word."),
	}
	if reg != nil {
		reg.MustRegister(m.records, m.outputs, m.commits, m.aborts, m.rebuilds, m.commitSeconds, m.restored,
			m.watermark, m.lag, m.sites, m.detections, m.degraded, m.timers, m.jumpRefused)
	}
	return m
}

func (m *metrics) folded(p *partition, n int, highWatermark int64) {
	label := strconv.Itoa(int(p.number))
	m.records.WithLabelValues(label).Add(float64(n))
	m.lag.WithLabelValues(label).Set(float64(max(0, highWatermark-p.next)))
	m.state(p)
}

func (m *metrics) state(p *partition) {
	label := strconv.Itoa(int(p.number))
	counts := p.fold.Counts()
	m.watermark.WithLabelValues(label).Set(float64(p.clock.w) / 1000)
	m.sites.WithLabelValues(label).Set(float64(counts.Sites))
	m.detections.WithLabelValues(label).Set(float64(counts.OpenDetections))
	m.degraded.WithLabelValues(label).Set(float64(counts.Degraded))
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
	for _, p := range touched {
		m.state(p)
	}
}
