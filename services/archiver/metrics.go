package archiver

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	rows        *prometheus.CounterVec
	blocks      *prometheus.CounterVec
	resent      *prometheus.CounterVec
	undecodable *prometheus.CounterVec
	failures    prometheus.Counter
	seconds     prometheus.Histogram
	available   prometheus.Gauge
	offset      *prometheus.GaugeVec
	archived    *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigie_archiver_rows_total", Help: "Rows inserted into the warehouse, blocks that were sent again included."}, []string{"table"}),
		blocks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigie_archiver_blocks_total", Help: "Blocks archived."}, []string{"topic"}),
		resent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigie_archiver_resent_blocks_total", Help: "Planned blocks found at a take-over and sent again."}, []string{"topic"}),
		undecodable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigie_archiver_undecodable_records_total", Help: "Records that could not be decoded and were kept with the reason."}, []string{"topic"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "vigie_archiver_insert_failures_total", Help: "Attempts to insert that failed and are made again."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "vigie_archiver_insert_seconds", Help: "Time of an insert into one table.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
		available: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "vigie_archiver_warehouse_available", Help: "1 when the last call of ClickHouse succeeded, else 0."}),
		offset: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "vigie_archiver_offset", Help: "All before this offset stands in the warehouse."}, []string{"topic", "partition"}),
		archived: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "vigie_archiver_archived_timestamp_seconds", Help: "Time stamp of the youngest record archived, Unix seconds."}, []string{"topic"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.rows, m.blocks, m.resent, m.undecodable, m.failures, m.seconds, m.available, m.offset, m.archived} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register the archiver's metrics: %w", err)
		}
	}
	return m, nil
}
