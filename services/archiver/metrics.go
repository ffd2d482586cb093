package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// splits, aside, viewsRefused and paused: when ClickHouse does not take all.
	splits, aside, viewsRefused *prometheus.CounterVec
	paused                      prometheus.Gauge
	parts                       *prometheus.GaugeVec
	lag                         *lag
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
		splits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigie_archiver_split_blocks_total", Help: "Blocks that ClickHouse would not take whole and that went in pieces."}, []string{"topic"}),
		aside: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigie_archiver_refused_rows_total", Help: "Rows that ClickHouse refused, set aside in the table undecodable."}, []string{"table"}),
		viewsRefused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigie_archiver_views_refused_total", Help: "Blocks that a table took and a view behind it refused."}, []string{"table"}),
		paused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "vigie_archiver_paused", Help: "1 while inserts are held back: too many parts, or somebody asked for it; the log says why."}),
		parts: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "vigie_archiver_parts", Help: "Parts of the fullest partition of a table."}, []string{"table"}),
		lag: newLag(time.Now),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.rows, m.blocks, m.resent, m.undecodable, m.failures, m.seconds, m.available, m.offset, m.archived, m.splits, m.aside, m.viewsRefused, m.paused, m.parts, m.lag} {
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
		said := a.backlog.behind()
		if said != "" {
			said = " (" + said + ")"
		}
		return fmt.Errorf("ClickHouse does not answer%s: %w", said, err)
	}
	return nil
}

// lag is what waits to be archived, reckoned when it is asked for.
type lag struct {
	now              func() time.Time
	records, seconds *prometheus.Desc
	left             *prometheus.Desc
	backlog          *backlog

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
		now: now, parts: map[eventlog.Partition]partLag{}, backlog: &backlog{log: slog.New(slog.DiscardHandler)},
		left:    prometheus.NewDesc("vigie_archiver_catch_up_seconds", "How long catching up takes at the pace of the last minute; 0 when not behind, +Inf when what waits does not become less.", nil, nil),
		records: prometheus.NewDesc("vigie_archiver_lag_records", "Records read or to be read that are not in the warehouse yet.", []string{"topic"}, nil),
		seconds: prometheus.NewDesc("vigie_archiver_lag_seconds", "Age of the youngest record archived of the partition that is furthest behind, 0 where nothing waits. Beats alone wait up to 5 s.", []string{"topic"}, nil),
	}
}

func (l *lag) follow(c *eventlog.Consumer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.consumer = c
}

// waiting is how many records of a partition wait, as far as its fetches told.
func (l *lag) waiting(p eventlog.Partition) int64 {
	l.mu.Lock()
	consumer := l.consumer
	l.mu.Unlock()
	if consumer == nil {
		return 0
	}
	return consumer.Lag()[p]
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
func (l *lag) Describe(ch chan<- *prometheus.Desc) { ch <- l.records; ch <- l.seconds; ch <- l.left }

// Collect implements prometheus.Collector.
func (l *lag) Collect(ch chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.consumer == nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(l.left, prometheus.GaugeValue, l.backlog.seconds())
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
