package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
)

// lastPolicy remembers which policy this installation put into its log last.
type lastPolicy struct {
	Version uint64 `json:"version"`
	Hash    string `json:"hash"`
	AtMS    int64  `json:"at_ms"`
}

// policyOf is the highest version that a partition judges by; 0 before any.
func (in *installation) policyOf(ctx context.Context) (version uint64, err error) {
	progress, err := eventlog.LastProgress(ctx, in.kafka, in.log)
	for _, p := range progress {
		version = max(version, p.GetPolicyVersion())
	}
	return version, err
}

// ensurePolicy makes the log hold the policy: a new version where its figures
// changed, the same one again where a start was interrupted half way.
func (in *installation) ensurePolicy(ctx context.Context, policy *vigiev1.Policy) error {
	path := in.path("policy.json")
	var last lastPolicy
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the last policy: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(b, &last); err != nil {
			return fmt.Errorf("the last policy in %s cannot be read: %w", path, err)
		}
	}
	hash, err := eventlog.PolicyHash(policy)
	if err != nil {
		return err
	}
	// Somebody set a policy of their own since: it stands, and no release's replaces it.
	theirs, err := in.policyOf(ctx)
	if err != nil {
		return err
	}
	if theirs > last.Version {
		return nil
	}
	if shown := hex.EncodeToString(hash); last.Hash != shown {
		last = lastPolicy{Version: last.Version + 1, Hash: shown, AtMS: time.Now().UnixMilli()}
	}
	if b, err = json.Marshal(last); err != nil {
		return fmt.Errorf("encode the policy's version: %w", err)
	}
	// The version is remembered before it is said: said twice it has no effect,
	// but another policy of the same version would stop the partitions.
	if err := os.WriteFile(path, append(bytes.TrimSpace(b), '\n'), 0o600); err != nil {
		return fmt.Errorf("remember the policy's version: %w", err)
	}
	return eventlog.EnsurePolicy(ctx, in.kafka, alarm.Stamped(policy, last.Version, last.AtMS), in.partitions)
}
