package archiver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/services/eventlog"
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
	lag         *lag
}

// RegisterMetrics registers what an archiver counts, for the page that lists it.
func RegisterMetrics(r prometheus.Registerer) error {
	_, err := newMetrics(r)
	return err
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
		lag: newLag(time.Now),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.rows, m.blocks, m.resent, m.undecodable, m.failures, m.seconds, m.available, m.offset, m.archived, m.lag} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register the archiver's metrics: %w", err)
		}
	}
	return m, nil
}

// block counts a block that stands in the warehouse.
func (m *metrics) block(x *part, b *block) {
	m.blocks.WithLabelValues(x.topic).Inc()
	m.offset.WithLabelValues(x.topic, strconv.Itoa(int(x.p.Number))).Set(float64(x.done.offset))
	m.archived.WithLabelValues(x.topic).Set(float64(b.newest) / 1000)
	m.lag.archived(x.p, x.topic, time.UnixMilli(b.newest))
}

// gone forgets the gauges of a partition that another member has now.
func (m *metrics) gone(p eventlog.Partition, topic string) {
	m.offset.DeleteLabelValues(topic, strconv.Itoa(int(p.Number)))
	m.lag.gone(p)
}

// Health says why records do not reach the warehouse; nil when they do.
func (a *Archiver) Health(ctx context.Context) error {
	select {
	case <-a.ready:
	default:
		return errors.New("the schema is not prepared yet, or no partitions were given out")
	}
	if err := a.deps.DB.Ping(ctx); err != nil {
		return fmt.Errorf("ClickHouse does not answer: %w", err)
	}
	return nil
}

// lag is what waits to be archived, reckoned when it is asked for.
type lag struct {
	now              func() time.Time
	records, seconds *prometheus.Desc

	mu       sync.Mutex
	consumer *eventlog.Consumer
	parts    map[eventlog.Partition]partLag
}

type partLag struct {
	topic  string
	newest time.Time
}

func newLag(now func() time.Time) *lag {
	return &lag{
		now: now, parts: map[eventlog.Partition]partLag{},
		records: prometheus.NewDesc("vigie_archiver_lag_records", "Records read or to be read that are not in the warehouse yet.", []string{"topic"}, nil),
		seconds: prometheus.NewDesc("vigie_archiver_lag_seconds", "Age of the youngest record archived of the partition that is furthest behind, 0 where nothing waits. Beats alone wait up to 5 s.", []string{"topic"}, nil),
	}
}

func (l *lag) follow(c *eventlog.Consumer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.consumer = c
}

// archived notes how far a partition has come; a newcomer starts now.
func (l *lag) archived(p eventlog.Partition, topic string, newest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts[p] = partLag{topic, newest}
}

func (l *lag) gone(p eventlog.Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.parts, p)
}

// Describe implements prometheus.Collector.
func (l *lag) Describe(ch chan<- *prometheus.Desc) { ch <- l.records; ch <- l.seconds }

// Collect implements prometheus.Collector.
func (l *lag) Collect(ch chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.consumer == nil {
		return
	}
	waiting := l.consumer.Lag()
	records, behind := map[string]int64{}, map[string]time.Duration{}
	for p, part := range l.parts {
		n := waiting[p]
		records[part.topic] += n
		age := time.Duration(0)
		if n > 0 {
			age = l.now().Sub(part.newest)
		}
		behind[part.topic] = max(behind[part.topic], age)
	}
	for topic, n := range records {
		ch <- prometheus.MustNewConstMetric(l.records, prometheus.GaugeValue, float64(n), topic)
		ch <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, behind[topic].Seconds(), topic)
	}
}
