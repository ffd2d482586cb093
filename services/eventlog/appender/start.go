package appender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// reachAgain is how long the appender waits before it looks for the log again.
const reachAgain = 500 * time.Millisecond

// awaitLog waits until the topic can be seen, and checks its partitions. It
// returns nil when ctx ended first.
func (a *Appender) awaitLog(ctx context.Context) error {
	told := false
	for {
		n, err := a.countPartitions(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return fmt.Errorf("topic %s does not exist: run `vigie provision`", a.topic)
		case err == nil && n != a.cfg.Partitions:
			return fmt.Errorf("topic %s has %d partitions, the configuration says %d: a site would change its partition; correct the configuration", a.topic, n, a.cfg.Partitions)
		case err == nil:
			return nil
		}
		if !told {
			a.log.Warn("the log is not reached yet; nothing is answered until it is", "brokers", a.kafka.Brokers, "error", err)
			told = true
		}
		select {
		case <-time.After(reachAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *Appender) countPartitions(ctx context.Context) (int32, error) {
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(a.topic)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, a.client)
	if err != nil {
		return 0, fmt.Errorf("asking for the partitions of %s: %w", a.topic, err)
	}
	if len(resp.Topics) != 1 {
		return 0, fmt.Errorf("asking for the partitions of %s: %d topics in the answer", a.topic, len(resp.Topics))
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return 0, fmt.Errorf("asking for the partitions of %s: %w", a.topic, err)
	}
	return int32(len(resp.Topics[0].Partitions)), nil
}

// sayLife tells every partition that a receiver started or stopped; desks do not.
func (a *Appender) sayLife(change vigiev1.ReceiverLife_Change) {
	if a.cfg.Kind != vigiev1.WriterKind_WRITER_KIND_RECEIVER {
		return
	}
	id := ids.Hash("vigie receiver life", a.cfg.Writer, string(a.boot), change.String())
	for _, p := range a.parts {
		p.life(&vigiev1.ReceiverLife{
			Id: id[:], Receiver: a.cfg.Writer, Boot: a.boot, Group: a.cfg.Group, Change: change, Program: a.cfg.Program,
		})
	}
}
