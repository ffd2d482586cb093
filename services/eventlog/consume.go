package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Partition is one partition of a topic, by the topic's full name.
type Partition struct {
	Topic  string
	Number int32
}

// Committed is what a group has committed for a partition.
type Committed struct {
	// Offset is the next record to read; Metadata what was committed beside it.
	Offset   int64
	Metadata string
}

// Commit commits at once, and returns when the broker has it. It is for what
// must stand before the work is done, as a plan; ErrNotOwned after a revocation.
type Commit func(ctx context.Context, c Committed) error

// ErrNotOwned: the partition belongs to another member by now.
var ErrNotOwned = errors.New("the partition is no longer this member's")

// ErrNoCommit: the group has no committed offset; provisioning makes the first.
var ErrNoCommit = errors.New("the group has no committed offset here: run `vigie provision`")

// ErrNameTaken: another process joined the group under this member's instance
// name and has its partitions now. The one that joined last stays: two that took
// the place from each other for ever would get little done.
var ErrNameTaken = errors.New("another process runs under the same instance name and has taken this one's place: give each a name of its own")

// NameTaken is ErrNameTaken where an error of a group's member says so, else nil.
func NameTaken(err error) error {
	if errors.Is(err, kerr.FencedInstanceID) {
		return ErrNameTaken
	}
	return nil
}

// Handler does the work of a member of a group. The calls for one partition come
// from one goroutine, one after the other; those of different partitions at once.
type Handler interface {
	// Assigned comes first, with what is committed.
	Assigned(ctx context.Context, p Partition, at Committed, commit Commit) error
	// Consume gets the next records, or none when nothing came for IdleEvery. It
	// returns the offset that is safe to commit: all before it is done for good.
	// That may lie before the records just given, but never before what was safe
	// already; return the same again when nothing new is. An error is logged and the same call
	// made again after a pause; one that wraps ErrStop ends the whole consumer.
	Consume(ctx context.Context, p Partition, records []*kgo.Record) (Committed, error)
	// Revoked comes last, after the last commit. Nothing of the partition may be
	// done after it returns.
	Revoked(p Partition)
}

// ErrStop marks an error of a Handler that no repetition can mend.
var ErrStop = errors.New("the consumer must stop")

// ConsumerOptions say what a member reads.
type ConsumerOptions struct {
	// Group and Topics are names without prefix.
	Group  string
	Topics []string
	// Instance makes the membership static; "" joins anew at each start.
	Instance string
	// CommitEvery is the pause between commits (1 s by default).
	CommitEvery time.Duration
	// IdleEvery is the pause after which Consume is called without records
	// (250 ms by default).
	IdleEvery time.Duration
}

const (
	// queueBatches bounds what waits for a partition's worker; past it the
	// partition is not fetched.
	queueBatches = 2
	// revokeGrace bounds how long a revocation waits for a worker to finish what
	// it does, before its context ends: well inside rebalanceTimeout.
	revokeGrace = rebalanceTimeout / 2
	// commitPatience bounds one commit.
	commitPatience = 10 * time.Second
	// firstRetry and lastRetry bound the pause after an error of the handler.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Consumer is a member of a consumer group: one worker a partition, commits of
// what the handler says is safe. A revocation waits for the workers and commits;
// a loss commits nothing.
type Consumer struct {
	cfg     Config
	opts    ConsumerOptions
	handler Handler
	log     *slog.Logger
	ready   chan struct{}
	once    sync.Once
	failed  chan error

	cl  *kgo.Client
	adm *kadm.Client

	// commits is held while a commit is under way and while partitions are given
	// away, so that none is committed after that. It is taken before mu.
	commits sync.Mutex
	mu      sync.Mutex
	workers map[Partition]*worker
}

// NewConsumer returns a consumer that reads nothing before Run.
func NewConsumer(cfg Config, opts ConsumerOptions, handler Handler, log *slog.Logger) *Consumer {
	if opts.CommitEvery <= 0 {
		opts.CommitEvery = time.Second
	}
	if opts.IdleEvery <= 0 {
		opts.IdleEvery = 250 * time.Millisecond
	}
	return &Consumer{
		cfg: cfg, opts: opts, handler: handler, log: log,
		ready: make(chan struct{}), failed: make(chan error, 1), workers: map[Partition]*worker{},
	}
}

// Ready is closed once the first assignment came, be it empty.
func (c *Consumer) Ready() <-chan struct{} { return c.ready }

// Lag is, for each partition that is this member's, how many records stand
// behind what its handler called safe, as the last fetch of it told.
func (c *Consumer) Lag() map[Partition]int64 {
	out := map[Partition]int64{}
	for _, w := range c.take(nil) {
		out[w.p] = w.lag()
	}
	return out
}

// Run consumes until ctx ends (nil, after the last commit), a handler stops it,
// the log cannot be followed (ErrNoCommit, ErrGap), or ErrNameTaken.
func (c *Consumer) Run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// The client joins its group before NewClient has returned it.
	opened := make(chan struct{})
	cl, err := kgo.NewClient(append(c.cfg.GroupOpts(c.log, c.cfg.Group(c.opts.Group), c.opts.Instance, c.opts.Topics...),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) {
			<-opened
			c.assigned(base, got)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { c.revoked(gone) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { c.lost(gone) }),
	)...)
	if err != nil {
		return fmt.Errorf("consumer %s: %w", c.opts.Group, err)
	}
	c.cl, c.adm = cl, kadm.NewClient(cl)
	close(opened)
	committing := make(chan struct{})
	go func() {
		defer close(committing)
		for pause(base, c.opts.CommitEvery) {
			c.commitSafe(base)
		}
	}()
	err = c.poll(ctx)
	c.revoked(nil)
	cancel()
	<-committing
	cl.CloseAllowingRebalance()
	return err
}

// poll hands fetched records to the workers. It never waits for one of them.
func (c *Consumer) poll(ctx context.Context) error {
	for {
		select {
		case err := <-c.failed:
			return err
		default:
		}
		// Workers that drained their queue take part in the next fetch; a worker
		// that failed must be heard: so the poll is short.
		short, cancel := context.WithTimeout(ctx, c.opts.IdleEvery)
		fetches := c.cl.PollFetches(short)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, context.DeadlineExceeded) {
				continue
			}
			if taken := NameTaken(e.Err); taken != nil {
				return taken
			}
			if fatal := readError(e.Err); fatal != nil {
				return fmt.Errorf("read %s, partition %d: %w", e.Topic, e.Partition, fatal)
			}
			warnRead(c.log, e)
		}
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if len(f.Records) > 0 {
				c.dispatch(Partition{f.Topic, f.Partition}, f.Records, f.HighWatermark)
			}
		})
		c.cl.AllowRebalance()
	}
}

func (c *Consumer) dispatch(p Partition, records []*kgo.Record, end int64) {
	c.mu.Lock()
	w := c.workers[p]
	c.mu.Unlock()
	if w == nil {
		return // given away since: its next owner reads them
	}
	if w.push(records, end) >= queueBatches {
		c.cl.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Number}})
	}
}

// assigned starts a worker for each new partition, at its commit.
func (c *Consumer) assigned(ctx context.Context, got map[string][]int32) {
	defer c.once.Do(func() { close(c.ready) })
	names := make([]string, 0, len(got))
	for topic := range got {
		names = append(names, topic)
	}
	if len(names) == 0 {
		return
	}
	have, err := c.committed(ctx, names)
	if err != nil {
		c.fail(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for topic, numbers := range got {
		for _, n := range numbers {
			o, ok := have.Lookup(topic, n)
			if !ok || o.At < 0 {
				c.fail(fmt.Errorf("group %s, %s, partition %d: %w", c.cfg.Group(c.opts.Group), topic, n, ErrNoCommit))
				return
			}
			p := Partition{topic, n}
			c.workers[p] = c.startWorker(ctx, p, Committed{Offset: o.At, Metadata: o.Metadata})
		}
	}
}

// committed asks for what the group has committed, until the broker answers.
func (c *Consumer) committed(ctx context.Context, names []string) (kadm.OffsetResponses, error) {
	ctx, cancel := context.WithTimeout(ctx, rebalanceTimeout)
	defer cancel()
	for {
		have, err := c.adm.FetchOffsetsForTopics(ctx, c.cfg.Group(c.opts.Group), names...)
		if err == nil {
			err = have.Error()
		}
		if errors.Is(err, kerr.GroupIDNotFound) {
			return nil, nil // nothing is committed
		}
		if err == nil || !pause(ctx, firstRetry) {
			return have, err
		}
	}
}

// revoked waits for the workers of the partitions (of all for nil), commits what
// is safe and lets the handler go.
func (c *Consumer) revoked(gone map[string][]int32) {
	list := c.take(gone)
	grace := time.AfterFunc(revokeGrace, func() {
		for _, w := range list {
			w.cancel()
		}
	})
	for _, w := range list {
		w.finish()
	}
	for _, w := range list {
		<-w.done
	}
	grace.Stop()
	c.commits.Lock()
	c.commitLocked(context.Background(), list)
	c.give(list)
	c.commits.Unlock()
	c.letGo(list)
}

// lost drops the workers: another member owns the partitions already.
func (c *Consumer) lost(gone map[string][]int32) {
	list := c.take(gone)
	c.commits.Lock()
	c.give(list)
	c.commits.Unlock()
	for _, w := range list {
		w.finish()
		w.cancel()
		<-w.done
	}
	c.letGo(list)
}

// give marks the partitions as another's; commits is held.
func (c *Consumer) give(list []*worker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range list {
		w.given = true
		delete(c.workers, w.p)
	}
}

func (c *Consumer) letGo(list []*worker) {
	for _, w := range list {
		w.cancel()
		if w.began {
			c.handler.Revoked(w.p)
		}
		c.cl.ResumeFetchPartitions(map[string][]int32{w.p.Topic: {w.p.Number}})
	}
}

// take returns the workers of the partitions, of all for nil.
func (c *Consumer) take(gone map[string][]int32) []*worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*worker
	if gone == nil {
		for _, w := range c.workers {
			list = append(list, w)
		}
		return list
	}
	for topic, numbers := range gone {
		for _, n := range numbers {
			if w := c.workers[Partition{topic, n}]; w != nil {
				list = append(list, w)
			}
		}
	}
	return list
}

// commitSafe commits what the workers have said is safe since the last commit.
func (c *Consumer) commitSafe(ctx context.Context) {
	c.commits.Lock()
	defer c.commits.Unlock()
	c.commitLocked(ctx, c.take(nil))
}

func (c *Consumer) commitLocked(ctx context.Context, list []*worker) {
	due := map[Partition]Committed{}
	for _, w := range list {
		if at, is := w.due(); is {
			due[w.p] = at
		}
	}
	if len(due) == 0 {
		return
	}
	if err := c.commit(ctx, due); err != nil {
		c.log.Warn("commit failed and is made again", "group", c.cfg.Group(c.opts.Group), "partitions", len(due), "error", err)
		return
	}
	for _, w := range list {
		if at, is := due[w.p]; is {
			w.committed(at)
		}
	}
}

// commit commits offsets with their metadata and waits for the broker.
func (c *Consumer) commit(ctx context.Context, due map[Partition]Committed) error {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			t := &req.Topics[i]
			for j := range t.Partitions {
				at := due[Partition{t.Topic, t.Partitions[j].Partition}]
				t.Partitions[j].Metadata = &at.Metadata
			}
		}
		return nil
	})
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for p, at := range due {
		if offsets[p.Topic] == nil {
			offsets[p.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[p.Topic][p.Number] = kgo.EpochOffset{Epoch: -1, Offset: at.Offset}
	}
	var failed error
	c.cl.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		failed = commitError(resp, err)
	})
	return failed
}

// fail ends Run with the first error of a worker.
func (c *Consumer) fail(err error) {
	select {
	case c.failed <- err:
	default: // the first is the one to report
	}
}
