package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// PolicyHash is the content_hash of a policy: SHA-256 over the deterministic
// encoding of its classes and groups alone.
func PolicyHash(policy *vigiev1.Policy) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&vigiev1.Policy{Classes: policy.GetClasses(), Groups: policy.GetGroups()})
	if err != nil {
		return nil, fmt.Errorf("encode the classes of policy %d: %w", policy.GetVersion(), err)
	}
	hash := sha256.Sum256(b)
	return hash[:], nil
}

// EnsurePolicy appends the policy to each partition of vigie.events, and returns
// once all of them are durable. It may be called again: a repeat of a version
// with the same content is without effect in the fold. version and at_ms must be
// set; content_hash is filled in.
func EnsurePolicy(ctx context.Context, cfg Config, policy *vigiev1.Policy, partitions int32) error {
	all := make([]int32, partitions)
	for p := range all {
		all[p] = int32(p)
	}
	return appendPolicy(ctx, cfg, policy, all)
}

func appendPolicy(ctx context.Context, cfg Config, policy *vigiev1.Policy, partitions []int32) error {
	value, err := policyRecord(policy)
	if err != nil {
		return err
	}
	if err := appendToEach(ctx, cfg, "policy", time.Now(), value, partitions); err != nil {
		return fmt.Errorf("append policy %d: %w", policy.GetVersion(), err)
	}
	return nil
}

// appendToEach appends one record of a kind to each of the partitions of
// vigie.events.
func appendToEach(ctx context.Context, cfg Config, kind string, at time.Time, value []byte, partitions []int32) error {
	cl, err := kgo.NewClient(cfg.IngestOpts(slog.New(slog.DiscardHandler))...)
	if err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	defer cl.Close()
	var records []*kgo.Record
	for _, p := range partitions {
		records = append(records, &kgo.Record{
			Topic: cfg.Topic(topics.Events), Partition: p, Value: value, Timestamp: at,
			Headers: []kgo.RecordHeader{{Key: topics.HeaderKind, Value: []byte(kind)}},
		})
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	return nil
}

func policyRecord(policy *vigiev1.Policy) ([]byte, error) {
	if policy.GetVersion() == 0 || policy.GetAtMs() == 0 {
		return nil, errors.New("a policy needs its version and the time it was set (at_ms)")
	}
	hash, err := PolicyHash(policy)
	if err != nil {
		return nil, err
	}
	if given := policy.GetContentHash(); len(given) > 0 && !bytes.Equal(given, hash) {
		return nil, fmt.Errorf("policy %d: its content_hash is not that of its classes", policy.GetVersion())
	}
	full := proto.CloneOf(policy)
	full.ContentHash = hash
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&vigiev1.LogRecord{
		Version: 1, Record: &vigiev1.LogRecord_Policy{Policy: full},
	})
	if err != nil {
		return nil, fmt.Errorf("encode policy %d: %w", policy.GetVersion(), err)
	}
	return b, nil
}

// NewestPolicy is the policy of the highest version that stands in the first
// partition of vigie.events, which is read whole: each partition has them all.
func NewestPolicy(ctx context.Context, cfg Config, log *slog.Logger) (*vigiev1.Policy, error) {
	var newest *vigiev1.Policy
	err := ReadToEnd(ctx, cfg.ReaderOpts(log), cfg.Topic(topics.Events), 0, 0, func(r *kgo.Record) error {
		if len(r.Headers) == 0 || string(r.Headers[0].Value) != "policy" {
			return nil
		}
		record := &vigiev1.LogRecord{}
		if err := proto.Unmarshal(r.Value, record); err != nil {
			return nil // It is the processor's to set aside.
		}
		if p := record.GetPolicy(); p.GetVersion() >= newest.GetVersion() && p != nil {
			newest = p
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for the policy: %w", err)
	}
	if newest == nil {
		return nil, errors.New("the log holds no policy: run `vigie provision`")
	}
	return newest, nil
}
