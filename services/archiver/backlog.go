package archiver

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/open-vigie/vigie/services/eventlog"
)

const (
	// backlogEvery is how often it is asked how much waits, backlogSpan over how
	// long the pace is reckoned, backlogTold how often it is said.
	backlogEvery = 10 * time.Second
	backlogSpan  = time.Minute
	backlogTold  = time.Minute
	// behindRecords is how much waits before anything is said: some blocks' worth.
	behindRecords = 10_000
	// largerBlocks is how many times its usual size a block may have when behind;
	// extraUnits bounds what all partitions together hold beyond the usual.
	largerBlocks = 8
	extraUnits   = 400_000
)

// backlog is how much waits and how fast it becomes less.
type backlog struct {
	log *slog.Logger

	mu      sync.Mutex
	samples []sample
	told    time.Time
	since   time.Time
	// left is how long it takes at this pace: 0 when nothing worth telling waits,
	// +Inf when it does not become less.
	left float64
	// lent are units beyond the usual that blocks hold just now.
	lent int
}

type sample struct {
	at      time.Time
	waiting int64
}

// look notes how much waits now, and says so when it is much.
func (b *backlog) look(now time.Time, waiting int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.samples = append(b.samples, sample{now, waiting})
	for len(b.samples) > 2 && now.Sub(b.samples[0].at) > backlogSpan {
		b.samples = b.samples[1:]
	}
	if waiting < behindRecords {
		if !b.since.IsZero() {
			b.log.Info("the archiver has caught up", "after", now.Sub(b.since).Round(time.Second))
		}
		b.since, b.told, b.left = time.Time{}, time.Time{}, 0
		return
	}
	if b.since.IsZero() {
		b.since = now
	}
	first := b.samples[0]
	b.left = math.Inf(1)
	if less := first.waiting - waiting; less > 0 {
		b.left = float64(waiting) * now.Sub(first.at).Seconds() / float64(less)
	}
	if now.Sub(b.told) < backlogTold {
		return
	}
	b.told = now
	b.log.Warn("the archiver is behind", "records", waiting, "caught up in", inWords(b.left))
}

func inWords(seconds float64) string {
	if math.IsInf(seconds, 1) {
		return "unknown: it does not become less"
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// behind says in words how much waits; "" when it is not worth telling.
func (b *backlog) behind() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d records wait, caught up in %s", b.samples[len(b.samples)-1].waiting, inWords(b.left))
}

func (b *backlog) seconds() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}

// lend allows a block more units than usual: what waits, as far as it goes.
func (b *backlog) lend(usual int, waiting int64) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if waiting < int64(2*usual) {
		return 0
	}
	more := int(min(waiting, int64(largerBlocks*usual), maxUnits)) - usual
	more = max(0, min(more, extraUnits-b.lent))
	b.lent += more
	return more
}

func (b *backlog) giveBack(units int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent -= units
}

// follow asks the log how much waits until ctx ends.
func (b *backlog) follow(ctx context.Context, logs *logNames, kafka eventlog.Config, now func() time.Time) {
	for wait(ctx, backlogEvery) {
		waiting, err := int64(0), error(nil)
		for _, topic := range Topics {
			var all []*PartitionReport
			if all, err = spansOf(ctx, logs.adm, kafka, topic); err != nil {
				break
			}
			for _, p := range all {
				waiting += max(0, p.End-p.To)
			}
		}
		if err == nil { // a broker that is away is told elsewhere
			b.look(now(), waiting)
		}
	}
}
