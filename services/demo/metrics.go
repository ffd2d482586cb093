package demo

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count messages, repeats by a panel's own retry not included.
type metrics struct {
	sent, acked, refused, unanswered, skipped prometheus.Counter
}

// RegisterMetrics registers what a demo counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	_, err := newMetrics(reg)
	return err
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	var failed error
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "vigie", Subsystem: "demo", Name: name, Help: help})
		if err := reg.Register(c); err != nil && failed == nil {
			failed = fmt.Errorf("registering vigie_demo_%s: %w", name, err)
		}
		return c
	}
	m := &metrics{
		sent:       counter("sent_total", "Messages that simulated panels sent."),
		acked:      counter("acked_total", "Messages answered by ACK."),
		refused:    counter("refused_total", "Messages answered by NAK or DUH."),
		unanswered: counter("unanswered_total", "Messages that no try got an answer to."),
		skipped:    counter("skipped_total", "Messages not sent: polls while the path was busy, and what a full panel gave up."),
	}
	return m, failed
}
