package archiver

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// rejects writes to vigie.rejected.
type rejects struct {
	cl    *kgo.Client
	topic string
}

func newRejects(cfg eventlog.Config, log *slog.Logger) (*rejects, error) {
	cl, err := kgo.NewClient(append(cfg.IngestOpts(log), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))...)
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", cfg.Topic(topics.Rejected), err)
	}
	return &rejects{cl, cfg.Topic(topics.Rejected)}, nil
}

// say returns when the broker has it.
func (r *rejects) say(ctx context.Context, x *vigiev1.Rejected) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(x)
	if err != nil {
		return fmt.Errorf("encode what was set aside: %w", err)
	}
	if err := r.cl.ProduceSync(ctx, &kgo.Record{Topic: r.topic, Key: []byte(x.GetSource()), Value: value}).FirstErr(); err != nil {
		return fmt.Errorf("say on %s what was set aside: %w", r.topic, err)
	}
	return nil
}

func (r *rejects) close() { r.cl.Close() }
