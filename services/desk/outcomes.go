package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// lookBack is how much of vigie.outcomes is read again at a start, so that
	// the outcome of an act of before the restart can still be asked for.
	lookBack = time.Hour
	// rebuildEvery paces new clients after the reader was stopped by an error.
	rebuildEvery = time.Second
)

// followOutcomes reads vigie.outcomes without a group. A reader that fails for
// good (the topic was recreated, its log was cut) is built anew.
func (d *Desk) followOutcomes(ctx context.Context) error {
	first := true
	for ctx.Err() == nil {
		err := d.readOutcomes(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if first && !d.isReady() {
			return err
		}
		first = false
		d.deps.Log.Warn("outcomes are read again from an hour ago", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(rebuildEvery):
		}
	}
	return nil
}

func (d *Desk) isReady() bool {
	select {
	case <-d.ready:
		return true
	default:
		return false
	}
}

func (d *Desk) readOutcomes(ctx context.Context) error {
	topic := d.deps.Kafka.Topic(topics.Outcomes)
	cl, err := kgo.NewClient(d.deps.Kafka.ReaderOpts(d.deps.Log)...)
	if err != nil {
		return fmt.Errorf("make the client that reads %s: %w", topic, err)
	}
	defer cl.Close()
	from, err := kadm.NewClient(cl).ListOffsetsAfterMilli(ctx, d.deps.Now().Add(-lookBack).UnixMilli(), topic)
	if err == nil {
		err = from.Error()
	}
	if err != nil {
		return fmt.Errorf("look up the offsets of %s: %w; has vigie provision run?", topic, err)
	}
	start := map[string]map[int32]kgo.Offset{topic: {}}
	from.Each(func(o kadm.ListedOffset) { start[topic][o.Partition] = kgo.NewOffset().At(o.Offset) })
	cl.AddConsumePartitions(start)
	if !d.isReady() {
		close(d.ready)
	}
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fatal(fetches); err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(d.takeOutcome)
	}
}

// fatal is the first error of a fetch that the client does not retry by itself.
func fatal(fetches kgo.Fetches) error {
	var errs []error
	fetches.EachError(func(t string, p int32, err error) {
		errs = append(errs, fmt.Errorf("%s partition %d: %w", t, p, err))
	})
	return errors.Join(errs...)
}

func (d *Desk) takeOutcome(r *kgo.Record) {
	var o vigiev1.EventOutcome
	if err := proto.Unmarshal(r.Value, &o); err != nil || len(o.EventId) != ids.Size {
		d.deps.Log.Warn("an outcome cannot be read and is set aside", "partition", r.Partition, "offset", r.Offset, "error", err)
		return
	}
	d.metrics.outcomes.Inc()
	if o.Status == vigiev1.OutcomeStatus_OUTCOME_STATUS_HEARD_AGAIN {
		return // a panel's, never a person's
	}
	if d.bulks.decide(ids.ID(o.EventId), &o) {
		return
	}
	if took := d.acts.decide(ids.ID(o.EventId), &o); took > 0 {
		d.metrics.decided.Observe(took.Seconds())
	}
}
