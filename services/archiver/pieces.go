package archiver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
)

// asideReason is why a record that ClickHouse refused stands on vigie.rejected.
const asideReason = "refused-by-clickhouse"

// split is how far a table of a block is that ClickHouse would not take whole. Each
// piece is part of the plan before it is sent: a piece is never cut anew either.
type split struct {
	table string
	// row is the first that is not done, size how many go together next.
	row, size int
}

// splits says whether fewer rows at a time may do what all together did not.
func splits(err error) bool {
	return errors.Is(err, warehouse.ErrPoison) || errors.Is(err, warehouse.ErrTooLarge)
}

// insertAll puts each table of the block where it belongs: whole under the block's
// token, or in pieces. Tables before the one in pieces are done.
func (h *handler) insertAll(ctx context.Context, x *part, b *block, planned plan) error {
	skipping := x.split != nil
	for _, t := range b.order {
		if skipping && t.name() != x.split.table {
			continue
		}
		if !skipping {
			err := h.insert(ctx, t.name(), planned.token(), t.columns(), t.rows())
			if err == nil {
				continue
			}
			if !splits(err) {
				return err
			}
			done, err := h.refused(ctx, x, t, 0, t.rows(), err)
			if err != nil {
				return err
			}
			if done {
				continue
			}
			h.metrics.splits.WithLabelValues(x.topic).Inc()
			if err := h.cutTo(ctx, x, planned, split{t.name(), 0, max(1, t.rows()/2)}); err != nil {
				return err
			}
		}
		skipping = false
		if err := h.pieces(ctx, x, t, planned); err != nil {
			return err
		}
	}
	return nil
}

// pieces inserts the table piece by piece: half as many rows after a refusal, twice
// as many after a success, until one row alone is refused and set aside.
func (h *handler) pieces(ctx context.Context, x *part, t table, planned plan) error {
	for x.split.row < t.rows() {
		s := *x.split
		size := min(s.size, t.rows()-s.row)
		token := fmt.Sprintf("%s/%d-%d", planned.token(), s.row, s.row+size)
		err := h.insert(ctx, t.name(), token, cut(t.columns(), s.row, s.row+size), size)
		done := err == nil
		if err != nil && splits(err) {
			why := err
			if done, err = h.refused(ctx, x, t, s.row, s.row+size, why); err != nil {
				return err
			}
			if !done && size == 1 {
				if !errors.Is(why, warehouse.ErrPoison) {
					return why // one row does not fit: memory may be free again
				}
				done, err = true, h.setAside(ctx, x, t, s.row, token, why)
			}
		}
		if err != nil {
			return err
		}
		next := split{s.table, s.row, max(1, size/2)}
		if done {
			next = split{s.table, s.row + size, 2 * size}
		}
		if err := h.cutTo(ctx, x, planned, next); err != nil {
			return err
		}
	}
	return nil
}

// cutTo makes the next piece part of the plan.
func (h *handler) cutTo(ctx context.Context, x *part, planned plan, next split) error {
	planned.split = &next
	n := note{index: x.done.index, plan: &planned}
	if err := x.commit(ctx, committedAt(x.done, n)); err != nil {
		return fmt.Errorf("commit a piece of the plan %s: %w", planned.token(), err)
	}
	x.split = &next
	if x.recover != nil {
		x.recover.split = &next
	}
	return nil
}

// refused finds out whether rows from..to of a table stand there though ClickHouse
// refused them: then it was a view behind it, and the rows are not sent again.
func (h *handler) refused(ctx context.Context, x *part, t table, from, to int, why error) (done bool, err error) {
	at := positionsOf(t.columns())
	n, err := present(ctx, h.deps.DB, x.topic, x.p.Number, t.name(), at[from], at[to-1])
	switch {
	case err != nil:
		return false, err
	case n == 0:
		return false, nil
	case n != uint64(to-from):
		return false, fmt.Errorf("%d of %d rows from %s to %s stand in %s, compare with `vigie verify warehouse`: %w", n, to-from, at[from], at[to-1], t.name(), why)
	}
	h.metrics.viewsRefused.WithLabelValues(t.name()).Inc()
	h.deps.Log.Error("a view refused rows that its table has: its rollup lacks them until `vigie verify warehouse --repair`",
		"table", t.name(), "partition", x.p.Number, "from", at[from].String(), "to", at[to-1].String(), "error", why)
	return true, nil
}

// present counts rows of a table between two units, both included.
func present(ctx context.Context, db *warehouse.DB, topic string, partition int32, table string, first, last position) (n uint64, err error) {
	sql := fmt.Sprintf("SELECT count() FROM %s.%s WHERE kafka_partition = %d AND (kafka_offset, kafka_index) >= (%d, %d) AND (kafka_offset, kafka_index) <= (%d, %d)",
		db.Database(), table, partition, first.offset, first.index, last.offset, last.index)
	if table == "undecodable" {
		sql += " AND refused_by = '' AND topic = '" + topic + "'"
	}
	if err := db.Conn().QueryRow(ctx, sql).Scan(&n); err != nil {
		return 0, fmt.Errorf("look whether a block stands in %s: %w", table, err)
	}
	return n, nil
}

// setAside puts the one row that ClickHouse refuses into undecodable, and says so on
// vigie.rejected. A crash in between says it twice.
func (h *handler) setAside(ctx context.Context, x *part, t table, row int, token string, why error) error {
	columns := t.columns()
	at := positionsOf(columns)[row]
	received := valuesOf[int64](columns, "received_at")[row]
	reason := refusal(why)
	aside := &undecodableRows{}
	aside.add(place{x.p.Number, at.offset, at.index}, x.topic, reason, 0, "", received)
	aside.refusedBy[0] = t.name()
	if err := h.insert(ctx, aside.name(), token+"/aside/"+t.name(), aside.columns(), 1); err != nil {
		return fmt.Errorf("set aside offset %d: %w", at.offset, err)
	}
	h.metrics.aside.WithLabelValues(t.name()).Inc()
	h.deps.Log.Error("ClickHouse refuses a record, which is set aside in the table undecodable", "topic", x.p.Topic, "partition", x.p.Number,
		"offset", at.offset, "index", at.index, "table", t.name(), "reason", reason)
	if x.topic == topics.Rejected || h.reject == nil {
		return nil // what is said there of itself would never end
	}
	return h.reject(ctx, &vigiev1.Rejected{
		AtMs: h.deps.Now().UnixMilli(), Stage: "archiver", Source: x.topic, Reason: asideReason,
		Detail: "table " + t.name() + ": " + reason, Topic: x.topic, Partition: x.p.Number, Offset: at.offset,
	})
}

// refusal is what ClickHouse said, without the values of the row.
func refusal(err error) string {
	said, _, _ := strings.Cut(err.Error(), "Column values")
	const most = 500
	return strings.ToValidUTF8(said[:min(len(said), most)], "")
}
