package console

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// RegisterMetrics registers what a console counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	c := &Console{model: newModel(newRing(1), nil)}
	c.latest.Store(&Pipeline{})
	_, err := newMetrics(reg, c)
	return err
}

type metrics struct {
	streams prometheus.Gauge
	dropped prometheus.Counter
	resets  prometheus.Counter
	records *prometheus.CounterVec
	rebuilt prometheus.Counter
	queries *prometheus.HistogramVec
	// lookings are readings of what panels sent.
	lookings prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, c *Console) (*metrics, error) {
	m := &metrics{
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "vigie_console_streams", Help: "Live streams open."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "vigie_console_streams_dropped_total", Help: "Live streams ended because the client read too slowly."}),
		resets:  prometheus.NewCounter(prometheus.CounterOpts{Name: "vigie_console_stream_resets_total", Help: "Live streams told to load everything again."}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vigie_console_records_total", Help: "Records read, by topic."}, []string{"topic"}),
		rebuilt: prometheus.NewCounter(prometheus.CounterOpts{Name: "vigie_console_rebuilds_total", Help: "Times that the read model was built again from the start."}),
		queries: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "vigie_console_query_duration_seconds", Help: "Time of a named query in ClickHouse, by query and result.", Buckets: []float64{.005, .025, .1, .5, 2.5, 10}}, []string{"query", "result"}),
	}
	m.lookings = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vigie_console_transmissions_duration_seconds", Help: "Time to read what a panel sent out of the log.", Buckets: []float64{.025, .1, .25, .5, 1, 2, 4}})
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "vigie_console_" + name, Help: help}, value)
	}
	seconds := func(ms int64) float64 { return float64(ms) / 1000 }
	for _, x := range []prometheus.Collector{
		m.streams, m.dropped, m.resets, m.records, m.rebuilt, m.queries, m.lookings,
		gauge("sites", "Sites in the read model.", func() float64 { return float64(c.model.siteCount()) }),
		// The pipeline seen from its end: these stand also when no processor is left to tell.
		gauge("pipeline_lag_records", "Records of vigie.events written and not yet folded, by what the topics say.", func() float64 { return float64(c.latest.Load().LagRecords) }),
		gauge("pipeline_lag_seconds", "Age of the oldest record not yet folded, by what the topics say.", func() float64 { return seconds(c.latest.Load().LagMS) }),
		gauge("pipeline_watermark_age_seconds", "Age of the watermark of the partition that is furthest behind, by what the topics say.", func() float64 { return seconds(c.latest.Load().WatermarkAgeMS) }),
		gauge("pipeline_live", "1 while every partition has an owner and a watermark less than 5 s old.", func() float64 {
			if c.latest.Load().Live {
				return 1
			}
			return 0
		}),
	} {
		if err := reg.Register(x); err != nil {
			return nil, fmt.Errorf("register the console's metrics: %w", err)
		}
	}
	return m, nil
}
