package archiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
)

// keptOffsets is how many offsets of a compacted topic are carried over at a time.
const keptOffsets = 1_000_000

// keep carries over what the log no longer has: rows from before its beginning,
// those of records that compaction took, and what was set aside. Each statement
// leaves out what stands there already, so that it can be repeated.
func (r *rebuild) keep(ctx context.Context) error {
	for _, topic := range Topics {
		for _, p := range r.v.spans[topic] {
			at := r.at(p)
			for _, t := range tablesOf(topic) {
				if !slices.Contains(r.pairs, t.name()) {
					continue
				}
				if err := r.keepRows(ctx, p, t, 0, at.begin, "older than the log"); err != nil {
					return err
				}
				for from := at.begin; compacted(topic) && from < at.to; from += keptOffsets {
					if err := r.keepRows(ctx, p, t, from, min(at.to, from+keptOffsets), "replaced in the log by newer records"); err != nil {
						return err
					}
				}
			}
		}
	}
	if slices.Contains(r.pairs, "undecodable") {
		if err := r.copy(ctx, "undecodable", "refused_by != ''", "topic, kafka_partition, kafka_offset, kafka_index"); err != nil {
			return err
		}
	}
	return r.keepRollups(ctx)
}

// keepRows carries over rows of [from, to) that were not filled from the log.
func (r *rebuild) keepRows(ctx context.Context, p *PartitionReport, t table, from, to int64, reason string) error {
	if to <= from {
		return nil
	}
	where := fmt.Sprintf("kafka_partition = %d AND kafka_offset >= %d AND kafka_offset < %d", p.Partition, from, to)
	if t.name() == "undecodable" {
		where += " AND refused_by = '' AND topic = '" + p.Topic + "'"
	}
	if err := r.copy(ctx, t.name(), where, "kafka_offset, kafka_index"); err != nil {
		return err
	}
	if !strings.HasPrefix(reason, "older") {
		return nil
	}
	// Reckoned from what stands there now: a second run says the same.
	sql := fmt.Sprintf("INSERT INTO %[1]s.not_rebuildable SELECT '%[2]s', '%[3]s', %[4]d, min(kafka_offset), max(kafka_offset) + 1, count() AS n, max(received_at), '%[5]s', now64(3, 'UTC') FROM %[1]s.%[2]s WHERE %[6]s HAVING n > 0",
		r.fresh.Database(), t.name(), p.Topic, p.Partition, reason, where)
	if err := r.fresh.Conn().Exec(ctx, sql); err != nil {
		return fmt.Errorf("note what is kept of %s: %w", t.name(), err)
	}
	return nil
}

// copy carries rows over, one for each key, unless the new table has the key.
func (r *rebuild) copy(ctx context.Context, table, where, key string) error {
	count := func() (n uint64, err error) {
		err = r.fresh.Conn().QueryRow(ctx, "SELECT count() FROM "+r.fresh.Database()+"."+table).Scan(&n)
		return n, err
	}
	before, err := count()
	if err != nil {
		return fmt.Errorf("carry over rows of %s: %w", table, err)
	}
	columns, err := r.columns(ctx, table)
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("INSERT INTO %[1]s.%[2]s (%[6]s) SELECT %[6]s FROM %[3]s.%[2]s WHERE %[4]s AND (%[5]s) NOT IN (SELECT %[5]s FROM %[1]s.%[2]s WHERE %[4]s) LIMIT 1 BY %[5]s SETTINGS insert_deduplicate = 0",
		r.fresh.Database(), table, r.live.Database(), where, key, columns)
	if err := r.fresh.Conn().Exec(ctx, sql); err != nil {
		return fmt.Errorf("carry over rows of %s: %w", table, err)
	}
	after, err := count()
	if err != nil {
		return fmt.Errorf("carry over rows of %s: %w", table, err)
	}
	r.done.Kept += after - min(before, after)
	return nil
}

// columns names those of a table: the same migrations in another order, as they were
// released, leave them in another order, too.
func (r *rebuild) columns(ctx context.Context, table string) (names string, err error) {
	err = r.fresh.Conn().QueryRow(ctx, "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns WHERE database = '"+r.fresh.Database()+"' AND table = '"+table+"'").Scan(&names)
	if err != nil {
		return "", fmt.Errorf("columns of %s: %w", table, err)
	}
	return names, nil
}

// keepRollups carries over the buckets from before the log: their tables may have
// lost the rows by age. A log with its first record needs none of that.
func (r *rebuild) keepRollups(ctx context.Context) error {
	cut, err := r.logBegins(ctx)
	if err != nil || cut.IsZero() {
		return err
	}
	all, err := readRollups(ctx, r.fresh)
	if err != nil {
		return err
	}
	for _, x := range all {
		if !slices.Contains(r.pairs, x.table) {
			continue
		}
		columns := strings.Join(x.columns, ", ")
		before := fmt.Sprintf(" WHERE %s < fromUnixTimestamp(%d)", x.bucket, cut.Unix())
		target := r.fresh.Database() + "." + x.table
		for _, sql := range []string{
			"DELETE FROM " + target + before,
			"INSERT INTO " + target + " (" + columns + ") SELECT " + columns + " FROM " + r.live.Database() + "." + x.table + before + " SETTINGS insert_deduplicate = 0",
			fmt.Sprintf("INSERT INTO %s.not_rebuildable SELECT '%s', '', 0, 0, 0, count(), fromUnixTimestamp64Milli(toInt64(%d), 'UTC'), 'older than the log', now64(3, 'UTC') FROM %s%s",
				r.fresh.Database(), x.table, cut.UnixMilli(), target, before),
		} {
			if err := r.fresh.Conn().Exec(ctx, sql); err != nil {
				return fmt.Errorf("carry over the rollup %s: %w", x.table, err)
			}
		}
	}
	return nil
}

var errFound = errors.New("found")

// logBegins is the day from which on every partition of the events has all its
// records in the log; zero when none has lost any.
func (r *rebuild) logBegins(ctx context.Context) (cut time.Time, err error) {
	for _, p := range r.v.spans[topics.Events] {
		at := r.at(p)
		if at.begin == 0 || at.begin >= at.to {
			continue
		}
		err := eventlog.ReadRange(ctx, r.Kafka.ReaderOpts(r.Log), r.Kafka.Topic(topics.Events), p.Partition, at.begin, at.to, func(rec *kgo.Record) error {
			if day := rec.Timestamp.UTC().Truncate(rollupStretch).Add(rollupStretch); day.After(cut) {
				cut = day
			}
			return errFound
		})
		if err != nil && !errors.Is(err, errFound) {
			return cut, fmt.Errorf("when the log begins: %w", err)
		}
	}
	return cut, nil
}

// exchange fills in the last records and lets the new tables take their place; the
// archivers hold still meanwhile.
func (r *rebuild) exchange(ctx context.Context) error {
	if _, err := r.look(ctx); err != nil {
		return err
	}
	if err := r.fill(ctx); err != nil {
		return err
	}
	for _, topic := range Topics {
		for _, p := range r.v.spans[topic] {
			if err := r.underWay(ctx, p); err != nil {
				return fmt.Errorf("%s, partition %d: %w", topic, p.Partition, err)
			}
		}
	}
	ids, err := r.ids(ctx, r.fresh.Database())
	if err != nil {
		return err
	}
	var noted, pairs []string
	for _, name := range r.tables() {
		id := ids[name]
		if !slices.Contains(r.pairs, name) {
			// It stands in its place already: what it is known by is there.
			live, err := r.ids(ctx, r.live.Database())
			if err != nil {
				return err
			}
			id = live[name]
		} else {
			pairs = append(pairs, fmt.Sprintf("%s.%s AND %s.%s", r.live.Database(), name, r.fresh.Database(), name))
		}
		noted = append(noted, name+"="+id)
	}
	if err := r.note(ctx, phaseExchanging, strings.Join(noted, " ")); err != nil {
		return err
	}
	if err := r.live.Define(ctx, "EXCHANGE TABLES "+strings.Join(pairs, ", ")); err != nil {
		return fmt.Errorf("exchange the tables: %w", err)
	}
	r.pairs = nil
	return r.sendAgain(ctx)
}

// sendAgain sends the blocks under way to the tables that have just taken their place,
// under the archivers' tokens, while those hold still. The rows stand there; but the
// views of this database are others than those that filled the rollups, and would take
// such a block, sent again by who goes on with it, for a new one. Now they know it, and
// what the rollups have twice for that is reckoned anew.
func (r *rebuild) sendAgain(ctx context.Context) error {
	all, err := readRollups(ctx, r.live)
	if err != nil {
		return err
	}
	for _, topic := range Topics {
		for _, p := range r.v.spans[topic] {
			n, err := parseNote(p.note)
			if err != nil {
				return err
			}
			if n.plan == nil || n.plan.split != nil {
				continue // Pieces are sent only where rows are missing.
			}
			sent, err := r.insertPlanned(ctx, r.live, p, *n.plan, n.plan.token(), true)
			if err != nil {
				return fmt.Errorf("%s, partition %d: %w", topic, p.Partition, err)
			}
			for _, t := range sent {
				if err := r.reckonDays(ctx, all, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reckonDays reckons the rollups of a table anew on the days of these rows, where they differ.
func (r *rebuild) reckonDays(ctx context.Context, all []rollup, t table) error {
	received := valuesOf[int64](t.columns(), "received_at")
	first, last := time.UnixMilli(slices.Min(received)).UTC().Truncate(rollupStretch), time.UnixMilli(slices.Max(received))
	for _, x := range all {
		for day := first; x.base == t.name() && !day.After(last); day = day.Add(rollupStretch) {
			wrong, _, err := x.differing(ctx, r.live, day, day.Add(rollupStretch))
			if err == nil && len(wrong) > 0 {
				err = x.reckon(ctx, r.live, wrong)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// underWay fills in what stands in the old tables of a partition behind what is
// committed: the units of a beat that was cut, and the block that an archiver has
// planned. That goes under its own token, so that it is not doubled when it is sent
// again.
func (r *rebuild) underWay(ctx context.Context, p *PartitionReport) error {
	n, err := parseNote(p.note)
	if err != nil {
		return err
	}
	if n.index > 0 {
		cut := plan{first: position{p.To, 0}, last: position{p.To, n.index - 1}}
		token := fmt.Sprintf("rebuild:%s:%d:%s-%s", p.Topic, p.Partition, cut.first, cut.last)
		if _, err := r.insertPlanned(ctx, r.fresh, p, cut, token, false); err != nil {
			return err
		}
	}
	if n.plan == nil {
		return nil
	}
	if n.plan.split != nil {
		return errSplit
	}
	_, err = r.insertPlanned(ctx, r.fresh, p, *n.plan, n.plan.token(), true)
	return err
}

// insertPlanned cuts the block out of the log and inserts it; maybe is for a block
// of which only those tables get their rows that have them where readers look. It
// returns what was sent.
func (r *rebuild) insertPlanned(ctx context.Context, db *warehouse.DB, p *PartitionReport, planned plan, token string, maybe bool) (sent []table, err error) {
	b, d := newBlock(p.Topic), &reader{topic: p.Topic}
	opts := append(r.Kafka.ReaderOpts(r.Log), kgo.KeepControlRecords())
	err = eventlog.ReadRange(ctx, opts, r.Kafka.Topic(p.Topic), p.Partition, planned.first.offset, planned.last.offset+1, func(rec *kgo.Record) error {
		if rec.Attrs.IsControl() {
			return nil
		}
		decoded := d.read(rec)
		from, to := uint32(0), decoded.units-1
		if rec.Offset == planned.first.offset {
			from = planned.first.index
		}
		if rec.Offset == planned.last.offset {
			to = min(to, planned.last.index)
		}
		b.take(rec, decoded, from, to)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the block under way: %w", err)
	}
	for _, t := range b.order {
		if db == r.fresh && !slices.Contains(r.pairs, t.name()) {
			continue
		}
		if maybe {
			stands, err := present(ctx, r.live, p.Topic, p.Partition, t.name(), planned.first, planned.last)
			if err != nil {
				return nil, err
			}
			if stands == 0 {
				continue
			}
		}
		if err := db.Insert(ctx, t.name(), token, r.v.aside.without(p, t)); err != nil {
			return nil, err
		}
		sent = append(sent, t)
	}
	return sent, nil
}
