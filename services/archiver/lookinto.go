package archiver

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/open-vigie/vigie/services/warehouse"
)

// deleteRows is how many rows one statement names to be deleted.
const deleteRows = 1_000

// aside are the rows that ClickHouse refused, which stand in undecodable instead.
type aside map[asideKey]bool

type asideKey struct {
	topic, table string
	partition    int32
	at           position
}

func readAside(ctx context.Context, db *warehouse.DB) (aside, error) {
	rows, err := db.Conn().Query(ctx, "SELECT topic, refused_by, kafka_partition, kafka_offset, kafka_index FROM "+db.Database()+".undecodable WHERE refused_by != ''")
	if err != nil {
		return nil, fmt.Errorf("read what was set aside: %w", err)
	}
	defer rows.Close()
	out := aside{}
	for rows.Next() {
		var key asideKey
		var number uint16
		var offset uint64
		if err := rows.Scan(&key.topic, &key.table, &number, &offset, &key.at.index); err != nil {
			return nil, fmt.Errorf("read what was set aside: %w", err)
		}
		key.partition, key.at.offset = int32(number), int64(offset)
		out[key] = true
	}
	return out, rows.Err()
}

// wantedRow is a row that should stand in a table.
type wantedRow struct {
	at  position
	row int
	sum uint64
}

// rowsOf are the rows of a chunk's table that can be compared: none that was set
// aside, none that is old enough to be gone.
func (v *verifier) rowsOf(t table, p *PartitionReport) []wantedRow {
	columns := t.columns()
	at, received := positionsOf(columns), valuesOf[int64](columns, "received_at")
	keep := oldest(t.name(), v.now)
	sums := warehouse.Digests(columns, t.rows())
	out := make([]wantedRow, 0, len(sums))
	for i, sum := range sums {
		switch {
		case received[i] < keep:
		case v.aside[asideKey{p.Topic, t.name(), p.Partition, at[i]}]:
			p.SetAside++
		default:
			out = append(out, wantedRow{at[i], i, sum})
		}
	}
	return out
}

func valuesOf[T any](columns []warehouse.Column, name string) []T {
	i := slices.IndexFunc(columns, func(c warehouse.Column) bool { return c.Name == name })
	return columns[i].Values.([]T)
}

func positionsOf(columns []warehouse.Column) []position {
	offsets, indices := valuesOf[uint64](columns, "kafka_offset"), valuesOf[uint32](columns, "kafka_index")
	out := make([]position, len(offsets))
	for i := range out {
		out[i] = position{int64(offsets[i]), indices[i]}
	}
	return out
}

// lookInto compares a stretch of a table row by row, and repairs it where it may.
func (v *verifier) lookInto(ctx context.Context, p *PartitionReport, name string, from, to int64) error {
	set := p.SetAside // counted already
	defer func() { p.SetAside = set }()
	return v.read(ctx, p, from, to, func(b *block, first, next int64) error {
		t := b.tables[name]
		if t == nil {
			for _, empty := range tablesOf(p.Topic) {
				if empty.name() == name {
					t = empty
				}
			}
		}
		have, err := v.have(ctx, p, t, first, next)
		if err != nil {
			return err
		}
		d := v.compare(p, t, have)
		if v.Repair {
			if err := v.repair(ctx, p, t, &d); err != nil {
				return err
			}
		}
		v.tell(p, name, d)
		return nil
	})
}

// have asks how many rows stand at each place, and for the sum of their digests.
func (v *verifier) have(ctx context.Context, p *PartitionReport, t table, from, to int64) (map[position]tally, error) {
	rows, err := v.DB.Conn().Query(ctx, fmt.Sprintf("SELECT kafka_offset, kafka_index, count(), sum(%s) FROM %s.%s WHERE %s AND kafka_partition = %d AND kafka_offset >= %d AND kafka_offset < %d GROUP BY kafka_offset, kafka_index",
		warehouse.DigestSQL(t.columns()), v.DB.Database(), t.name(), ours(t.name(), p.Topic, v.now), p.Partition, from, to))
	if err != nil {
		return nil, fmt.Errorf("look at the rows of %s: %w", t.name(), err)
	}
	defer rows.Close()
	out := map[position]tally{}
	for rows.Next() {
		var offset uint64
		var at position
		var have tally
		if err := rows.Scan(&offset, &at.index, &have.rows, &have.sum); err != nil {
			return nil, fmt.Errorf("look at the rows of %s: %w", t.name(), err)
		}
		at.offset = int64(offset)
		out[at] = have
	}
	return out, rows.Err()
}

// differences of a chunk in one table: the rows by kind, and places without record.
type differences struct {
	missing, double, different []wantedRow
	// extra is how many rows stand at a place too many.
	extra       map[position]uint64
	superfluous []position
	repaired    map[string]bool
}

func (v *verifier) compare(p *PartitionReport, t table, have map[position]tally) differences {
	d := differences{extra: map[position]uint64{}, repaired: map[string]bool{}}
	for _, w := range v.rowsOf(t, p) {
		got := have[w.at]
		delete(have, w.at)
		switch {
		case got == tally{1, w.sum}:
		case got.rows == 0:
			d.missing = append(d.missing, w)
		case got.rows > 1:
			d.double = append(d.double, w)
			d.extra[w.at] = got.rows - 1
		default:
			d.different = append(d.different, w)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(have), position.compare) {
		if compacted(p.Topic) && have[at].rows == 1 {
			p.Compacted++
			continue
		}
		if compacted(p.Topic) {
			d.double, d.extra[at] = append(d.double, wantedRow{at: at, row: -1}), have[at].rows-1
			continue
		}
		d.superfluous = append(d.superfluous, at)
		d.extra[at] = have[at].rows
	}
	return d
}

// repair inserts what is missing and, where it may remove, puts what should stand
// there in the place of what stands there.
func (v *verifier) repair(ctx context.Context, p *PartitionReport, t table, d *differences) error {
	insert := d.missing
	if v.Remove {
		var gone []position
		for _, w := range slices.Concat(d.double, d.different) {
			if w.row < 0 {
				continue // its record is gone from the log: nothing could take its place
			}
			gone = append(gone, w.at)
			insert = append(insert, w)
		}
		if err := v.remove(ctx, p, t.name(), append(gone, d.superfluous...)); err != nil {
			return err
		}
		d.repaired[Double], d.repaired[Different], d.repaired[Superfluous] = true, true, true
	}
	d.repaired[Missing] = true
	if len(insert) == 0 {
		return nil
	}
	rows := make([]int, len(insert))
	for i, w := range insert {
		rows[i] = w.row
	}
	slices.Sort(rows)
	first, last := insert[0].at, insert[len(insert)-1].at
	// The moment is part of the token: the same rows may have to be put back again
	// one day, and ClickHouse remembers tokens of rows that are gone.
	token := fmt.Sprintf("repair:%d:%s:%d:%s-%s", v.now.UnixMilli(), p.Topic, p.Partition, first, last)
	if err := v.DB.Insert(ctx, t.name(), token, pick(t.columns(), rows)); err != nil {
		return fmt.Errorf("put back %d rows: %w", len(rows), err)
	}
	return nil
}

func (v *verifier) remove(ctx context.Context, p *PartitionReport, table string, all []position) error {
	for some := range slices.Chunk(all, deleteRows) {
		var places strings.Builder
		for i, at := range some {
			if i > 0 {
				places.WriteByte(',')
			}
			fmt.Fprintf(&places, "(%d,%d)", at.offset, at.index)
		}
		sql := fmt.Sprintf("DELETE FROM %s.%s WHERE %s AND kafka_partition = %d AND (kafka_offset, kafka_index) IN (%s)",
			v.DB.Database(), table, ours(table, p.Topic, v.now), p.Partition, places.String())
		if err := v.DB.Conn().Exec(ctx, sql); err != nil {
			return fmt.Errorf("delete %d rows of %s: %w", len(some), table, err)
		}
	}
	return nil
}

// tell counts the differences and names them.
func (v *verifier) tell(p *PartitionReport, table string, d differences) {
	note := func(kind string, at position, rows uint64, counter *uint64, may bool) {
		*counter += rows
		repaired := d.repaired[kind] && may
		if repaired {
			p.Repaired += rows
		}
		v.report.fault(Fault{Kind: kind, Table: table, Topic: p.Topic, Partition: p.Partition, First: at.offset, Last: at.offset, Rows: rows, Repaired: repaired})
	}
	for _, w := range d.missing {
		note(Missing, w.at, 1, &p.Missing, true)
	}
	for _, w := range d.double {
		note(Double, w.at, d.extra[w.at], &p.Double, w.row >= 0)
	}
	for _, w := range d.different {
		note(Different, w.at, 1, &p.Different, true)
	}
	for _, at := range d.superfluous {
		note(Superfluous, at, d.extra[at], &p.Superfluous, true)
	}
}

// pick returns the columns with these rows only.
func pick(columns []warehouse.Column, rows []int) []warehouse.Column {
	out := slices.Clone(columns)
	for i := range out {
		from := reflect.ValueOf(out[i].Values)
		to := reflect.MakeSlice(from.Type(), 0, len(rows))
		for _, row := range rows {
			to = reflect.Append(to, from.Index(row))
		}
		out[i].Values = to.Interface()
	}
	return out
}
