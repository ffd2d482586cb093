package processor

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/chain"
)

// checkpointPatience bounds the appending of checkpoints.
const checkpointPatience = 30 * time.Second

// checkpoint has what was just confirmed signed, for partitions whose last
// checkpoint has grown old. Only what a transaction holds is signed: a zombie's
// transaction is refused, so its checkpoints can be late, never false.
func (s *session) checkpoint(confirmed []*partition, now time.Time) {
	if s.p.deps.Signer == nil || s.signing.Load() {
		return
	}
	var due []chain.Checkpoint
	for _, part := range confirmed {
		if now.Sub(part.signedAt) < s.p.cfg.CheckpointEvery {
			continue
		}
		part.signedAt = now
		due = append(due, chain.Checkpoint{
			Partition: part.number, TopicID: part.saved.topicID, Offset: part.next,
			Ordinal: part.chain.Ordinal, Hash: part.chain.Hash, At: time.UnixMilli(now.UnixMilli()).UTC(),
			WatermarkMS: part.clock.w, FoldVersion: part.fold.Version(),
		})
	}
	if len(due) == 0 {
		return
	}
	s.signing.Store(true)
	s.beside(func(ctx context.Context) {
		defer s.signing.Store(false)
		ctx, done := context.WithTimeout(ctx, checkpointPatience)
		defer done()
		if err := s.p.appendCheckpoints(ctx, due); err != nil {
			s.p.metrics.checkpointsUnmade.Add(float64(len(due)))
			s.p.deps.Log.Warn("processor: checkpoints could not be appended, the next ones cover what they would have", "checkpoints", len(due), "because", err)
			return
		}
		s.p.metrics.checkpoints.Add(float64(len(due)))
	})
}

// appendCheckpoints signs and appends. Its client asks for its producer id first,
// as all that write do: see DESIGN.md.
func (p *Processor) appendCheckpoints(ctx context.Context, due []chain.Checkpoint) error {
	cl, err := kgo.NewClient(p.deps.Kafka.IngestOpts(p.deps.Log)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, _, err := cl.ProducerID(ctx); err != nil {
		return fmt.Errorf("begin to write: %w", err)
	}
	var failed kgo.FirstErrPromise
	for _, c := range due {
		signed, err := c.Sign(p.deps.Signer)
		if err != nil {
			return err
		}
		cl.Produce(ctx, &kgo.Record{
			Topic: p.deps.Kafka.Topic(topics.Checkpoints), Partition: c.Partition, Timestamp: c.At,
			Key: strconv.AppendInt(nil, int64(c.Partition), 10), Value: signed,
		}, failed.Promise())
	}
	if err := cl.Flush(ctx); err != nil { // Err would wait for an absent Kafka for ever
		return err
	}
	return failed.Err()
}
