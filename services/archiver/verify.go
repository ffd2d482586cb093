package archiver

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
)

const (
	// maxFaults bounds the examples that a report names; all are counted.
	maxFaults = 100
	// compareRecords is how many records are compared by one query.
	compareRecords = 10_000
	// heartbeatsKept and beatsKept are within the TTL of their tables: older
	// rows may be gone, and are not missed.
	heartbeatsKept = 2 * 24 * time.Hour
	beatsKept      = 7 * 24 * time.Hour
)

// Report compares the log with the warehouse.
type Report struct {
	Partitions []PartitionReport
	// Faults are examples of what is missing or double, at most 100.
	Faults []Fault
}

// PartitionReport is the comparison of one partition.
type PartitionReport struct {
	Topic     string
	Partition int32
	// From and To are the offsets compared, To excluded: all that the archiver
	// has committed as archived. End is the end of the log, To of which is done.
	From, To, End int64
	// Records in that range, and the rows that they stand for.
	Records, Rows uint64
	// Missing and Double count rows.
	Missing, Double uint64
}

// Fault is a record whose rows are not as they should be.
type Fault struct {
	Topic      string
	Partition  int32
	Offset     int64
	Table      string
	Want, Have uint64
}

// Pending is how many offsets of the log are not archived yet.
func (r *Report) Pending() int64 {
	n := int64(0)
	for _, p := range r.Partitions {
		n += max(0, p.End-p.To)
	}
	return n
}

// Missing and Double sum over all partitions.
func (r *Report) Missing() (n uint64) {
	for _, p := range r.Partitions {
		n += p.Missing
	}
	return n
}

// Double is how many rows stand in the warehouse more than once, or without a
// record of the log.
func (r *Report) Double() (n uint64) {
	for _, p := range r.Partitions {
		n += p.Double
	}
	return n
}

// Records is how many records were compared.
func (r *Report) Records() (n uint64) {
	for _, p := range r.Partitions {
		n += p.Records
	}
	return n
}

// Err is nil when each archived record stands in the warehouse exactly once.
func (r *Report) Err() error {
	if r.Missing() == 0 && r.Double() == 0 {
		return nil
	}
	f := r.Faults[0]
	return fmt.Errorf("of %d records %d rows are missing in the warehouse and %d are too many; first %s, partition %d, offset %d: table %s has %d rows instead of %d",
		r.Records(), r.Missing(), r.Double(), f.Topic, f.Partition, f.Offset, f.Table, f.Have, f.Want)
}

// Verify reads all that is archived of the log again and compares it with the
// warehouse, record by record. It changes nothing and may run beside an archiver.
func Verify(ctx context.Context, cfg eventlog.Config, db *warehouse.DB, log *slog.Logger) (*Report, error) {
	cl, err := kgo.NewClient(cfg.ReaderOpts(log)...)
	if err != nil {
		return nil, fmt.Errorf("verify the warehouse: %w", err)
	}
	defer cl.Close()
	v := &verifier{cfg: cfg, db: db, log: log, adm: kadm.NewClient(cl), now: time.Now(), report: &Report{}}
	for _, topic := range Topics {
		if err := v.topic(ctx, topic); err != nil {
			return v.report, fmt.Errorf("verify the warehouse: %s: %w", cfg.Topic(topic), err)
		}
	}
	return v.report, nil
}

type verifier struct {
	cfg    eventlog.Config
	db     *warehouse.DB
	log    *slog.Logger
	adm    *kadm.Client
	now    time.Time
	report *Report
}

func (v *verifier) topic(ctx context.Context, topic string) error {
	full := v.cfg.Topic(topic)
	done, err := v.adm.FetchOffsetsForTopics(ctx, v.cfg.Group(eventlog.GroupArchiver), full)
	if err == nil {
		err = done.Error()
	}
	if err != nil {
		return fmt.Errorf("what the archiver has committed: %w", err)
	}
	starts, err := v.adm.ListStartOffsets(ctx, full)
	if err != nil {
		return fmt.Errorf("where the log begins: %w", err)
	}
	ends, err := v.adm.ListCommittedOffsets(ctx, full)
	if err != nil {
		return fmt.Errorf("where the log ends: %w", err)
	}
	for _, number := range slices.Sorted(maps.Keys(starts[full])) {
		p := PartitionReport{Topic: topic, Partition: number, From: starts[full][number].Offset, End: ends[full][number].Offset}
		if o, ok := done.Lookup(full, number); ok && o.At > p.From {
			p.To = o.At
		} else {
			p.To = p.From
		}
		if p.To > p.From {
			if err := v.partition(ctx, &p); err != nil {
				return fmt.Errorf("partition %d: %w", number, err)
			}
		}
		v.report.Partitions = append(v.report.Partitions, p)
	}
	return nil
}

// partition reads From to To again and compares in pieces.
func (v *verifier) partition(ctx context.Context, p *PartitionReport) error {
	full := v.cfg.Topic(p.Topic)
	cl, err := kgo.NewClient(append(v.cfg.ReaderOpts(v.log),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{full: {p.Partition: kgo.NewOffset().At(p.From)}}),
		// Markers of transactions move the position past a hole at the end.
		kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	defer cl.Close()
	piece := newPiece(p.From)
	for at := p.From; at < p.To; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read the log at offset %d: %w", at, err)
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("read the log at offset %d: %w", at, e.Err)
		}
		for _, r := range fetches.Records() {
			at = r.Offset + 1
			if r.Offset >= p.To {
				break
			}
			if r.Attrs.IsControl() {
				continue
			}
			piece.add(p, r, v.now)
			if piece.records >= compareRecords {
				if err := v.compare(ctx, p, piece, r.Offset+1); err != nil {
					return err
				}
				piece = newPiece(r.Offset + 1)
			}
		}
	}
	return v.compare(ctx, p, piece, p.To)
}

// piece is what a range of the log should be in the warehouse.
type piece struct {
	from    int64
	records int
	// want says how many rows each offset has in each table.
	want map[string]map[int64]uint64
	// expired are tables and offsets whose rows may have been deleted by age.
	expired map[string]map[int64]bool
}

func newPiece(from int64) *piece {
	return &piece{from: from, want: map[string]map[int64]uint64{}, expired: map[string]map[int64]bool{}}
}

func (x *piece) add(p *PartitionReport, r *kgo.Record, now time.Time) {
	decoded := decode(p.Topic, r)
	b := newBlock(p.Topic)
	b.take(r, decoded, 0, decoded.units-1)
	x.records++
	p.Records++
	age := now.Sub(r.Timestamp)
	for _, t := range b.order {
		p.Rows += uint64(t.rows())
		if x.want[t.name()] == nil {
			x.want[t.name()], x.expired[t.name()] = map[int64]uint64{}, map[int64]bool{}
		}
		x.want[t.name()][r.Offset] = uint64(t.rows())
		x.expired[t.name()][r.Offset] = t.name() == "heartbeats" && age > heartbeatsKept || t.name() == "beats" && age > beatsKept
	}
}

// tablesOf are the tables that records of a topic may have rows in.
func tablesOf(topic string) []string {
	switch topic {
	case topics.Events:
		return []string{"events", "beats", "heartbeats", "undecodable"}
	case topics.SiteStates:
		return []string{"site_states", "undecodable"}
	default:
		return []string{topic, "undecodable"}
	}
}

func (v *verifier) compare(ctx context.Context, p *PartitionReport, x *piece, to int64) error {
	for _, table := range tablesOf(p.Topic) {
		have, err := v.count(ctx, p, table, x.from, to)
		if err != nil {
			return err
		}
		for offset, want := range x.want[table] {
			got := have[offset]
			delete(have, offset)
			switch {
			case got.rows < want && x.expired[table][offset]:
			case got.rows < want:
				p.Missing += want - got.rows
				v.fault(p, table, offset, want, got.rows)
			case got.rows > want || got.indices != got.rows:
				p.Double += max(got.rows-want, got.rows-got.indices)
				v.fault(p, table, offset, want, got.rows)
			}
		}
		for offset, got := range have {
			// Compaction took the record out of the log after it was archived; a
			// second row at one offset is still one too many.
			want := uint64(0)
			if p.Topic == topics.SiteStates || p.Topic == topics.Incidents {
				want = 1
			}
			if got.rows > want {
				p.Double += got.rows - want
				v.fault(p, table, offset, want, got.rows)
			}
		}
	}
	return nil
}

func (v *verifier) fault(p *PartitionReport, table string, offset int64, want, have uint64) {
	if len(v.report.Faults) < maxFaults {
		v.report.Faults = append(v.report.Faults, Fault{p.Topic, p.Partition, offset, table, want, have})
	}
}

type rowCount struct{ rows, indices uint64 }

// count asks how many rows each offset has, and how many different indices.
func (v *verifier) count(ctx context.Context, p *PartitionReport, table string, from, to int64) (map[int64]rowCount, error) {
	sql := fmt.Sprintf("SELECT kafka_offset, count(), uniqExact(kafka_index) FROM %s.%s WHERE kafka_partition = %d AND kafka_offset >= %d AND kafka_offset < %d",
		v.db.Database(), table, p.Partition, from, to)
	if table == "undecodable" {
		sql += " AND topic = '" + p.Topic + "'"
	}
	rows, err := v.db.Conn().Query(ctx, sql+" GROUP BY kafka_offset")
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s: %w", table, err)
	}
	defer rows.Close()
	out := map[int64]rowCount{}
	for rows.Next() {
		var offset uint64
		var c rowCount
		if err := rows.Scan(&offset, &c.rows, &c.indices); err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", table, err)
		}
		out[int64(offset)] = c
	}
	return out, rows.Err()
}
