package archiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
)

const (
	// settlePatience bounds how long inserts that nobody waits for are waited for at a
	// time: then it is said, and begun anew.
	settlePatience = insertPatience
	// disorder is how much earlier than a block's oldest row one that is behind it in
	// the log may have been received.
	disorder = 24 * time.Hour
)

// settled waits until ClickHouse works on no insert of this partition: neither one of
// ours whose answer was lost nor one of whoever had the partition before. Whoever
// looked into a table before that would take rows for missing that are about to stand
// there. An insert that ClickHouse has not begun yet is not seen; tokens see to those.
func (h *handler) settled(ctx context.Context, x *part) error {
	within, done := context.WithTimeout(ctx, settlePatience)
	defer done()
	for {
		n, err := h.deps.DB.InsertingUnder(ctx, tokenPrefix(x.log))
		if errors.Is(err, warehouse.ErrRefused) {
			h.deps.Log.Warn("inserts under way are not waited for: grant SELECT on system.processes, on a cluster REMOTE as well", "error", err)
			return nil
		}
		if err != nil || n == 0 {
			return err
		}
		if !wait(within, drainPause) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("ClickHouse has been at %d inserts of %s, partition %d, for %s, and nothing is inserted before they end: look at system.processes", n, x.p.Topic, x.p.Number, settlePatience)
		}
	}
}

// canLook is false in tests of the loop alone, which have no warehouse.
func (h *handler) canLook() bool { return h.deps.DB != nil }

// lookBehind finds out, before the first block that is cut after a take-over, whether
// rows from there on stand in the warehouse already. A commit that reached the broker
// late, after newer ones, leaves them, and an offset that was set back by hand. Blocks
// up to the last such row get only what they lack.
func (h *handler) lookBehind(ctx context.Context, x *part) error {
	if x.looked || x.recover != nil || !h.canLook() {
		return nil
	}
	if err := h.settled(ctx, x); err != nil {
		return err
	}
	oldest := int64(lastRepresents)
	for _, t := range x.block.order {
		oldest = min(oldest, slices.Min(valuesOf[int64](t.columns(), "received_at")))
	}
	var each []string
	for _, t := range tablesOf(x.topic) {
		each = append(each, fmt.Sprintf("SELECT kafka_offset FROM %s.%s WHERE kafka_partition = %d AND (kafka_offset, kafka_index) >= (%d, %d) AND received_at >= fromUnixTimestamp64Milli(toInt64(%d))%s",
			h.deps.DB.Database(), t.name(), x.p.Number, x.done.offset, x.done.index, max(0, oldest-disorder.Milliseconds()), ofTopic(t.name(), x.topic)))
	}
	var n, last uint64
	if err := h.deps.DB.Conn().QueryRow(ctx, "SELECT count(), max(kafka_offset) FROM ("+strings.Join(each, " UNION ALL ")+")").Scan(&n, &last); err != nil {
		return fmt.Errorf("look for rows behind offset %d of %s, partition %d: %w", x.done.offset, x.p.Topic, x.p.Number, err)
	}
	if n > 0 {
		x.floor = int64(last)
		h.deps.Log.Warn("rows behind the committed offset stand in the warehouse already: blocks up to the last of them get only the rows that are missing",
			"topic", x.p.Topic, "partition", x.p.Number, "committed", x.done.offset, "rows", n, "last", last)
	}
	x.looked = true
	return nil
}

// ofTopic narrows the one table that has rows of all topics.
func ofTopic(table, topic string) string {
	if table != "undecodable" {
		return ""
	}
	return " AND topic = '" + topic + "'"
}

// between is the condition for rows of a partition between two units, both included.
func between(partition int32, first, last position) string {
	return fmt.Sprintf("kafka_partition = %d AND (kafka_offset, kafka_index) >= (%d, %d) AND (kafka_offset, kafka_index) <= (%d, %d)",
		partition, first.offset, first.index, last.offset, last.index)
}

// missing are the rows that stand neither in their table nor, refused by it, in
// undecodable.
func (h *handler) missing(ctx context.Context, x *part, t table) ([]int, error) {
	columns, db := t.columns(), h.deps.DB
	at := positionsOf(columns)
	where := between(x.p.Number, at[0], at[len(at)-1])
	own := ""
	if t.name() == "undecodable" {
		own = " AND refused_by = ''" + ofTopic(t.name(), x.topic)
	}
	rows, err := db.Conn().Query(ctx, fmt.Sprintf("SELECT kafka_offset, kafka_index FROM %s.%s WHERE %s%s UNION ALL SELECT kafka_offset, kafka_index FROM %s.undecodable WHERE %s AND refused_by = '%s'%s",
		db.Database(), t.name(), where, own, db.Database(), where, t.name(), ofTopic("undecodable", x.topic)))
	if err != nil {
		return nil, fmt.Errorf("look which rows of a block stand in %s: %w", t.name(), err)
	}
	defer rows.Close()
	there := map[position]bool{}
	for rows.Next() {
		var offset uint64
		var index uint32
		if err := rows.Scan(&offset, &index); err != nil {
			return nil, fmt.Errorf("look which rows of a block stand in %s: %w", t.name(), err)
		}
		there[position{int64(offset), index}] = true
	}
	// What is behind the floor and old enough to be deleted by age was there.
	received, keep := valuesOf[int64](columns, "received_at"), oldest(t.name(), h.deps.Now())
	var out []int
	for i, p := range at {
		if !there[p] && (p.offset > x.floor || received[i] >= keep) {
			out = append(out, i)
		}
	}
	return out, rows.Err()
}

// present counts rows of a table between two units, both included.
func present(ctx context.Context, db *warehouse.DB, topic string, partition int32, table string, first, last position) (n uint64, err error) {
	sql := "SELECT count() FROM " + db.Database() + "." + table + " WHERE " + between(partition, first, last)
	if table == "undecodable" {
		sql += " AND refused_by = ''" + ofTopic(table, topic)
	}
	if err := db.Conn().QueryRow(ctx, sql).Scan(&n); err != nil {
		return 0, fmt.Errorf("look whether a block stands in %s: %w", table, err)
	}
	return n, nil
}
