package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/loadtest/peers/supervision"
)

const (
	// heartbeatsPerSite and second, of the generator's mix of sites.
	heartbeatsPerSite = 0.95/90 + 0.05/20
	// liveArming makes outputs frequent enough for a 99th percentile.
	liveArming = 0.02
	// lastOutput bounds the wait for the outputs after the last record.
	lastOutput = 30 * time.Second
)

// feedLive appends a history as it happens and says by how much it was late, at
// most. It calls warm when half of it is over: a JVM compiles until then.
func (l *lab) feedLive(ctx context.Context, prefix string, form supervision.Form, warm func(supervision.Injected)) (supervision.Injected, time.Duration, error) {
	h := supervision.NewHistory(supervision.Spec{
		Seed: l.o.Seed, Sites: int(float64(l.o.LiveRate) / heartbeatsPerSite), Partitions: int32(l.o.Partitions),
		StartMS: time.Now().UnixMilli(), Duration: l.o.LiveFor, Form: form, ArmChance: liveArming,
	})
	promise := kgo.AbortingFirstErrPromise(l.cl)
	var worst time.Duration
	half := time.Now().Add(l.o.LiveFor / 2)
	for step := h.Next(); step != nil; step = h.Next() {
		if warm != nil && time.Now().After(half) {
			warm(h.Injected())
			warm = nil
		}
		for _, r := range step {
			wait := time.Until(r.Timestamp)
			worst = max(worst, -wait)
			if wait > time.Millisecond {
				if err := pause(ctx, wait); err != nil {
					return h.Injected(), worst, err
				}
			}
			r.Topic, r.Timestamp = prefix+r.Topic, time.Now()
			l.cl.Produce(ctx, r, promise.Promise())
		}
	}
	if err := promise.Err(); err != nil {
		return h.Injected(), worst, fmt.Errorf("append: %w", err)
	}
	return h.Injected(), worst, nil
}

// watcher reads outputs as they are committed.
type watcher struct {
	cl     *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}
	// states says that another change of mode came out.
	states chan struct{}

	mu    sync.Mutex
	times []time.Duration
}

func (l *lab) watch(s *side) (*watcher, error) {
	from := map[string]map[int32]kgo.Offset{}
	for _, topic := range s.outputs {
		from[topic] = map[int32]kgo.Offset{}
		for p := range int32(l.o.Partitions) {
			from[topic][p] = kgo.NewOffset().At(0)
		}
	}
	cl, err := kgo.NewClient(append(l.config("").ReaderOpts(quiet()), kgo.ConsumePartitions(from))...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{cl: cl, cancel: cancel, done: make(chan struct{}), states: make(chan struct{}, 1<<20)}
	go w.run(ctx, s.outputs[1])
	return w, nil
}

func (w *watcher) run(ctx context.Context, states string) {
	defer close(w.done)
	for {
		fetches := w.cl.PollFetches(ctx)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			w.mu.Lock()
			w.times = append(w.times, now.Sub(r.Timestamp))
			w.mu.Unlock()
			if r.Topic == states {
				w.states <- struct{}{}
			}
		})
	}
}

// forget what was measured so far.
func (w *watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.times = w.times[:0]
}

// await waits for as many changes of mode.
func (w *watcher) await(ctx context.Context, n int) error {
	wait, done := context.WithTimeout(ctx, lastOutput)
	defer done()
	for i := range n {
		select {
		case <-w.states:
		case <-wait.Done():
			return fmt.Errorf("%d of %d changes of modes came out within %s: %w", i, n, lastOutput, wait.Err())
		}
	}
	return nil
}

func (w *watcher) close() {
	w.cancel()
	<-w.done
	w.cl.Close()
}

func (w *watcher) latency(events uint64, took, used, late time.Duration) *Latency {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.times)
	at := func(share float64) int64 {
		if len(w.times) == 0 {
			return 0
		}
		return w.times[int(share*float64(len(w.times)-1))].Milliseconds()
	}
	return &Latency{
		EventsPerSecond: float64(events) / took.Seconds(), Outputs: len(w.times),
		P50MS: at(0.5), P99MS: at(0.99), MaxMS: at(1), CPUShare: used.Seconds() / took.Seconds(), FeederLateMS: late.Milliseconds(),
	}
}
