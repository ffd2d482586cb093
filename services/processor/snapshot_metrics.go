package processor

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// snapshotMetrics are those of snapshots and restores.
type snapshotMetrics struct {
	snapshotSeconds, snapshotStop  prometheus.Histogram
	snapshotBytes                  *prometheus.GaugeVec
	snapshotFailures, restores     *prometheus.CounterVec
	checkpoints, checkpointsUnmade prometheus.Counter
}

func newSnapshotMetrics() *snapshotMetrics {
	histogram := func(name, help string, first float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(first, 4, 9)})
	}
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &snapshotMetrics{
		snapshotSeconds:   histogram("snapshot_seconds", "Time to encode and write a snapshot, beside the loop.", 0.001),
		snapshotStop:      histogram("snapshot_stop_seconds", "Time for which a partition stood still for the copy of its state.", 0.00001),
		snapshotBytes:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "snapshot_bytes", Help: "Bytes of the newest snapshot that counts."}, []string{"partition"}),
		snapshotFailures:  counter("snapshot_failures_total", "Snapshots that could not be written, read, removed or swept.", "what"),
		restores:          counter("restores_total", "Partitions restored, by where the state came from: memory, snapshot, older_snapshot or log.", "source"),
		checkpoints:       prometheus.NewCounter(prometheus.CounterOpts{Name: "checkpoints_total", Help: "Checkpoints of the audit chain signed and appended."}),
		checkpointsUnmade: prometheus.NewCounter(prometheus.CounterOpts{Name: "checkpoint_failures_total", Help: "Checkpoints of the audit chain that could not be signed or appended; the next minute's say as much."}),
	}
	// A rate needs the zero that came before.
	for _, what := range []string{choreWrite, choreRead, choreRemove, choreSweep} {
		m.snapshotFailures.WithLabelValues(what)
	}
	for _, source := range []string{fromMemory, fromSnapshot, fromOlder, fromLog} {
		m.restores.WithLabelValues(source)
	}
	return m
}

func (m *snapshotMetrics) register(reg prometheus.Registerer) {
	reg.MustRegister(m.snapshotSeconds, m.snapshotStop, m.snapshotBytes, m.snapshotFailures, m.restores)
}

func (m *snapshotMetrics) snapshotFailed(what string) {
	m.snapshotFailures.WithLabelValues(what).Inc()
}

func (m *snapshotMetrics) snapshotWritten(took time.Duration) {
	m.snapshotSeconds.Observe(took.Seconds())
}

// snapshots shows the newest snapshot of a partition that counts.
func (m *metrics) snapshots(p *partition) {
	if len(p.saved.named) == 0 {
		return
	}
	newest := p.saved.named[0]
	m.snapshotBytes.WithLabelValues(strconv.Itoa(int(p.number))).Set(float64(newest.GetBytes()))
	m.ages.snapshot(p.number, newest.GetTakenAtMs())
}

func (m *metrics) restoredFrom(source string, took time.Duration) {
	m.restores.WithLabelValues(source).Inc()
	m.restored.Observe(took.Seconds())
}
