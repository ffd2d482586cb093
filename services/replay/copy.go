package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

// outputTopics are what a fold writes, and so what a copy of a replay holds.
var outputTopics = []string{topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Directory, topics.Accounts}

// Copy writes the outputs of a replay to topics of another prefix: what another
// release, or another policy, says of the past can then be read by every consumer
// beside what was said. It is no transaction: a copy that broke off is begun anew
// on topics that are empty.
type Copy struct {
	to     eventlog.Config
	client *kgo.Client
	mu     sync.Mutex
	failed error
}

// ErrNotEmpty says that the topics of the other prefix hold records already.
var ErrNotEmpty = errors.New("the topics hold records already: a copy begins on empty ones, name another prefix")

// NewCopy checks that the topics of prefix are there, have as many partitions as the
// log, and are empty. Close it.
func NewCopy(ctx context.Context, from eventlog.Config, prefix string, log *slog.Logger) (*Copy, error) {
	to := from
	to.TopicPrefix = prefix
	if to.Topic(topics.Events) == from.Topic(topics.Events) {
		return nil, fmt.Errorf("the prefix %q is that of the log itself: what was said is never written anew", prefix)
	}
	client, err := kgo.NewClient(to.IngestOpts(log)...)
	if err != nil {
		return nil, err
	}
	c := &Copy{to: to, client: client}
	if err := c.check(ctx, from, log); err != nil {
		client.Close()
		return nil, err
	}
	return c, nil
}

func (c *Copy) check(ctx context.Context, from eventlog.Config, log *slog.Logger) error {
	partitions, err := eventlog.Partitions(ctx, from, log)
	if err != nil {
		return err
	}
	var names []string
	for _, name := range outputTopics {
		names = append(names, c.to.Topic(name))
	}
	adm := kadm.NewClient(c.client)
	starts, err1 := adm.ListStartOffsets(ctx, names...)
	ends, err2 := adm.ListEndOffsets(ctx, names...)
	if err := errors.Join(err1, err2, starts.Error(), ends.Error()); err != nil {
		return fmt.Errorf("the topics of prefix %q: %w; vigie provision --topic-prefix %s makes them", c.to.TopicPrefix, err, c.to.TopicPrefix)
	}
	for _, name := range names {
		if n := len(ends[name]); n != int(partitions) {
			return fmt.Errorf("%s has %d partitions, the log %d: vigie provision --topic-prefix %s --partitions %d makes them alike", name, n, partitions, c.to.TopicPrefix, partitions)
		}
		for number, end := range ends[name] {
			if end.Offset > starts[name][number].Offset {
				return fmt.Errorf("%s: %w", name, ErrNotEmpty)
			}
		}
	}
	return nil
}

// add hands outputs to the client; what fails is told by the next call, or by Flush,
// which outlives the contexts of those who add.
func (c *Copy) add(ctx context.Context, number int32, out []*kgo.Record) error {
	ctx = context.WithoutCancel(ctx)
	for _, o := range out {
		to := number
		if n := topics.FixedPartitions(o.Topic); n > 0 {
			to %= n // As the engine does: not every topic has as many as the log.
		}
		r := &kgo.Record{Topic: c.to.Topic(o.Topic), Partition: to, Key: o.Key, Value: o.Value, Headers: slices.Clone(o.Headers), Timestamp: o.Timestamp}
		c.client.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err != nil {
				c.fail(fmt.Errorf("write to %s partition %d: %w", r.Topic, r.Partition, err))
			}
		})
	}
	return c.err()
}

func (c *Copy) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
}

func (c *Copy) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Flush waits until all that was added is acknowledged, and says what was not.
func (c *Copy) Flush(ctx context.Context) error {
	return errors.Join(c.client.Flush(ctx), c.err())
}

// Close ends the client; what was not flushed is lost.
func (c *Copy) Close() { c.client.Close() }
