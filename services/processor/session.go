package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Bounds of the loop.
const (
	// maxPoll is the most records folded between two looks at the clock: it
	// bounds a transaction.
	maxPoll = 10_000
	// maxKept bounds the outputs, in bytes, that a partition keeps for transactions
	// to come: past it its input is paused until they are confirmed.
	maxKept = 32 << 20
	// restoreWorkers is how many partitions are restored at once.
	restoreWorkers = 4
	// stopPatience is how long a stop waits for its last commit.
	stopPatience = 5 * time.Second
	// endPatience bounds a transaction from our side, as the broker's time-out
	// does from its own. It must: End waits for a heartbeat, the group's loop that
	// would send it may wait, after an error, to tell that our partitions are lost,
	// and that waits for End. The rebuilt client looks up what became of it.
	endPatience = 5 * time.Second
	// initPatience is how long the coordinator may take to end our last
	// transaction when the client starts.
	initPatience = 60 * time.Second
)

// session is one transactional client and the partitions that it owns.
type session struct {
	p      *Processor
	gts    *kgo.GroupTransactSession
	cl     *kgo.Client
	topic  string
	cancel context.CancelFunc
	work   sync.WaitGroup
	slots  chan struct{}

	// owned is the loop's own: partitions restored and live, or standing.
	owned    map[int32]*partition
	restored chan restoreResult
	// failed are the records inside of which a fold has failed, lost the ones that
	// stand in the way of a restore.
	failed, lost map[int32]*stopError

	mu sync.Mutex
	// assigned counts, per partition held now, how often it was assigned, so
	// that a restore that outlived its assignment is not used.
	assigned map[int32]uint64
	epoch    uint64

	blocked     atomic.Bool
	lastCommit  time.Time
	sinceCommit int

	// beside runs f beside the loop, until the session is closed.
	beside    func(f func(context.Context))
	chores    chan *chore
	busy      bool
	wrote     bool
	restUntil time.Time
	// signing says that checkpoints are being made.
	signing atomic.Bool
	// telling writes broadcasts; nil until there is one.
	telling *kgo.Client
}

type restoreResult struct {
	number int32
	epoch  uint64
	part   *partition
	err    error
}

func newSession(ctx context.Context, p *Processor) (*session, error) {
	s := &session{
		p: p, topic: p.deps.Kafka.Topic(p.cfg.Source.Input),
		owned: map[int32]*partition{}, assigned: map[int32]uint64{},
		failed: map[int32]*stopError{}, lost: map[int32]*stopError{},
		restored: make(chan restoreResult, 1024), slots: make(chan struct{}, restoreWorkers),
		lastCommit: time.Now(), chores: make(chan *chore, 1),
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.beside = func(f func(context.Context)) { s.work.Go(func() { f(own) }) }
	opts := append(p.deps.Kafka.TransactOpts(p.deps.Log, p.cfg.Source.Role, p.cfg.Group, p.cfg.Instance, p.cfg.Source.Input),
		kgo.OnPartitionsAssigned(func(_ context.Context, cl *kgo.Client, m map[string][]int32) { s.onAssigned(own, cl, m[s.topic]) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.onGone(m[s.topic]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.onGone(m[s.topic]) }),
		kgo.OnPartitionsCallbackBlocked(func(context.Context, *kgo.Client) { s.blocked.Store(true) }),
	)
	gts, err := kgo.NewGroupTransactSession(opts...)
	if err != nil {
		cancel()
		return nil, err
	}
	s.gts, s.cl = gts, gts.Client()
	// Ends at once what the last owner of our id left open. Without it the
	// offset fetch would wait for that transaction's time-out: the client asks
	// for its producer id only when it first produces.
	init, done := context.WithTimeout(ctx, initPatience)
	defer done()
	if _, _, err := s.cl.ProducerID(init); err != nil {
		s.close()
		return nil, fmt.Errorf("take over transactional id %s: %w", p.transactionalID(), err)
	}
	return s, nil
}

func (s *session) close() {
	s.cancel()
	s.gts.CloseAllowingRebalance()
	if s.telling != nil {
		s.telling.Close()
	}
	s.work.Wait()
	for n, part := range s.owned {
		s.p.kept[n] = part
	}
}

// onAssigned pauses new partitions and restores them beside the loop.
func (s *session) onAssigned(ctx context.Context, cl *kgo.Client, numbers []int32) {
	if len(numbers) == 0 {
		return
	}
	cl.PauseFetchPartitions(map[string][]int32{s.topic: numbers})
	s.work.Go(func() { s.p.endOrphans(ctx) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range numbers {
		s.begin(n)
	}
}

// onGone forgets partitions: their next owner restores them from the log.
func (s *session) onGone(numbers []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range numbers {
		delete(s.assigned, n)
	}
}

func (s *session) restore(ctx context.Context, number int32, epoch uint64) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return
	}
	s.mu.Lock()
	part := s.p.kept[number]
	delete(s.p.kept, number)
	s.mu.Unlock()
	part, err := s.p.restore(ctx, number, part)
	select {
	case s.restored <- restoreResult{number, epoch, part, err}:
	case <-ctx.Done():
	}
}

// run is the loop: take in what is restored, poll, fold, commit.
func (s *session) run(ctx context.Context) error {
	ending, done := lingering(ctx, stopPatience)
	defer done()
	for {
		if err := s.takeRestored(); err != nil {
			return err
		}
		s.dropGone()
		s.tryAgain()
		s.takeChore()
		if ctx.Err() != nil {
			return s.commit(ending)
		}
		if err := s.poll(ctx); err != nil {
			return err
		}
		if s.due() {
			if err := s.commit(ending); err != nil {
				return err
			}
		}
		if s.sinceCommit == 0 || s.blocked.Load() {
			s.blocked.Store(false)
			s.gts.AllowRebalance()
		}
	}
}

// lingering ends a while after ctx does. A transaction is not cut off in the
// middle for a stop, whose outcome would be unknown, unless Kafka does not
// answer; then the next start looks up what became of it.
func lingering(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(patience, cancel)
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() { stop(); cancel() }
}

func (s *session) takeRestored() error {
	for {
		select {
		case r := <-s.restored:
			s.mu.Lock()
			current := s.assigned[r.number] == r.epoch
			s.mu.Unlock()
			if !current && r.err == nil {
				continue
			}
			if r.err != nil {
				if err := s.unrestored(r.number, r.err); err != nil {
					return err
				}
				s.sayReady()
				continue
			}
			s.foresee(r.part)
			r.part.full = false
			s.owned[r.number] = r.part
			if !r.part.stands && s.p.unwritable[r.number] == nil {
				s.p.metrics.goesOn(r.number)
			}
			s.resume(r.number)
			s.p.metrics.state(r.part)
			s.sayReady()
		default:
			return nil
		}
	}
}

func (s *session) sayReady() {
	s.mu.Lock()
	all := len(s.owned)+len(s.lost) == len(s.assigned)
	s.mu.Unlock()
	if all {
		s.p.readyOnce.Do(func() { close(s.p.ready) })
	}
}

// dropGone forgets partitions that were revoked or lost since the last turn.
func (s *session) dropGone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := func(n int32) bool { _, held := s.assigned[n]; return !held }
	for n := range s.owned {
		if gone(n) {
			delete(s.owned, n)
			s.p.leave(n)
		}
	}
	for n := range s.lost {
		if gone(n) {
			delete(s.lost, n)
			s.p.leave(n)
		}
	}
}

// poll takes what is there and folds it; it waits at most CommitEvery.
func (s *session) poll(ctx context.Context) error {
	wait, done := context.WithTimeout(ctx, s.p.cfg.CommitEvery)
	fetches := s.gts.PollRecords(wait, maxPoll)
	done()
	if fetches.IsClientClosed() {
		return kgo.ErrClientClosed
	}
	var failed error
	fetches.EachError(func(topic string, partition int32, err error) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return
		}
		failed = errors.Join(failed, fmt.Errorf("read %s partition %d: %w", topic, partition, err))
	})
	if failed != nil {
		return failed
	}
	fetches.EachPartition(func(tp kgo.FetchTopicPartition) {
		if failed == nil && len(tp.Records) > 0 {
			failed = s.foldAll(tp)
		}
	})
	return failed
}

func (s *session) foldAll(tp kgo.FetchTopicPartition) error {
	part, ok := s.owned[tp.Partition]
	switch {
	case !ok && s.failed[tp.Partition] != nil:
		return nil // It is being restored; they are read again.
	case !ok:
		return fmt.Errorf("partition %d gave records before it was restored", tp.Partition)
	}
	for _, r := range tp.Records {
		if err := part.apply(r); err != nil {
			if err := s.halt(part, err); err != nil || part.spoiled {
				return err
			}
			break
		}
	}
	s.sinceCommit += len(tp.Records)
	s.brim(part)
	s.p.metrics.folded(part, len(tp.Records), tp.HighWatermark, tp.Records[len(tp.Records)-1].Timestamp)
	return nil
}

// due says whether a transaction should be made now.
func (s *session) due() bool {
	if s.sinceCommit == 0 {
		return false
	}
	since := time.Since(s.lastCommit)
	if since >= s.p.cfg.ProgressEvery || s.blocked.Load() {
		return true
	}
	for _, part := range s.owned {
		if s.p.waits(part.number) {
			continue
		}
		if part.urgent || part.full || len(part.pending) > 0 && since >= s.p.cfg.CommitEvery {
			return true
		}
	}
	return false
}

// commit makes one transaction of every touched partition's outputs, progress
// and input offset. It does nothing while a partition, after an abort, has not
// been polled again up to what was folded: its outputs would go without it.
func (s *session) commit(ctx context.Context) error {
	positions := s.cl.UncommittedOffsets()[s.topic]
	touched := make([]*partition, 0, len(positions))
	for n, at := range positions {
		part, ok := s.owned[n]
		if !ok || at.Offset < part.next {
			return nil
		}
		if at.Offset > part.next && !part.stands {
			return fmt.Errorf("partition %d was polled to %d but folded to %d only", n, at.Offset, part.next)
		}
		touched = append(touched, part)
	}
	if len(touched) == 0 {
		s.sinceCommit = 0
		return nil
	}
	slices.SortFunc(touched, func(a, b *partition) int { return int(a.number - b.number) })
	start := time.Now()
	ctx, done := context.WithTimeout(ctx, endPatience)
	defer done()
	committed, err := s.transact(ctx, touched)
	if err != nil {
		return fmt.Errorf("end the transaction: %w", err)
	}
	s.lastCommit = time.Now()
	if !committed {
		s.p.metrics.aborts.Inc()
		for _, part := range touched {
			s.drained(part) // It is polled again up to where it is, first.
		}
		return s.afterAbort(ctx, touched)
	}
	for _, part := range touched {
		s.p.metrics.confirmed(part)
		part.drop(part.next)
		part.saved.confirm()
		s.p.wrote(part.number)
		s.drained(part)
	}
	s.hold(standing(touched))
	s.sinceCommit = 0
	s.p.metrics.committed(touched, s.lastCommit.Sub(start))
	s.checkpoint(touched, s.lastCommit)
	s.startChore()
	return nil
}
