package archiver

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
)

const (
	// bucketOffsets is how many offsets have one count and one sum: ClickHouse sums
	// all of a table in one pass, and only stretches that differ are looked into.
	bucketOffsets = 10_000
	// chunkUnits and chunkBytes bound what of the log is in memory at a time.
	chunkUnits = 50_000
	chunkBytes = 16 << 20
	// heartbeatsKept and beatsKept are within the TTL of their tables: older
	// rows may be gone, and are not compared.
	heartbeatsKept = 2 * 24 * time.Hour
	beatsKept      = 7 * 24 * time.Hour
)

// VerifyOptions say what is compared, and what may be done about it.
type VerifyOptions struct {
	Kafka eventlog.Config
	DB    *warehouse.DB
	Log   *slog.Logger
	// Repair inserts what is missing, and reckons rollups anew that are not the
	// aggregate of their table.
	Repair bool
	// Remove deletes what is double, another or superfluous, and inserts what should
	// stand there instead; only together with Repair.
	Remove bool
	// Done and Total count records, for whoever shows progress; may be nil.
	Done, Total *atomic.Int64
	// Now is time.Now when nil: it decides what is too old to be compared.
	Now func() time.Time
	// until bounds what is compared, by topic and partition; nil is what the
	// archiver has committed.
	until map[string]map[int32]int64
}

// Verify reads all that is archived of the log again and compares each table with
// it: counts and sums of digests by partition and offsets, and row by row where
// they differ; then each rollup with the aggregate of its table. Without Repair it
// changes nothing. It may run beside archivers.
func Verify(ctx context.Context, o VerifyOptions) (*Report, error) {
	v, err := newVerifier(o)
	if err != nil {
		return nil, fmt.Errorf("verify the warehouse: %w", err)
	}
	defer v.cl.Close()
	if err := v.survey(ctx); err != nil {
		return nil, fmt.Errorf("verify the warehouse: %w", err)
	}
	for _, topic := range Topics {
		if err := v.topic(ctx, topic); err != nil {
			return v.report, fmt.Errorf("verify the warehouse: %s: %w", o.Kafka.Topic(topic), err)
		}
	}
	if err := v.rollups(ctx); err != nil {
		return v.report, fmt.Errorf("verify the warehouse: %w", err)
	}
	return v.report, nil
}

type verifier struct {
	VerifyOptions
	cl     *kgo.Client
	adm    *kadm.Client
	now    time.Time
	aside  aside
	report *Report
	// spans are the partitions of each topic, with what is compared of them.
	spans map[string][]*PartitionReport
	// rollupTables are the targets of views, for a rebuild.
	rollupTables []string
}

func newVerifier(o VerifyOptions) (*verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Done == nil {
		o.Done, o.Total = new(atomic.Int64), new(atomic.Int64)
	}
	cl, err := kgo.NewClient(o.Kafka.ReaderOpts(o.Log)...)
	if err != nil {
		return nil, err
	}
	return &verifier{VerifyOptions: o, cl: cl, adm: kadm.NewClient(cl), now: o.Now(), report: &Report{}, spans: map[string][]*PartitionReport{}}, nil
}

// survey notes from where to where each partition is compared.
func (v *verifier) survey(ctx context.Context) (err error) {
	for _, topic := range Topics {
		all, err := spansOf(ctx, v.adm, v.Kafka, topic)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Kafka.Topic(topic), err)
		}
		for _, p := range all {
			if v.until != nil {
				p.To = max(p.From, v.until[topic][p.Partition])
			}
			v.Total.Add(p.To - p.From)
		}
		v.spans[topic] = all
	}
	v.aside, err = readAside(ctx, v.DB)
	return err
}

// spansOf are the partitions of a topic: where the log begins, how far the
// archiver has committed, where the log ends.
func spansOf(ctx context.Context, adm *kadm.Client, cfg eventlog.Config, topic string) ([]*PartitionReport, error) {
	full := cfg.Topic(topic)
	done, err := adm.FetchOffsetsForTopics(ctx, cfg.Group(eventlog.GroupArchiver), full)
	if err == nil {
		err = done.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("what the archiver has committed: %w", err)
	}
	starts, err := adm.ListStartOffsets(ctx, full)
	if err != nil {
		return nil, fmt.Errorf("where the log begins: %w", err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, full)
	if err != nil {
		return nil, fmt.Errorf("where the log ends: %w", err)
	}
	var all []*PartitionReport
	for _, number := range slices.Sorted(maps.Keys(starts[full])) {
		p := &PartitionReport{Topic: topic, Partition: number, From: starts[full][number].Offset, End: ends[full][number].Offset}
		p.To = p.From
		if o, ok := done.Lookup(full, number); ok {
			p.To, p.note = max(p.From, o.At), o.Metadata
		}
		all = append(all, p)
	}
	return all, nil
}

func (v *verifier) topic(ctx context.Context, topic string) error {
	have := map[string]map[bucketKey]tally{}
	for _, table := range tablesOf(topic) {
		sums, err := v.sums(ctx, topic, table)
		if err != nil {
			return err
		}
		have[table.name()] = sums
		if err := v.beyond(ctx, topic, table.name()); err != nil {
			return err
		}
	}
	for _, p := range v.spans[topic] {
		if err := v.partition(ctx, p, have); err != nil {
			return fmt.Errorf("partition %d: %w", p.Partition, err)
		}
		v.report.Partitions = append(v.report.Partitions, p)
	}
	return nil
}

// tablesOf are the tables that records of a topic may have rows in.
func tablesOf(topic string) []table {
	bad := &undecodableRows{}
	switch topic {
	case topics.Events:
		return []table{&eventRows{}, &beatRows{}, &heartbeatRows{}, bad}
	case topics.SiteStates:
		return []table{&siteStateRows{}, bad}
	case topics.Detections:
		return []table{&detectionRows{}, bad}
	case topics.Incidents:
		return []table{&incidentRows{}, bad}
	case topics.Outcomes:
		return []table{&outcomeRows{}, bad}
	default:
		return []table{&rejectedRows{}, bad}
	}
}

// compacted topics lose records that newer ones replace; the warehouse keeps them.
func compacted(topic string) bool { return topic == topics.SiteStates || topic == topics.Incidents }

// oldest is the received_at before which rows of a table may be gone, Unix ms.
func oldest(table string, now time.Time) int64 {
	switch table {
	case "heartbeats":
		return now.Add(-heartbeatsKept).UnixMilli()
	case "beats":
		return now.Add(-beatsKept).UnixMilli()
	}
	return 0
}

type bucketKey struct {
	partition int32
	bucket    int64
}

// tally is how many rows there are, and the sum of their digests.
type tally struct{ rows, sum uint64 }

// ours restricts a query to rows of a table that stand for records of the topic.
func ours(table, topic string, now time.Time) string {
	where := "received_at >= fromUnixTimestamp64Milli(toInt64(" + strconv.FormatInt(oldest(table, now), 10) + "))"
	if table == "undecodable" {
		where += " AND refused_by = '' AND topic = '" + topic + "'"
	}
	return where
}

// sums asks for the tallies of a table in one pass.
func (v *verifier) sums(ctx context.Context, topic string, t table) (map[bucketKey]tally, error) {
	spans := ""
	for _, p := range v.spans[topic] {
		spans += fmt.Sprintf(" OR kafka_partition = %d AND kafka_offset >= %d AND kafka_offset < %d", p.Partition, p.From, p.To)
	}
	rows, err := v.DB.Conn().Query(ctx, fmt.Sprintf("SELECT kafka_partition, intDiv(kafka_offset, %d) AS bucket, count(), sum(%s) FROM %s.%s WHERE %s AND (0%s) GROUP BY kafka_partition, bucket",
		bucketOffsets, warehouse.DigestSQL(t.columns()), v.DB.Database(), t.name(), ours(t.name(), topic, v.now), spans))
	if err != nil {
		return nil, fmt.Errorf("sum the rows of %s: %w", t.name(), err)
	}
	defer rows.Close()
	out := map[bucketKey]tally{}
	for rows.Next() {
		var number uint16
		var bucket uint64
		var have tally
		if err := rows.Scan(&number, &bucket, &have.rows, &have.sum); err != nil {
			return nil, fmt.Errorf("sum the rows of %s: %w", t.name(), err)
		}
		out[bucketKey{int32(number), int64(bucket)}] = have
	}
	return out, rows.Err()
}

// beyond counts rows from before the beginning of the log, which nothing can prove
// any more, and finds those of partitions that the log does not have.
func (v *verifier) beyond(ctx context.Context, topic, table string) error {
	sql := "SELECT kafka_partition, count(), min(kafka_offset), max(kafka_offset) FROM " + v.DB.Database() + "." + table + " WHERE 1"
	if table == "undecodable" {
		sql += " AND topic = '" + topic + "'"
	}
	for _, p := range v.spans[topic] {
		sql += fmt.Sprintf(" AND NOT (kafka_partition = %d AND kafka_offset >= %d)", p.Partition, p.From)
	}
	rows, err := v.DB.Conn().Query(ctx, sql+" GROUP BY kafka_partition")
	if err != nil {
		return fmt.Errorf("count what is older than the log in %s: %w", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		var number uint16
		var n, first, last uint64
		if err := rows.Scan(&number, &n, &first, &last); err != nil {
			return fmt.Errorf("count what is older than the log in %s: %w", table, err)
		}
		i := slices.IndexFunc(v.spans[topic], func(p *PartitionReport) bool { return p.Partition == int32(number) })
		if i >= 0 {
			v.spans[topic][i].Older += n
			continue
		}
		stray := &PartitionReport{Topic: topic, Partition: int32(number), Superfluous: n}
		v.report.Partitions = append(v.report.Partitions, stray)
		v.report.fault(Fault{Kind: Superfluous, Table: table, Topic: topic, Partition: stray.Partition, First: int64(first), Last: int64(last), Rows: n})
	}
	return rows.Err()
}

// partition tallies the log and looks into the stretches that differ.
func (v *verifier) partition(ctx context.Context, p *PartitionReport, have map[string]map[bucketKey]tally) error {
	want := map[string]map[bucketKey]tally{}
	for _, t := range tablesOf(p.Topic) {
		want[t.name()] = map[bucketKey]tally{}
	}
	err := v.read(ctx, p, p.From, p.To, func(b *block, _, _ int64) error {
		p.Records += uint64(b.records)
		v.Done.Add(int64(b.records))
		for _, t := range b.order {
			for _, r := range v.rowsOf(t, p) {
				key := bucketKey{p.Partition, r.at.offset / bucketOffsets}
				sum := want[t.name()][key]
				want[t.name()][key] = tally{sum.rows + 1, sum.sum + r.sum}
				p.Rows++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range tablesOf(p.Topic) {
		for _, s := range differing(p, want[t.name()], have[t.name()]) {
			if err := v.lookInto(ctx, p, t.name(), s[0], s[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// differing are the stretches [from, to) of offsets whose tallies differ.
func differing(p *PartitionReport, want, have map[bucketKey]tally) (out [][2]int64) {
	keys := maps.Clone(want)
	for key := range have {
		if key.partition == p.Partition {
			keys[key] = tally{}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(keys), func(a, b bucketKey) int { return int(a.bucket - b.bucket) }) {
		if want[key] == have[key] {
			continue
		}
		from, to := max(p.From, key.bucket*bucketOffsets), min(p.To, (key.bucket+1)*bucketOffsets)
		if n := len(out); n > 0 && out[n-1][1] == from {
			out[n-1][1] = to
			continue
		}
		out = append(out, [2]int64{from, to})
	}
	return out
}

// read hands [from, to) of the log to f in chunks, decoded; each chunk stands for
// all offsets from first to next, next excluded.
func (v *verifier) read(ctx context.Context, p *PartitionReport, from, to int64, f func(b *block, first, next int64) error) error {
	b, first, d := newBlock(p.Topic), from, &reader{topic: p.Topic}
	// Markers of transactions move the position past a hole at the end.
	opts := append(v.Kafka.ReaderOpts(v.Log), kgo.KeepControlRecords())
	err := eventlog.ReadRange(ctx, opts, v.Kafka.Topic(p.Topic), p.Partition, from, to, func(r *kgo.Record) error {
		if r.Attrs.IsControl() {
			return nil
		}
		decoded := d.read(r)
		b.take(r, decoded, 0, decoded.units-1)
		if b.units < chunkUnits && b.bytes < chunkBytes {
			return nil
		}
		full := b
		b = newBlock(p.Topic)
		from := first
		first = r.Offset + 1
		return f(full, from, first)
	})
	if err != nil {
		return fmt.Errorf("read the log from offset %d: %w", first, err)
	}
	if first >= to {
		return nil
	}
	return f(b, first, to)
}
