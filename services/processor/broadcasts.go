package processor

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
)

// broadcast appends what is for everybody to each partition of vigie.events, and
// returns once all of it is durable: the transaction that takes its cause as done
// comes after it. A transaction itself is never open on vigie.events, where it
// would hold every reader back; so after an abort, or a crash, the same records
// may stand there twice.
func (s *session) broadcast(ctx context.Context, touched []*partition) error {
	var said []*kgo.Record
	for _, part := range touched {
		for i := range part.pending {
			if out := &part.pending[i]; out.everywhere && !out.said {
				said = append(said, out.record)
			}
		}
	}
	if len(said) == 0 {
		return nil
	}
	cl, err := s.teller(ctx)
	if err != nil {
		return err
	}
	var records []*kgo.Record
	for _, r := range said {
		for number := range s.p.audience {
			out := *r
			out.Topic, out.Partition = s.p.deps.Kafka.Topic(topics.Events), number
			records = append(records, &out)
		}
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("tell every partition of %s: %w", s.p.deps.Kafka.Topic(topics.Events), err)
	}
	for _, part := range touched {
		for i := range part.pending {
			part.pending[i].said = true
		}
	}
	return nil
}

// teller is a client without transactions; it is made when first needed.
func (s *session) teller(ctx context.Context) (*kgo.Client, error) {
	if s.telling != nil {
		return s.telling, nil
	}
	cl, err := kgo.NewClient(s.p.deps.Kafka.IngestOpts(s.p.deps.Log)...)
	if err != nil {
		return nil, fmt.Errorf("begin to write to every partition: %w", err)
	}
	// Asked for first: with records to send and no id the client would ask without a pause.
	if _, _, err = cl.ProducerID(ctx); err == nil {
		s.p.audience, err = s.p.partitionsOfEvents(ctx, cl)
	}
	if err != nil {
		cl.Close()
		return nil, fmt.Errorf("begin to write to every partition: %w", err)
	}
	s.telling = cl
	return cl, nil
}

func (p *Processor) partitionsOfEvents(ctx context.Context, cl *kgo.Client) (int32, error) {
	topic := p.deps.Kafka.Topic(topics.Events)
	found, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("partitions of %s: %w", topic, err)
	}
	n := len(found[topic].Partitions)
	if n == 0 {
		return 0, errors.New(topic + " is not there: run `vigie provision`")
	}
	return int32(n), nil
}
