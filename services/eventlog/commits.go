package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
)

// ErrNoBeginning: a group has no committed offset and the log no longer begins
// at 0, so that a start at its beginning would skip records silently.
var ErrNoBeginning = errors.New("the group has no committed offset and the log no longer begins at offset 0")

// commits gives each group its first commit, offset 0, where it has none. A
// commit that is there is never touched.
func (p *provisioner) commits(ctx context.Context) error {
	for _, g := range consumed {
		group := p.cfg.Group(g.group)
		var have kadm.OffsetResponses
		err := insist(ctx, func() (err error) {
			have, err = p.adm.FetchOffsets(ctx, group)
			return err
		})
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // no such group: nothing committed
			return fmt.Errorf("committed offsets of group %s: %w", group, err)
		}
		first := kadm.Offsets{}
		for _, topic := range g.topics {
			missing, err := p.missing(have, topic)
			if err == nil && len(missing) > 0 {
				err = p.mayBegin(ctx, have, g.group, topic, missing)
			}
			if err != nil {
				return fmt.Errorf("group %s: %w", group, err)
			}
			for _, partition := range missing {
				first.AddOffset(p.cfg.Topic(topic), partition, 0, -1)
			}
		}
		if len(first) == 0 {
			continue
		}
		p.did("commit offset 0 for group %s on %d topics", group, len(first))
		if p.opts.DryRun {
			continue
		}
		if err := p.first(ctx, group, first); err != nil {
			return fmt.Errorf("first commit of group %s: %w", group, err)
		}
	}
	return nil
}

// first commits. Its client is a new one: ours remembers for a while that topics
// were not there which we have made since, as a broker may behind its controller.
func (p *provisioner) first(ctx context.Context, group string, first kadm.Offsets) error {
	return insist(ctx, func() error {
		cl, err := kgo.NewClient(p.cfg.base(p.opts.Log)...)
		if err != nil {
			return err
		}
		defer cl.Close()
		return kadm.NewClient(cl).CommitAllOffsets(ctx, group, first)
	})
}

// missing returns the partitions of a topic on which nothing is committed.
func (p *provisioner) missing(have kadm.OffsetResponses, topic string) ([]int32, error) {
	var missing []int32
	row := rowOf(topic)
	for partition := range p.partitionsOf(row) {
		o, ok := have.Lookup(p.cfg.Topic(topic), partition)
		if ok && o.Err != nil {
			return nil, fmt.Errorf("committed offset of %s, partition %d: %w", p.cfg.Topic(topic), partition, o.Err)
		}
		if !ok || o.At < 0 {
			missing = append(missing, partition)
		}
	}
	return missing, nil
}

// mayBegin refuses a first commit that would skip records or double effects.
func (p *provisioner) mayBegin(ctx context.Context, have kadm.OffsetResponses, group, topic string, missing []int32) error {
	name := p.cfg.Topic(topic)
	if !p.have.Has(name) {
		return nil // made just now: it begins at 0, and nobody worked on it
	}
	starts, err := listed(ctx, p.opts.Log, name, p.adm.ListStartOffsets)
	if err != nil {
		return fmt.Errorf("begin of %s: %w", name, err)
	}
	var done map[int32]int64
	if group == GroupProcessor && p.opts.Fill == nil && p.have.Has(p.cfg.Topic(topics.Progress)) {
		// Each transaction of the processor left a progress record.
		if done, err = listed(ctx, p.opts.Log, p.cfg.Topic(topics.Progress), p.adm.ListEndOffsets); err != nil {
			return fmt.Errorf("end of %s: %w", p.cfg.Topic(topics.Progress), err)
		}
	}
	// Kafka drops the commits of a topic together; a part of them cannot be new.
	partial := int32(len(missing)) < p.partitionsOf(rowOf(topic))
	for _, partition := range missing {
		switch {
		case done[partition] > 0, partial && len(have[name]) > 0:
			return fmt.Errorf("%s, partition %d: %w", name, partition, ErrCommitLost)
		case starts[partition] > 0:
			return fmt.Errorf("%s, partition %d begins at %d: %w: set the group's offset with kafka-consumer-groups, knowing what is lost",
				name, partition, starts[partition], ErrNoBeginning)
		}
	}
	return nil
}

// rowOf returns the row of a name of package topics.
func rowOf(name string) topics.Topic {
	for _, row := range topics.Table() {
		if row.Name == name {
			return row
		}
	}
	panic("eventlog: " + name + " is not in the table of topics")
}
