package console

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const kindPolicy = "policy"

// followEvents counts what passes at the end of vigie.events.
func (c *Console) followEvents(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.readEvents(ctx)
		if ctx.Err() != nil {
			return nil
		}
		c.deps.Log.Warn("the end of the events is followed again", "error", err)
		pause(ctx, rebuildEvery)
	}
	return nil
}

func (c *Console) readEvents(ctx context.Context) error {
	topic := c.deps.Kafka.Topic(topics.Events)
	cl, err := kgo.NewClient(c.deps.Kafka.ReaderOpts(c.deps.Log)...)
	if err != nil {
		return fmt.Errorf("make the client that follows %s: %w", topic, err)
	}
	defer cl.Close()
	ends, err := listed(kadm.NewClient(cl).ListEndOffsets(ctx, topic))
	if err != nil {
		return err
	}
	from := map[string]map[int32]kgo.Offset{topic: {}}
	ends.Each(func(o kadm.ListedOffset) {
		from[topic][o.Partition] = kgo.NewOffset().At(o.Offset)
		c.flow.ended(o.Partition, o.Offset)
	})
	cl.AddConsumePartitions(from)
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := firstError(fetches); err != nil {
			return fmt.Errorf("follow %s: %w", topic, err)
		}
		fetches.EachRecord(c.pass)
	}
}

// pass counts one record; what it cannot read counts as a record only.
func (c *Console) pass(r *kgo.Record) {
	var rec vigiev1.LogRecord
	events, heartbeats := 0, 0
	if proto.Unmarshal(r.Value, &rec) == nil {
		switch x := rec.Record.(type) {
		case *vigiev1.LogRecord_Event:
			events = 1
		case *vigiev1.LogRecord_Beat:
			heartbeats = len(x.Beat.Site)
		case *vigiev1.LogRecord_Policy:
			c.flow.judgedBy(x.Policy)
		}
	}
	c.flow.passed(r.Partition, r.Offset, r.Timestamp.UnixMilli(), events, heartbeats)
}

// findPolicy reads one partition up to its end for the newest policy of the
// past; later ones pass by in readEvents. It looks at headers only.
func (c *Console) findPolicy(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.scanPolicies(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		c.deps.Log.Warn("the policy is looked for again", "error", err)
		pause(ctx, rebuildEvery)
	}
	return nil
}

func (c *Console) scanPolicies(ctx context.Context) error {
	const partition = 0 // every partition holds every policy
	topic := c.deps.Kafka.Topic(topics.Events)
	cl, err := kgo.NewClient(c.deps.Kafka.ReaderOpts(c.deps.Log)...)
	if err != nil {
		return fmt.Errorf("make the client that looks for the policy: %w", err)
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	starts, err := admin.ListStartOffsets(ctx, topic)
	ends, err2 := admin.ListEndOffsets(ctx, topic)
	if err = errors.Join(err, err2, starts.Error(), ends.Error()); err != nil {
		return fmt.Errorf("look up the offsets of %s: %w", topic, err)
	}
	first, _ := starts.Lookup(topic, partition)
	last, _ := ends.Lookup(topic, partition)
	if first.Offset >= last.Offset {
		return nil
	}
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(first.Offset)}})
	for at := first.Offset; at < last.Offset; {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := firstError(fetches); err != nil {
			return fmt.Errorf("look for the policy in %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset + 1
			c.takePolicy(r)
		})
	}
	return nil
}

func (c *Console) takePolicy(r *kgo.Record) {
	for _, h := range r.Headers {
		if h.Key != topics.HeaderKind || string(h.Value) != kindPolicy {
			continue
		}
		var rec vigiev1.LogRecord
		if err := proto.Unmarshal(r.Value, &rec); err != nil || rec.GetPolicy() == nil {
			c.deps.Log.Warn("a policy cannot be read", "offset", r.Offset, "error", err)
			return
		}
		c.flow.judgedBy(rec.GetPolicy())
	}
}
