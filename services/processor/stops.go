package processor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// A partition that cannot fold a record stops before it, alone: what came earlier
// is committed, the offset of the record is kept, and the first program that can
// fold it goes on there. Going on without it would lose or invent meaning.
//
// Before a newer envelope the state is whole. A fold that panicked inside a record
// has spoiled its state: it is thrown away, and the partition restored from what
// was committed, up to the record. The same records give the same outputs, so that
// nobody can tell from them.

// Reasons of a stop, as the progress record and the metric say them.
const (
	reasonNewerEnvelope = "newer-envelope"
	reasonFoldFailed    = "fold-failed"
	reasonUnwritable    = "unwritable-output"
)

// stopError stops a partition before a record.
type stopError struct {
	partition int32
	offset    int64
	// site of the record; 0 when it has none.
	site   uint64
	reason string
	detail string
	stack  []byte
	at     time.Time
}

func (e *stopError) Error() string {
	site := ""
	if e.site != 0 {
		site = fmt.Sprintf(" (site %d)", e.site)
	}
	return fmt.Sprintf("partition %d stopped at offset %d%s: %s", e.partition, e.offset, site, e.detail)
}

func newerEnvelope(r *kgo.Record, version, reads uint32) *stopError {
	return &stopError{
		partition: r.Partition, offset: r.Offset, reason: reasonNewerEnvelope, at: time.Now(),
		detail: fmt.Sprintf("its envelope has version %d, this program reads up to %d: upgrade it", version, reads),
	}
}

func foldFailed(r *kgo.Record, site uint64, failure any) *stopError {
	return &stopError{
		partition: r.Partition, offset: r.Offset, site: site, reason: reasonFoldFailed, at: time.Now(), stack: debug.Stack(),
		detail: fmt.Sprintf("the fold failed: %v: a fault of the program, bring in one that mends it", failure),
	}
}

// stopped is what the progress record says of a stop; nil while there is none.
func (p *partition) stopped() *vigiev1.Stopped {
	if !p.stands {
		return nil
	}
	return &vigiev1.Stopped{Reason: p.stop.reason, Detail: p.stop.Error(), AtMs: p.stop.at.UnixMilli()}
}

// halt takes in that a partition cannot fold a record.
func (s *session) halt(part *partition, err error) error {
	var stop *stopError
	if !errors.As(err, &stop) {
		return &fatalError{err}
	}
	if part.stands {
		return nil // It was read on before its offset was held; nothing new.
	}
	if part.spoiled {
		s.p.deps.Log.Error("processor: the fold failed inside a record; its partition is restored up to it, and stops there", append(stop.where(), "stack", string(stop.stack))...)
		s.failed[part.number] = stop
		return s.again(part.number)
	}
	part.stop, part.stands = stop, true
	s.p.deps.Log.Error("processor: a partition stopped, the others go on", stop.where()...)
	s.p.metrics.stopped(part.number, stop.reason, stop)
	return nil
}

func (e *stopError) where() []any {
	return []any{"partition", e.partition, "offset", e.offset, "site", e.site, "reason", e.reason, "because", e.detail}
}

// again throws a partition away and restores it from what was committed. It is
// called between two transactions, while no rebalance may pass.
func (s *session) again(number int32) error {
	committed, ok := s.cl.CommittedOffsets()[s.topic][number]
	if !ok {
		return fmt.Errorf("partition %d cannot be restored: the client does not know what was committed", number)
	}
	delete(s.owned, number)
	at := map[string]map[int32]kgo.EpochOffset{s.topic: {number: committed}}
	s.cl.PauseFetchPartitions(map[string][]int32{s.topic: {number}})
	s.cl.SetOffsets(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, held := s.assigned[number]; held {
		s.begin(number)
	}
	return nil
}

// begin restores a partition beside the loop. mu is held.
func (s *session) begin(number int32) {
	s.epoch++
	epoch := s.epoch
	s.assigned[number] = epoch
	s.beside(func(ctx context.Context) { s.restore(ctx, number, epoch) })
}

// foresee makes a restored partition stop where its fold has failed before.
func (s *session) foresee(part *partition) {
	stop := s.failed[part.number]
	delete(s.failed, part.number)
	if stop != nil && part.next <= stop.offset {
		part.stop = stop
	}
}

// unrestored notes a partition that could not be restored for a record of the
// past: it stays paused, its offset as it is.
func (s *session) unrestored(number int32, err error) error {
	var stop *stopError
	if !errors.As(err, &stop) {
		return err
	}
	s.lost[number] = stop
	s.p.deps.Log.Error("processor: a partition cannot be restored and stays stopped, the others go on", append(stop.where(), "stack", string(stop.stack))...)
	s.p.metrics.stopped(number, stop.reason, stop)
	return nil
}

// standing says where partitions stand that were polled further than they go.
func standing(touched []*partition) map[int32]int64 {
	at := map[int32]int64{}
	for _, part := range touched {
		if part.stands {
			at[part.number] = part.next
		}
	}
	return at
}

// committing makes the transaction commit the offsets at which partitions stand,
// not those up to which they were polled.
func (s *session) committing(ctx context.Context, at map[int32]int64) context.Context {
	if len(at) == 0 {
		return ctx
	}
	return kgo.PreTxnCommitFnContext(ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
		for i := range req.Topics {
			if req.Topics[i].Topic != s.topic {
				continue
			}
			for j := range req.Topics[i].Partitions {
				p := &req.Topics[i].Partitions[j]
				if offset, stands := at[p.Partition]; stands {
					p.Offset, p.LeaderEpoch = offset, -1
				}
			}
		}
		return nil
	})
}

// hold keeps partitions that stand where they stand, once that is committed.
func (s *session) hold(at map[int32]int64) {
	if len(at) == 0 {
		return
	}
	numbers, offsets := []int32{}, map[int32]kgo.EpochOffset{}
	for n, offset := range at {
		numbers, offsets[n] = append(numbers, n), kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	slices.Sort(numbers)
	s.cl.PauseFetchPartitions(map[string][]int32{s.topic: numbers})
	s.cl.SetOffsets(map[string]map[int32]kgo.EpochOffset{s.topic: offsets})
}

// brim pauses the input of a partition that keeps more outputs than it may. It
// stands at its position then: only an abort makes it read again what it has folded.
func (s *session) brim(part *partition) {
	if part.kept > s.p.mayKeep && !part.full && !part.stands {
		part.full = true
		s.cl.PauseFetchPartitions(map[string][]int32{s.topic: {part.number}})
		s.p.metrics.brims.Inc()
	}
}

// drained reads a partition on that was full, when its outputs were confirmed, or
// aborted and its position set back.
func (s *session) drained(part *partition) {
	if !part.full {
		return
	}
	part.full = false
	if !part.stands && !s.p.waits(part.number) {
		s.cl.ResumeFetchPartitions(map[string][]int32{s.topic: {part.number}})
	}
}
