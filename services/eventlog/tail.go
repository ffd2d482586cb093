package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrNoTopic: the topic is not there; provisioning makes it.
var ErrNoTopic = errors.New("the topic does not exist: run `vigie provision`")

// ErrGap: records that the reader has not seen are no longer in the log, or the
// log is shorter than what the reader has seen. Going on would skip or repeat.
var ErrGap = errors.New("the log no longer holds the reader's position")

// From says where a reader begins.
type From struct {
	end     bool
	offsets map[int32]int64
}

// FromStart begins at the first record that is still there.
func FromStart() From { return From{} }

// FromEnd begins after the last committed record.
func FromEnd() From { return From{end: true} }

// FromOffsets begins at the given offset of each partition, and at the start of
// a partition that is not named. An offset that is not in the log is ErrGap.
func FromOffsets(next map[int32]int64) From { return From{offsets: maps.Clone(next)} }

// TailOptions say what to read.
type TailOptions struct {
	// Topic is a name of package topics, without prefix.
	Topic string
	From  From
	// Each is called for each committed record, in order within a partition, by
	// one goroutine. An error ends Run. It may keep the record.
	Each func(*kgo.Record) error
	// CaughtUp, unless nil, is called once a Run, when Each has seen all that was
	// committed when it began. It may not call the reader.
	CaughtUp func()
}

// Tail reads all partitions of a topic without a group, for as long as it runs:
// committed records only, over restarts of the broker.
type Tail struct {
	cfg      Config
	opts     TailOptions
	log      *slog.Logger
	caughtUp chan struct{}

	mu   sync.Mutex
	next map[int32]int64
	// behind holds the partitions whose end at the start was not reached yet.
	behind map[int32]int64
}

// NewTail returns a reader that reads nothing before Run.
func NewTail(cfg Config, opts TailOptions, log *slog.Logger) *Tail {
	return &Tail{cfg: cfg, opts: opts, log: log, caughtUp: make(chan struct{}), next: map[int32]int64{}}
}

// Ready is CaughtUp: a reader of a table is of use once it has read the table.
func (t *Tail) Ready() <-chan struct{} { return t.caughtUp }

// CaughtUp is closed once Each has seen all that was committed when Run began.
func (t *Tail) CaughtUp() <-chan struct{} { return t.caughtUp }

func (t *Tail) caught() {
	close(t.caughtUp)
	if t.opts.CaughtUp != nil {
		t.opts.CaughtUp()
	}
}

// Positions returns the next offset of each partition: Each has returned for all
// before it.
func (t *Tail) Positions() map[int32]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.next)
}

// Run reads until ctx ends (nil), Each fails (its error), or the log cannot be
// followed (ErrNoTopic, ErrGap).
func (t *Tail) Run(ctx context.Context) error {
	topic := t.cfg.Topic(t.opts.Topic)
	if err := t.begin(ctx, topic); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("read %s: %w", topic, err)
	}
	at := map[int32]kgo.Offset{}
	for p, o := range t.Positions() {
		at[p] = kgo.NewOffset().At(o)
	}
	cl, err := kgo.NewClient(append(t.cfg.ReaderOpts(t.log),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}),
		// Markers of transactions move the position; without them a reader would
		// never reach an end that stands behind one.
		kgo.KeepControlRecords(),
	)...)
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	defer cl.Close()
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := t.judge(fetches.Errors()); err != nil {
			return err
		}
		if err := t.pass(fetches); err != nil {
			return err
		}
	}
}

// pass hands the records on and moves the positions.
func (t *Tail) pass(fetches kgo.Fetches) error {
	for iter := fetches.RecordIter(); !iter.Done(); {
		r := iter.Next()
		if !r.Attrs.IsControl() {
			if err := t.opts.Each(r); err != nil {
				return fmt.Errorf("%s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
		}
		t.moved(r.Partition, r.Offset+1)
	}
	return nil
}

func (t *Tail) moved(partition int32, next int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next[partition] = next
	if end, is := t.behind[partition]; is && next >= end {
		delete(t.behind, partition)
		if len(t.behind) == 0 {
			t.caught()
		}
	}
}

// judge tells errors that end the reading from those that pass.
func (t *Tail) judge(errs []kgo.FetchError) error {
	for _, e := range errs {
		if fatal := readError(e.Err); fatal != nil {
			return fmt.Errorf("read %s, partition %d: %w", e.Topic, e.Partition, fatal)
		}
		warnRead(t.log, e)
	}
	return nil
}

// warnRead tells of an error that passes. One of the whole client names no topic.
func warnRead(log *slog.Logger, e kgo.FetchError) {
	if e.Topic == "" {
		log.Warn("reading the log goes on after an error", "error", e.Err)
		return
	}
	log.Warn("reading the log goes on after an error", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
}

// readError returns the error to stop with, or nil for one that passes.
func readError(err error) error {
	var lost *kgo.ErrDataLoss
	switch {
	case errors.As(err, &lost), errors.Is(err, kerr.OffsetOutOfRange):
		return fmt.Errorf("%w: %w", ErrGap, err)
	case errors.Is(err, kerr.UnknownTopicID):
		return fmt.Errorf("the topic was deleted and made anew: %w: %w", ErrGap, err)
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.SaslAuthenticationFailed):
		return err
	default:
		return nil
	}
}

// begin finds the first and the last offset of each partition. It waits for a
// broker that is away.
func (t *Tail) begin(ctx context.Context, topic string) error {
	cl, err := kgo.NewClient(t.cfg.ReaderOpts(t.log)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	starts, err := listed(ctx, t.log, topic, adm.ListStartOffsets)
	if err != nil {
		return err
	}
	ends, err := listed(ctx, t.log, topic, adm.ListCommittedOffsets)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.behind = map[int32]int64{}
	for p, end := range ends {
		from := starts[p]
		if t.opts.From.end {
			from = end
		}
		if o, named := t.opts.From.offsets[p]; named {
			if o < starts[p] || o > end {
				return fmt.Errorf("partition %d holds offsets %d to %d, the reader is at %d: %w", p, starts[p], end, o, ErrGap)
			}
			from = o
		}
		t.next[p] = from
		if from < end {
			t.behind[p] = end
		}
	}
	if len(t.behind) == 0 {
		t.caught()
	}
	return nil
}

// listPause is the pause before offsets are asked for again.
const listPause = 250 * time.Millisecond

// listed asks for an offset of each partition until the broker answers for all.
func listed(ctx context.Context, log *slog.Logger, topic string, ask func(context.Context, ...string) (kadm.ListedOffsets, error)) (map[int32]int64, error) {
	for {
		got, err := ask(ctx, topic)
		if err == nil {
			err = got.Error()
		}
		if err == nil && len(got[topic]) > 0 {
			found := map[int32]int64{}
			got.Each(func(o kadm.ListedOffset) { found[o.Partition] = o.Offset })
			return found, nil
		}
		if err == nil {
			return nil, ErrNoTopic
		}
		if fatal := noTopic(err); fatal != nil {
			return nil, fatal
		}
		log.Debug("the broker does not name its offsets yet", "topic", topic, "error", err)
		if !pause(ctx, listPause) {
			return nil, ctx.Err()
		}
	}
}

// noTopic is ErrNoTopic where an error says that a topic is not there, else nil.
func noTopic(err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return ErrNoTopic
	}
	return nil
}

// pause waits for d and says whether ctx still holds.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
