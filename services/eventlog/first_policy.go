package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Partitions is how many partitions vigie.events has. It waits for a broker that
// is away. ErrNoTopic where nothing was provisioned.
func Partitions(ctx context.Context, cfg Config, log *slog.Logger) (int32, error) {
	cl, err := kgo.NewClient(cfg.base(log)...)
	if err != nil {
		return 0, fmt.Errorf("look at the log: %w", err)
	}
	defer cl.Close()
	topic := cfg.Topic(topics.Events)
	for {
		found, err := kadm.NewClient(cl).ListTopics(ctx, topic)
		if err == nil {
			err = found[topic].Err
		}
		if err == nil {
			return int32(len(found[topic].Partitions)), nil
		}
		if fatal := noTopic(err); fatal != nil {
			return 0, fmt.Errorf("%s: %w", topic, fatal)
		}
		log.Warn("Kafka does not answer yet and is asked again", "brokers", cfg.Brokers, "error", err)
		if !pause(ctx, listPause) {
			return 0, ctx.Err()
		}
	}
}

// EnsureFirstPolicy appends the policy to each partition of vigie.events that
// holds none yet, and returns how many those were. A policy that stands in some
// partitions only, because an earlier call was cut short, is the one appended to
// the others: one version never has two contents.
func EnsureFirstPolicy(ctx context.Context, cfg Config, policy *vigiev1.Policy, partitions int32, log *slog.Logger) (int, error) {
	have, err := policies(ctx, cfg, partitions, log)
	if err != nil {
		return 0, fmt.Errorf("look for the policy: %w", err)
	}
	var missing []int32
	for p := range partitions {
		switch found, any := have[p]; {
		case !any:
			missing = append(missing, p)
		case found != nil:
			policy = found
		}
	}
	if len(missing) == 0 {
		return 0, nil
	}
	return len(missing), appendPolicy(ctx, cfg, policy, missing)
}

// policies finds the first policy of each partition; nil for one that is known to
// hold a policy because a processor has judged by it.
func policies(ctx context.Context, cfg Config, partitions int32, log *slog.Logger) (map[int32]*vigiev1.Policy, error) {
	have := map[int32]*vigiev1.Policy{}
	err := readUntil(ctx, cfg, topics.Progress, log, func(r *kgo.Record) (enough bool, err error) {
		progress := &vigiev1.Progress{}
		if err := proto.Unmarshal(r.Value, progress); err != nil {
			return false, fmt.Errorf("a progress record: %w", err)
		}
		if progress.PolicyVersion > 0 {
			have[r.Partition] = nil
		}
		return len(have) == int(partitions), nil
	})
	if err != nil || len(have) == int(partitions) {
		return have, err
	}
	return have, readUntil(ctx, cfg, topics.Events, log, func(r *kgo.Record) (bool, error) {
		record := &vigiev1.LogRecord{}
		// What cannot be decoded is the processor's to set aside; it is no policy.
		if err := proto.Unmarshal(r.Value, record); err == nil && record.GetPolicy() != nil {
			if _, known := have[r.Partition]; !known {
				have[r.Partition] = record.GetPolicy()
			}
		}
		return len(have) == int(partitions), nil
	})
}

// errEnough ends a reading that has found what it looked for.
var errEnough = errors.New("enough was read")

// readUntil reads a topic from its start to its end, or until each says enough.
func readUntil(ctx context.Context, cfg Config, topic string, log *slog.Logger, each func(*kgo.Record) (bool, error)) error {
	return readFrom(ctx, cfg, topic, FromStart(), log, each)
}

func readFrom(ctx context.Context, cfg Config, topic string, from From, log *slog.Logger, each func(*kgo.Record) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tail := NewTail(cfg, TailOptions{Topic: topic, From: from, Each: func(r *kgo.Record) error {
		enough, err := each(r)
		if enough && err == nil {
			err = errEnough
		}
		return err
	}}, log)
	var reading sync.WaitGroup
	defer reading.Wait()
	ended := make(chan error, 1)
	reading.Go(func() { ended <- tail.Run(ctx) })
	select {
	case <-tail.CaughtUp():
		cancel()
		return nil
	case err := <-ended:
		if errors.Is(err, errEnough) {
			return nil
		}
		return errors.Join(err, ctx.Err())
	}
}
