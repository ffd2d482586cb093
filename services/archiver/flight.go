package archiver

import "context"

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
			if f.err = h.insert(ctx, t.name(), planned.token(), t.columns(), t.rows()); f.err != nil {
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
		if h.gate != nil {
			if err := h.gate.open(ctx); err != nil {
				return err
			}
		}
		if err := h.insertAll(ctx, x, f.block, f.plan); err != nil {
			return err
		}
	}
	h.backlog.giveBack(f.lent)
	x.done, x.split, x.doubt, x.flight = f.end, nil, false, nil
	h.count(x, f.block)
	f.block.free()
	return nil
}
