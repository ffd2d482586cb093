package archiver

import (
	"context"

	"github.com/open-vigie/vigie/services/warehouse"
)

// flight is a full block on its way to ClickHouse while the next one is filled: at
// most one of each partition. Its plan is committed before it starts. It inserts
// whole tables under the block's token and no more: whatever goes wrong, the same
// block is then put by those who know what to do about it, with the same token.
type flight struct {
	plan  plan
	block *block
	// end is behind the block, lent what it holds beyond the usual.
	end  position
	lent int
	// ended is closed when err is there.
	ended chan struct{}
	err   error
}

func (f *flight) hasEnded() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

func (f *flight) wait() { <-f.ended }

// send plans the full block and lets it go; the one before has landed by then.
func (h *handler) send(ctx context.Context, x *part) error {
	x.closing = true
	h.getReady(ctx, x)
	planned, err := h.ready(ctx, x)
	if err != nil {
		return err
	}
	if x.block.first.offset <= x.floor {
		return h.archive(ctx, x)
	}
	f := &flight{plan: planned, block: x.block, end: x.next, lent: x.lent, ended: make(chan struct{})}
	x.flight, x.block, x.lent, x.planned, x.closing = f, newBlock(x.topic), 0, false, false
	go func() {
		defer close(f.ended)
		for _, t := range f.block.order {
			if f.err = h.insertWhole(ctx, f.block, t, planned.token()); f.err != nil {
				return
			}
		}
	}()
	return nil
}

// land waits for the block on its way. One that did not arrive is put again, as often
// as land is called.
func (h *handler) land(ctx context.Context, x *part) error {
	f := x.flight
	if f == nil {
		return nil
	}
	f.wait()
	if f.err != nil {
		x.doubt = true
		if err := h.open(ctx); err != nil {
			return err
		}
		if err := h.insertAll(ctx, x, f.block, f.plan); err != nil {
			return err
		}
	}
	h.backlog.giveBack(f.lent)
	x.done, x.split, x.doubt, x.flight = f.end, nil, false, nil
	h.count(x, f.block)
	h.drop(f.block)
	f.block.free()
	return nil
}

// prepareFunc makes a block of a table ready to be sent.
type prepareFunc = func(ctx context.Context, table, token string, columns []warehouse.Column) (*warehouse.Prepared, error)

// maxReady bounds the tables of all partitions that are made ready ahead: each holds
// one of the connections.
const maxReady = 6

// getReady puts the full block into ClickHouse's columns while the one before is on its
// way, so that ClickHouse waits for neither. What cannot be made ready just now is when
// it is inserted.
func (h *handler) getReady(ctx context.Context, x *part) {
	b := x.block
	if x.flight == nil || h.prepare == nil || b.ready != nil || x.recover != nil {
		return
	}
	token := plan{log: x.log, first: b.first, last: b.last}.token()
	b.ready = map[string]*warehouse.Prepared{}
	for _, t := range b.order {
		if h.gotReady.Add(1) > maxReady || h.canLook() && h.deps.DB.Crowded() {
			h.gotReady.Add(-1)
			return
		}
		p, err := h.prepare(ctx, t.name(), token, t.columns())
		if err != nil {
			h.gotReady.Add(-1)
			return // said when it is inserted
		}
		b.ready[t.name()] = p
	}
}

// insertWhole sends a table of the block, made ready or not.
func (h *handler) insertWhole(ctx context.Context, b *block, t table, token string) error {
	p := b.ready[t.name()]
	if p == nil {
		return h.insert(ctx, t.name(), token, t.columns(), t.rows())
	}
	delete(b.ready, t.name())
	defer h.gotReady.Add(-1)
	return h.attempt(ctx, t.name(), t.rows(), p.Send)
}

// drop gives up what was made ready and not sent.
func (h *handler) drop(b *block) {
	for _, p := range b.ready {
		p.Drop()
		h.gotReady.Add(-1)
	}
	b.ready = nil
}
