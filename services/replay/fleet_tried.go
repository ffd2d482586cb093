package replay

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
)

// triedFleet judges by another policy what the replayed partitions tell, and tells
// them its verdicts in place of those of then. It goes in step: a partition that has
// told a tick waits until all have, hears what was said of it before its next record,
// and goes on. So what comes of it depends on the log alone.
type triedFleet struct {
	*fleetReplay
	mu   sync.Mutex
	step *sync.Cond
	// told is the last tick of each partition, waiting what is not judged yet.
	told    []int64
	waiting []tick
	heard   []int
	casts   []*vigiev1.Broadcast
	// began is the tick before the stretch, judged the last one judged, last the one
	// after which no more are: a partition has come to its end.
	began, judged, last int64
	err                 error
}

// tick is what a partition told of a tick.
type tick struct {
	at        int64
	partition int32
	record    *kgo.Record
}

func newTriedFleet(f *fleetReplay, partitions int) *triedFleet {
	t := &triedFleet{fleetReplay: f, told: make([]int64, partitions), heard: make([]int, partitions), last: math.MaxInt64}
	t.step = sync.NewCond(&t.mu)
	if timed, ok := f.fold.(processor.Timed); ok {
		t.began = timed.Time()
	}
	return t
}

// hear gives a partition what was said to all since it last heard.
func (t *triedFleet) hear(partition int32) []*vigiev1.Broadcast {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := t.casts[t.heard[partition]:]
	t.heard[partition] = len(t.casts)
	return fresh
}

// tell takes a tick of a partition, and returns once all have told theirs.
func (t *triedFleet) tell(ctx context.Context, partition int32, out *kgo.Record) error {
	rec := &vigiev1.LogRecord{}
	if err := proto.Unmarshal(out.Value, rec); err != nil {
		return fmt.Errorf("a tick: %w", err)
	}
	at := rec.GetFleetTick().GetTickMs()
	defer context.AfterFunc(ctx, t.wake)()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told[partition] = at
	t.waiting = append(t.waiting, tick{at, partition, out})
	t.judge()
	for t.err == nil && ctx.Err() == nil && t.judged < at && t.last >= at {
		t.step.Wait()
	}
	if t.err != nil {
		return t.err
	}
	return ctx.Err()
}

// wake holds the lock, so that who is about to wait does not miss it.
func (t *triedFleet) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step.Broadcast()
}

// end says that a partition tells no more.
func (t *triedFleet) end(partition int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = min(t.last, t.told[partition])
	t.step.Broadcast()
}

// judge hands on what waits once all partitions have told as much, in an order that
// does not depend on who was first.
func (t *triedFleet) judge() {
	upTo := slices.Min(t.told)
	if upTo <= t.judged || t.err != nil {
		return
	}
	slices.SortFunc(t.waiting, func(a, b tick) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.partition, b.partition)) })
	n := 0
	for n < len(t.waiting) && t.waiting[n].at <= upTo && t.err == nil {
		t.err = t.apply(t.waiting[n].record)
		n++
	}
	t.waiting = slices.Delete(t.waiting, 0, n)
	t.judged = upTo
	t.step.Broadcast()
}

// apply folds a tick. It is given an offset of its own: it stands nowhere.
func (t *triedFleet) apply(rec *kgo.Record) error {
	at := &kgo.Record{Topic: topics.Fleet, Offset: t.next, Timestamp: rec.Timestamp, Value: rec.Value}
	t.next++
	if err := t.rep.Apply(at); err != nil {
		return fmt.Errorf("replay the fleet: %w", err)
	}
	outputs := t.rep.Take()
	t.keep(outputs)
	for _, out := range outputs {
		if out.Topic != topics.Events {
			continue
		}
		rec := &vigiev1.LogRecord{}
		if err := proto.Unmarshal(out.Value, rec); err != nil {
			return fmt.Errorf("what the fleet says to all: %w", err)
		}
		t.casts = append(t.casts, rec.GetBroadcast())
	}
	return nil
}

// saidThen are the detections of the fleet in the ticks that were judged.
func (t *triedFleet) saidThen(ctx context.Context) ([]*kgo.Record, error) {
	return t.said(ctx, func(_ *kgo.Record, d *vigiev1.Detection) bool {
		return d.GetAtMs() > t.began && d.GetAtMs() <= t.judged
	})
}
