package archiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse"
)

// asideReason is why a record that ClickHouse refused stands on vigie.rejected.
const asideReason = "refused-by-clickhouse"

// split is how far a table of a block is that ClickHouse would not take whole. Each
// piece is part of the plan before it is sent.
//
// What is in a piece are rows that are not there yet, as a look into the table tells;
// what it is known by is its number alone. An insert whose answer was lost may land at
// any time, also after that look: so a number is done only once ClickHouse has taken
// rows under it or says that it has some already, and whatever comes late under it is
// dropped. Hence at any time one insert at most may still land, under the number that
// is tried just now, and the look after it tells which rows those were.
type split struct {
	table string
	// number counts the pieces that are done, size is how many rows go together next.
	number, size int
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
			done, err := h.whole(ctx, x, b, t, planned)
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		skipping = false
		if err := h.pieces(ctx, x, t, planned); err != nil {
			return err
		}
	}
	return nil
}

// whole inserts a table of the block at once, or decides that it goes in pieces.
func (h *handler) whole(ctx context.Context, x *part, b *block, t table, planned plan) (done bool, err error) {
	if b.first.offset <= x.floor {
		return false, h.cutTo(ctx, x, planned, split{t.name(), 0, t.rows()})
	}
	refused := h.insertWhole(ctx, b, t, planned.token())
	switch {
	case refused == nil && (!x.doubt || !h.canLook()):
		return true, nil
	case refused != nil && !splits(refused):
		x.doubt = true
		return false, refused
	}
	if err := h.settled(ctx, x); err != nil {
		return false, err
	}
	// Also where ClickHouse said that it has the block: it writes a token down before
	// the rows, and one that is killed in between knows the token alone.
	missing, err := h.missing(ctx, x, t)
	switch {
	case err != nil:
		return false, err
	case len(missing) == 0 && refused != nil:
		h.viewRefused(x, t, 0, t.rows()-1, refused)
		return true, nil
	case len(missing) == 0:
		return true, nil
	}
	h.metrics.splits.WithLabelValues(x.topic).Inc()
	return false, h.cutTo(ctx, x, planned, split{t.name(), 0, max(1, t.rows()/2)})
}

// pieces inserts what the table lacks piece by piece: half as many rows after a
// refusal, twice as many after a success, until one row alone is refused and set aside.
func (h *handler) pieces(ctx context.Context, x *part, t table, planned plan) error {
	if err := h.settled(ctx, x); err != nil {
		return err
	}
	for {
		missing, err := h.missing(ctx, x, t)
		if err != nil || len(missing) == 0 {
			return err
		}
		s := *x.split
		next, err := h.piece(ctx, x, t, missing[:min(s.size, len(missing))], planned.piece(s.number))
		if err != nil {
			return err
		}
		if err := h.cutTo(ctx, x, planned, next); err != nil {
			return err
		}
	}
}

// piece inserts rows under the token and says how to go on.
func (h *handler) piece(ctx context.Context, x *part, t table, rows []int, token string) (split, error) {
	s := *x.split
	taken := split{s.table, s.number + 1, 2 * s.size}
	refused := h.insert(ctx, t.name(), token, pick(t.columns(), rows), len(rows))
	if refused == nil || !splits(refused) {
		return taken, refused
	}
	missing, err := h.missing(ctx, x, t)
	switch {
	case err != nil:
		return s, err
	case !slices.Contains(missing, rows[0]):
		h.viewRefused(x, t, rows[0], rows[len(rows)-1], refused)
		return taken, nil
	case len(rows) > 1:
		return split{s.table, s.number, len(rows) / 2}, nil
	case !errors.Is(refused, warehouse.ErrPoison):
		return s, refused // one row does not fit: memory may be free again
	}
	// Nothing landed under this number: it is that of the next piece too.
	return split{s.table, s.number, 2}, h.setAside(ctx, x, t, rows[0], token, refused)
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

// viewRefused tells of rows that stand in a table though ClickHouse refused them: it
// was a view behind it, and the rows are not sent again.
func (h *handler) viewRefused(x *part, t table, from, to int, why error) {
	at := positionsOf(t.columns())
	h.metrics.viewsRefused.WithLabelValues(t.name()).Inc()
	h.deps.Log.Error("a view refused rows that its table has: its rollup lacks them until `vigie verify warehouse --repair`",
		"table", t.name(), "partition", x.p.Number, "from", at[from].String(), "to", at[to].String(), "error", why)
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
	if err := h.insert(ctx, aside.name(), fmt.Sprintf("%s/aside/%s/%d.%d", token, t.name(), at.offset, at.index), aside.columns(), 1); err != nil {
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
