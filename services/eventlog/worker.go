package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// worker does one partition's work for as long as it is this member's.
type worker struct {
	p      Partition
	cancel context.CancelFunc
	done   chan struct{}
	stop   chan struct{}
	wake   chan struct{}
	stops  sync.Once
	// began: the handler heard of the partition; to be read after done.
	began bool
	// given: no commit may be made any more; guarded by Consumer.commits.
	given bool

	mu    sync.Mutex
	queue [][]*kgo.Record
	safe  Committed
	last  Committed
	// taken is behind the last record fetched, end the end of the partition as
	// that fetch told it.
	taken, end int64
}

func (c *Consumer) startWorker(ctx context.Context, p Partition, at Committed) *worker {
	ctx, cancel := context.WithCancel(ctx)
	w := &worker{
		p: p, cancel: cancel, safe: at, last: at,
		done: make(chan struct{}), stop: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	go func() {
		defer close(w.done)
		c.work(ctx, w, at)
	}()
	return w
}

// work is the life of a worker.
func (c *Consumer) work(ctx context.Context, w *worker, at Committed) {
	w.began = true
	commit := func(ctx context.Context, at Committed) error { return c.commitNow(ctx, w, at) }
	if !c.insist(ctx, w, "take over", func() error { return c.handler.Assigned(ctx, w.p, at, commit) }) {
		return
	}
	idle := time.NewTimer(c.opts.IdleEvery)
	defer idle.Stop()
	for {
		records := w.pop(c.cl)
		if records == nil {
			idle.Reset(c.opts.IdleEvery)
			select {
			case <-w.stop:
				return
			case <-w.wake:
				continue
			case <-idle.C:
			}
		}
		var safe Committed
		if !c.insist(ctx, w, "consume", func() (err error) {
			safe, err = c.handler.Consume(ctx, w.p, records)
			return err
		}) {
			return
		}
		if err := w.advance(safe); err != nil {
			c.fail(err)
			return
		}
		select {
		case <-w.stop:
			return
		default:
		}
	}
}

// insist makes the call until it succeeds. It returns false when the worker is
// to end instead.
func (c *Consumer) insist(ctx context.Context, w *worker, what string, call func() error) bool {
	wait := firstRetry
	for {
		err := call()
		if err == nil {
			return true
		}
		if errors.Is(err, ErrStop) {
			c.fail(fmt.Errorf("%s %s, partition %d: %w", what, w.p.Topic, w.p.Number, err))
			return false
		}
		if ctx.Err() != nil {
			return false
		}
		c.log.Warn("the work on a partition failed and is tried again", "what", what,
			"topic", w.p.Topic, "partition", w.p.Number, "in", wait, "error", err)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
			wait = min(2*wait, lastRetry)
		case <-w.stop:
			t.Stop()
			return false
		}
	}
}

// commitNow commits for one partition at once, unless it was given away.
func (c *Consumer) commitNow(ctx context.Context, w *worker, at Committed) error {
	c.commits.Lock()
	defer c.commits.Unlock()
	if w.given {
		return ErrNotOwned
	}
	if err := c.commit(ctx, map[Partition]Committed{w.p: at}); err != nil {
		return fmt.Errorf("commit %s, partition %d, offset %d: %w", w.p.Topic, w.p.Number, at.Offset, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.safe, w.last = at, at
	return nil
}

// finish tells the worker to end after what it does now.
func (w *worker) finish() { w.stops.Do(func() { close(w.stop) }) }

// push queues records, fetched while the partition ended at end, and returns how
// many batches wait.
func (w *worker) push(records []*kgo.Record, end int64) int {
	w.mu.Lock()
	w.taken, w.end = records[len(records)-1].Offset+1, end
	w.queue = append(w.queue, records)
	n := len(w.queue)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
	return n
}

// lag is how many records stand between what is safe and the end. Where all that
// was fetched is safe it is 0: what may follow then are markers of transactions,
// which no handler sees.
func (w *worker) lag() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.safe.Offset >= w.taken {
		return 0
	}
	return max(w.end, w.taken) - w.safe.Offset
}

// pop takes the next batch, nil when none waits. With the last one taken the
// partition is fetched again.
func (w *worker) pop(cl *kgo.Client) []*kgo.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return nil
	}
	records := w.queue[0]
	w.queue = w.queue[1:]
	if len(w.queue) == 0 {
		cl.ResumeFetchPartitions(map[string][]int32{w.p.Topic: {w.p.Number}})
	}
	return records
}

// advance notes what the handler says is safe.
func (w *worker) advance(safe Committed) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if safe.Offset < w.safe.Offset {
		return fmt.Errorf("%s, partition %d: the handler went back from offset %d to %d: %w",
			w.p.Topic, w.p.Number, w.safe.Offset, safe.Offset, ErrStop)
	}
	w.safe = safe
	return nil
}

// due returns what is safe and not committed yet.
func (w *worker) due() (Committed, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.safe, w.safe != w.last
}

func (w *worker) committed(at Committed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = at
}

// commitError is the first error of a commit.
func commitError(resp *kmsg.OffsetCommitResponse, err error) error {
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("%s, partition %d: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}
