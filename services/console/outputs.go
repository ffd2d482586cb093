package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// rebuildEvery paces new readers after one was stopped by an error.
const rebuildEvery = time.Second

// modelTopics make the read model, each from its start.
var modelTopics = []string{topics.Directory, topics.SiteStates, topics.Detections, topics.Incidents, topics.Progress}

// followOutputs reads the model's topics. A reader that fails for good (a topic
// was recreated, its log was cut) is built anew, and the model with it.
func (c *Console) followOutputs(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.readOutputs(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !c.isReady() {
			return err
		}
		c.deps.Log.Warn("the read model is built again from the start of its topics", "error", err)
		c.metrics.rebuilt.Inc()
		c.model.clear()
		c.ring.restart()
		pause(ctx, rebuildEvery)
	}
	return nil
}

func (c *Console) isReady() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (c *Console) readOutputs(ctx context.Context) error {
	// Control records show how far a partition was read even where its last
	// records were aborted.
	cl, err := kgo.NewClient(append(c.deps.Kafka.ReaderOpts(c.deps.Log), kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("make the client of the read model: %w", err)
	}
	defer cl.Close()
	pending, err := c.startOutputs(ctx, cl)
	if err != nil {
		return err
	}
	for {
		if len(pending) == 0 {
			c.once.Do(func() { close(c.ready) })
		}
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := firstError(fetches); err != nil {
			return fmt.Errorf("read the topics of the read model: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			s := c.take(r)
			if end, ok := pending[s]; ok && r.Offset+1 >= end {
				delete(pending, s)
			}
		})
	}
}

// startOutputs assigns every partition and returns the ends to reach.
func (c *Console) startOutputs(ctx context.Context, cl *kgo.Client) (map[source]int64, error) {
	admin := kadm.NewClient(cl)
	var names []string
	for _, t := range modelTopics {
		names = append(names, c.deps.Kafka.Topic(t))
	}
	all := append(slices.Clone(names), c.deps.Kafka.Topic(topics.Outcomes))
	starts, err := listed(admin.ListStartOffsets(ctx, all...))
	if err != nil {
		return nil, err
	}
	ends, err := listed(admin.ListCommittedOffsets(ctx, all...))
	if err != nil {
		return nil, err
	}
	outcomes := c.deps.Kafka.Topic(topics.Outcomes)
	lately, err := listed(admin.ListOffsetsAfterMilli(ctx, c.deps.Now().Add(-callsFor).UnixMilli(), outcomes))
	if err != nil {
		return nil, err
	}
	c.newsFrom = map[source]int64{}
	log, err := c.logName(ctx, admin, all)
	if err != nil {
		return nil, err
	}
	c.ring.of(log)
	pending := map[source]int64{}
	assign := map[string]map[int32]kgo.Offset{}
	starts.Each(func(o kadm.ListedOffset) {
		end, _ := ends.Lookup(o.Topic, o.Partition)
		from := o.Offset
		s := c.source(o.Topic, o.Partition)
		if o.Topic == outcomes {
			// Outcomes of the past are nobody's news; the last hour's calls are read from them.
			c.newsFrom[s] = end.Offset
			if old, ok := lately.Lookup(o.Topic, o.Partition); ok && old.Offset >= from {
				from = old.Offset
			}
			c.ring.start(s, end.Offset)
		} else {
			c.ring.start(s, from)
		}
		if from < end.Offset {
			pending[s] = end.Offset
		}
		if assign[o.Topic] == nil {
			assign[o.Topic] = map[int32]kgo.Offset{}
		}
		assign[o.Topic][o.Partition] = kgo.NewOffset().At(from)
	})
	cl.AddConsumePartitions(assign)
	return pending, nil
}

func listed(o kadm.ListedOffsets, err error) (kadm.ListedOffsets, error) {
	if err = errors.Join(err, o.Error()); err != nil {
		return nil, fmt.Errorf("look up offsets for the read model: %w; has vigie provision run?", err)
	}
	return o, nil
}

// logName tells this log from every other one: a hash of its topics' ids.
func (c *Console) logName(ctx context.Context, admin *kadm.Client, names []string) (string, error) {
	details, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return "", fmt.Errorf("look up the topics of the read model: %w", err)
	}
	parts := []string{"vigie log"}
	for _, d := range details.Sorted() {
		parts = append(parts, d.Topic, d.ID.String())
	}
	return ids.Hash(parts...).String()[:8], nil
}

// source of a partition; sources is filled once, because every record asks.
func (c *Console) source(topic string, partition int32) source {
	return source{c.sources[topic], partition}
}

func firstError(fetches kgo.Fetches) error {
	var errs []error
	fetches.EachError(func(t string, p int32, err error) {
		errs = append(errs, fmt.Errorf("%s partition %d: %w", t, p, err))
	})
	return errors.Join(errs...)
}

// take applies one record. One that cannot be read is set aside.
func (c *Console) take(r *kgo.Record) source {
	at := place{c.source(r.Topic, r.Partition), r.Offset}
	if at.offset < c.newsFrom[at.from] {
		c.takeOldOutcome(r)
		return at.from
	}
	if !r.Attrs.IsControl() {
		c.metrics.records.WithLabelValues(r.Topic).Inc()
		if err := c.apply(at, r); err != nil {
			c.deps.Log.Warn("a record cannot be read and is set aside", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
		}
	}
	c.ring.seen(at.from, at.offset)
	return at.from
}

func (c *Console) apply(at place, r *kgo.Record) error {
	switch at.from.topic {
	case letters[topics.SiteStates]:
		return decode(r, &vigiev1.SiteState{}, func(site uint64, st *vigiev1.SiteState) {
			c.timed(st.GetChangedAtMs(), len(st.GetCauseEventId()) > 0)
			c.model.takeState(at, site, st)
		})
	case letters[topics.Directory]:
		return decode(r, &vigiev1.DirectoryRecord{}, func(site uint64, d *vigiev1.DirectoryRecord) { c.model.takeDirectory(at, site, d) })
	case letters[topics.Detections]:
		d := &vigiev1.Detection{}
		if err := proto.Unmarshal(r.Value, d); err != nil {
			return err
		}
		c.model.takeDetection(at, d)
	case letters[topics.Incidents]:
		if r.Value == nil {
			c.model.takeIncident(at, string(r.Key), nil)
			return nil
		}
		i := &vigiev1.Incident{}
		if err := proto.Unmarshal(r.Value, i); err != nil {
			return err
		}
		c.model.takeIncident(at, string(r.Key), i)
	case letters[topics.Outcomes]:
		o := &vigiev1.EventOutcome{}
		if err := proto.Unmarshal(r.Value, o); err != nil {
			return err
		}
		v := outcomeView(o)
		c.model.takeCall(v.Call)
		c.model.publish(at, eventOutcome, v)
	case letters[topics.Progress]:
		if r.Value == nil {
			return nil
		}
		p := &vigiev1.Progress{}
		if err := proto.Unmarshal(r.Value, p); err != nil {
			return err
		}
		c.model.takeProgress(p)
		c.flow.progressed(p)
	}
	return nil
}

// decode reads a record keyed by site; a tombstone gives nil.
func decode[M interface {
	*T
	proto.Message
}, T any](r *kgo.Record, m M, take func(uint64, M)) error {
	site, err := siteOf(r.Key)
	if err != nil {
		return fmt.Errorf("key %q is no site: %w", r.Key, err)
	}
	if r.Value == nil {
		take(site, nil)
		return nil
	}
	if err := proto.Unmarshal(r.Value, m); err != nil {
		return err
	}
	take(site, m)
	return nil
}

// timed notes how long an event took from its receipt to this read model.
func (c *Console) timed(receivedAtMS int64, ofEvent bool) {
	if ofEvent && c.isReady() {
		c.flow.took(c.deps.Now().UnixMilli() - receivedAtMS)
	}
}
