package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
)

// Bounds of the loop.
const (
	// maxPoll is the most records folded between two looks at the clock: it
	// bounds a transaction.
	maxPoll = 10_000
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

	// owned is the loop's own: partitions restored and live.
	owned    map[int32]*partition
	restored chan restoreResult

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
}

type restoreResult struct {
	number int32
	epoch  uint64
	part   *partition
	err    error
}

func newSession(ctx context.Context, p *Processor) (*session, error) {
	s := &session{
		p: p, topic: p.deps.Kafka.Topic(topics.Events),
		owned: map[int32]*partition{}, assigned: map[int32]uint64{},
		restored: make(chan restoreResult, 1024), slots: make(chan struct{}, restoreWorkers),
		lastCommit: time.Now(), chores: make(chan *chore, 1),
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.beside = func(f func(context.Context)) { s.work.Go(func() { f(own) }) }
	opts := append(p.deps.Kafka.TransactOpts(p.deps.Log, p.cfg.Group, p.cfg.Instance, topics.Events),
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
		return nil, fmt.Errorf("take over transactional id %s: %w", p.deps.Kafka.TransactionalID(p.cfg.Instance), err)
	}
	return s, nil
}

func (s *session) close() {
	s.cancel()
	s.gts.CloseAllowingRebalance()
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
		s.epoch++
		s.assigned[n] = s.epoch
		epoch := s.epoch
		s.work.Go(func() { s.restore(ctx, n, epoch) })
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
			if r.err != nil {
				return r.err
			}
			s.mu.Lock()
			current := s.assigned[r.number] == r.epoch
			s.mu.Unlock()
			if !current {
				continue
			}
			s.owned[r.number] = r.part
			s.cl.ResumeFetchPartitions(map[string][]int32{s.topic: {r.number}})
			s.p.metrics.state(r.part)
			s.sayReady()
		default:
			return nil
		}
	}
}

func (s *session) sayReady() {
	s.mu.Lock()
	all := len(s.owned) == len(s.assigned)
	s.mu.Unlock()
	if all {
		s.p.readyOnce.Do(func() { close(s.p.ready) })
	}
}

// dropGone forgets partitions that were revoked or lost since the last turn.
func (s *session) dropGone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.owned {
		if _, held := s.assigned[n]; !held {
			delete(s.owned, n)
			s.p.metrics.gone(n)
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
	if !ok {
		return fmt.Errorf("partition %d gave records before it was restored", tp.Partition)
	}
	for _, r := range tp.Records {
		if err := part.apply(r); err != nil {
			return &fatalError{err}
		}
	}
	s.sinceCommit += len(tp.Records)
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
		if part.urgent || len(part.pending) > 0 && since >= s.p.cfg.CommitEvery {
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
		if at.Offset > part.next {
			return fmt.Errorf("partition %d was polled to %d but folded to %d only", n, at.Offset, part.next)
		}
		touched = append(touched, part)
	}
	if len(touched) == 0 {
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
		return s.afterAbort(ctx, touched)
	}
	for _, part := range touched {
		s.p.metrics.confirmed(part)
		part.drop(part.next)
		part.saved.confirm()
	}
	s.sinceCommit = 0
	s.p.metrics.committed(touched, s.lastCommit.Sub(start))
	s.checkpoint(touched, s.lastCommit)
	s.startChore()
	return nil
}

func (s *session) transact(ctx context.Context, touched []*partition) (bool, error) {
	if err := s.gts.Begin(); err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	promise := kgo.AbortingFirstErrPromise(s.cl)
	for _, part := range touched {
		for _, out := range part.pending {
			if out.at >= part.next {
				panic("processor: an output would be committed without the offset that caused it")
			}
			s.gts.Produce(ctx, s.outgoing(out.record), promise.Promise())
		}
	}
	owner := s.p.deps.Kafka.TransactionalID(s.p.cfg.Instance)
	for _, part := range touched {
		record, err := progressRecord(part, owner)
		if err != nil {
			return false, err
		}
		s.gts.Produce(ctx, s.outgoing(record), promise.Promise())
	}
	if err := s.cl.Flush(ctx); err != nil { // Err would wait for an absent Kafka for ever
		return false, fmt.Errorf("send the outputs: %w", err)
	}
	failed := promise.Err()
	if failed != nil {
		s.p.deps.Log.Warn("processor: an output was refused, its transaction is aborted and sent again", "because", failed)
	}
	return s.gts.End(ctx, failed == nil)
}

// outgoing is a fresh copy of an output for one try: the client writes into
// what it is given.
func (s *session) outgoing(r *kgo.Record) *kgo.Record {
	out := *r
	out.Topic = s.p.deps.Kafka.Topic(r.Topic)
	if n := topics.FixedPartitions(r.Topic); n > 0 {
		out.Partition %= n
	}
	return &out
}

func progressRecord(part *partition, owner string) (*kgo.Record, error) {
	value, err := encoding.Marshal(part.progress(owner))
	if err != nil {
		return nil, fmt.Errorf("encode progress of partition %d: %w", part.number, err)
	}
	return &kgo.Record{
		Topic: topics.Progress, Partition: part.number,
		Key: strconv.AppendInt(nil, int64(part.number), 10), Value: value,
	}, nil
}

// afterAbort makes sure that the transaction really has no effect: an abort
// that follows a lost answer may hide a commit, and sending again would double it.
func (s *session) afterAbort(ctx context.Context, touched []*partition) error {
	committed, err := committedOffsets(ctx, kadm.NewClient(s.cl), s.p.cfg.Group, s.topic)
	if err != nil {
		return err
	}
	for _, part := range touched {
		if at, ok := committed[part.number]; ok && at >= part.next {
			return fmt.Errorf("the aborted transaction of partition %d was committed after all", part.number)
		}
	}
	return nil
}
