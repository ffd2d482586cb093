package appender

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// kindEvent labels records of sites among the kinds.
const kindEvent = "event"

type metrics struct {
	records      *prometheus.CounterVec
	refusals     *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	polls        prometheus.Counter
	stalledBeats prometheus.Counter
	// durable are the children for events, which are counted at the speed of the wire.
	durable        prometheus.Counter
	durableSeconds prometheus.Observer
}

// RegisterMetrics registers what an appender counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	_, err := newMetrics(reg, "")
	return err
}

func newMetrics(reg prometheus.Registerer, writer string) (*metrics, error) {
	labels := prometheus.Labels{"writer": writer}
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{ConstLabels: labels,
			Name: "vigie_appender_records_total", Help: "Records whose append was answered, by kind and result."}, []string{"kind", "result"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{ConstLabels: labels,
			Name: "vigie_appender_refused_total", Help: "Events and polls not taken, by reason; their senders got no answer."}, []string{"reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{ConstLabels: labels,
			Name: "vigie_appender_append_seconds", Help: "From received_at (for a beat, its T) to Kafka's answer.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}}, []string{"kind"}),
		polls: prometheus.NewCounter(prometheus.CounterOpts{ConstLabels: labels,
			Name: "vigie_appender_polls_total", Help: "Polls packed into beats."}),
		stalledBeats: prometheus.NewCounter(prometheus.CounterOpts{ConstLabels: labels,
			Name: "vigie_appender_beats_delayed_total", Help: "Beats that were due while as many as allowed were in flight."}),
	}
	m.durable, m.durableSeconds = m.records.WithLabelValues(kindEvent, "durable"), m.seconds.WithLabelValues(kindEvent)
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.records, m.refusals, m.seconds, m.polls, m.stalledBeats} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) appended(kind string, ms int64, err error) {
	if err != nil {
		m.records.WithLabelValues(kind, "failed").Inc()
		return
	}
	if kind == kindEvent {
		m.durable.Inc()
		m.durableSeconds.Observe(float64(ms) / 1000)
		return
	}
	m.records.WithLabelValues(kind, "durable").Inc()
	m.seconds.WithLabelValues(kind).Observe(float64(ms) / 1000)
}

func (m *metrics) refused(err error) {
	reason := "invalid"
	switch {
	case errors.Is(err, ErrBusy):
		reason = "busy"
	case errors.Is(err, ErrNotRunning):
		reason = "not-running"
	case errors.Is(err, ErrTooLarge):
		reason = "too-large"
	}
	m.refusals.WithLabelValues(reason).Inc()
}
