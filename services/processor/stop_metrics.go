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

	mu  sync.Mutex
	why map[int32]error
}

func newStopMetrics() *stopMetrics {
	m := &stopMetrics{
		stops:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "vigie_processor_partition_stopped", Help: "1 while a partition stands: newer-envelope, fold-failed, or unwritable-output, which is tried again by itself."}, []string{"partition", "reason"}),
		setAside: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigie_processor_set_aside_total", Help: "Records of the log that are no events, said on vigie.rejected and gone over."}, []string{"reason"}),
		why:      map[int32]error{},
	}
	for _, reason := range []string{asideUndecodable, asideEmpty} { // A rate needs the zero that came before.
		m.setAside.WithLabelValues(reason)
	}
	return m
}

func (m *stopMetrics) register(reg prometheus.Registerer) { reg.MustRegister(m.stops, m.setAside) }

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
