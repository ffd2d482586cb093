package desk

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// RegisterMetrics registers what a desk counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	_, err := newMetrics(reg)
	return err
}

type metrics struct {
	acts     *prometheus.CounterVec
	decided  prometheus.Histogram
	outcomes prometheus.Counter
	sites    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		acts:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigie_desk_acts_total", Help: "People's acts answered, by act and answer."}, []string{"act", "answer"}),
		decided:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vigie_desk_decision_seconds", Help: "Time from taking an act to its outcome.", Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 5}}),
		outcomes: prometheus.NewCounter(prometheus.CounterOpts{Name: "vigie_desk_outcomes_total", Help: "Outcomes read from the log."}),
		sites:    prometheus.NewCounter(prometheus.CounterOpts{Name: "vigie_desk_sites_total", Help: "Sites declared."}),
	}
	for _, c := range []prometheus.Collector{m.acts, m.decided, m.outcomes, m.sites} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the desk's metrics: %w", err)
		}
	}
	return m, nil
}
