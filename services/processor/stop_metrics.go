package processor

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// stopMetrics are those of partitions that stopped and of records set aside.
type stopMetrics struct {
	stops    *prometheus.GaugeVec
	setAside *prometheus.CounterVec
	// brims, beatGaps and overdone show what holds a partition back, or blurs its time.
	brims              prometheus.Counter
	beatGaps, overdone *prometheus.GaugeVec

	mu  sync.Mutex
	why map[int32]error
}

func newStopMetrics() *stopMetrics {
	m := &stopMetrics{
		stops:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "partition_stopped", Help: "1 while a partition stands: newer-envelope, fold-failed, or unwritable-output, which is tried again by itself."}, []string{"partition", "reason"}),
		setAside: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "set_aside_total", Help: "Records of the log that are no events, said on vigie.rejected and gone over."}, []string{"reason"}),
		brims:    prometheus.NewCounter(prometheus.CounterOpts{Name: "input_pauses_total", Help: "Times that a partition kept so many outputs for transactions to come that its input was paused."}),
		beatGaps: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "beat_gaps", Help: "Beats of the writers known now that never came."}, []string{"partition"}),
		overdone: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "supervision_degraded", Help: "1 while receivers of the group come and go too often for supervision to wait for their panels."}, []string{"partition", "group"}),
		why:      map[int32]error{},
	}
	for _, reason := range []string{asideUndecodable, asideEmpty} { // A rate needs the zero that came before.
		m.setAside.WithLabelValues(reason)
	}
	return m
}

func (m *stopMetrics) register(reg prometheus.Registerer) {
	reg.MustRegister(m.stops, m.setAside, m.brims)
}

// time shows what blurs a partition's time.
func (m *stopMetrics) time(p *partition) {
	label, gaps := strconv.Itoa(int(p.number)), uint64(0)
	for i := range p.clock.writers {
		gaps += p.clock.writers[i].gaps
	}
	m.beatGaps.WithLabelValues(label).Set(float64(gaps))
	for i := range p.clock.groups {
		g, degraded := &p.clock.groups[i], 0.0
		if g.isDegraded() {
			degraded = 1
		}
		m.overdone.WithLabelValues(label, g.name).Set(degraded)
	}
}

// stopped shows that a partition stands, and why.
func (m *stopMetrics) stopped(number int32, reason string, because error) {
	m.goesOn(number)
	m.stops.WithLabelValues(strconv.Itoa(int(number)), reason).Set(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.why[number] = because
}

func (m *stopMetrics) goesOn(number int32) {
	m.stops.DeletePartialMatch(prometheus.Labels{"partition": strconv.Itoa(int(number))})
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.why, number)
}

// whyStopped says which partitions stand, and why; nil when none does.
func (m *stopMetrics) whyStopped() (all error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(m.why)) {
		all = errors.Join(all, m.why[n])
	}
	return all
}
