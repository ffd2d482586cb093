package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/schemas/topics"
)

// Options say how the topics are to be.
type Options struct {
	// Partitions of vigie.events and all topics beside it: a power of two up to
	// MaxPartitions. 0 keeps what is there, or takes the default: 8 local, 32 else.
	Partitions int32
	// Local is the single-node broker of `vigie up`: short retention, one copy.
	Local bool
	// Replication and MinISR; 0 takes 1 and 1 local, 3 and 2 else.
	Replication int16
	MinISR      int
	// Durability "power" (also when empty) writes flushed topics through to the
	// disk before the ACK, where there is one copy; "process" leaves that to the kernel.
	Durability string
	// Fill puts into empty topics what the log begins with, before any group may begin;
	// nil for nothing. After its error no group begins.
	Fill func(ctx context.Context, partitions int32) error
	// DryRun says what would be done and does nothing.
	DryRun bool
	Log    *slog.Logger
}

// MaxPartitions bounds vigie.events; partition numbers live in 10 bits of tokens.
const MaxPartitions = 1024

const (
	localPartitions   = 8
	clusterPartitions = 32
)

// Report says what provisioning found and did, or in a dry run would do.
type Report struct {
	// Partitions of vigie.events.
	Partitions int32
	// ClusterID of the broker, and Kafka the version that it resembles.
	ClusterID, Kafka string
	// Actions in words, in order; empty when nothing had to be done.
	Actions []string
	// Warnings that a person should read; they do not stop Vigie.
	Warnings []string
}

// PartitionCountError: a topic has another number of partitions than asked for.
type PartitionCountError struct {
	Topic      string
	Have, Want int32
}

// Error explains why the number is not simply changed.
func (e *PartitionCountError) Error() string {
	return fmt.Sprintf("topic %s has %d partitions and %d are asked for: the number is never changed in place, "+
		"because a site's history and state stand in the partition that its number gives; "+
		"ask for %d, or provision another --topic-prefix and rebuild into it", e.Topic, e.Have, e.Want, e.Have)
}

// ErrOldBroker: the broker lacks the transactions that Vigie needs.
var ErrOldBroker = errors.New("the broker is older than Kafka 2.5, whose transactions do not fence a group's stale members: upgrade it")

// ErrCommitLost: a group has worked on a partition and its committed offset is
// gone. Starting over would double every effect.
var ErrCommitLost = errors.New("the committed offset is gone although the group has worked on this partition: " +
	"restore it with kafka-consumer-groups from vigie.progress, or rebuild into another --topic-prefix")

// consumed says what each group reads: it starts at the committed offset only,
// and provisioning makes the first commit.
var consumed = []struct {
	group  string
	topics []string
}{
	{GroupProcessor, []string{topics.Events}},
	{GroupFleet, []string{topics.Fleet}},
	{GroupArchiver, []string{topics.Events, topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Rejected}},
}

// provisioner holds what one run of Provision knows.
type provisioner struct {
	cfg    Config
	opts   Options
	adm    *kadm.Client
	report Report
	// have was there before, made is new.
	have kadm.TopicDetails
	made []string
}

// Provision makes the broker hold the topics of package topics with their
// settings, and the groups their first commit. It may be run again at any time:
// what is right is left alone. Errors: ErrOldBroker, *PartitionCountError,
// ErrCommitLost, or the broker's.
func Provision(ctx context.Context, cfg Config, opts Options) (Report, error) {
	if err := cfg.Check(); err != nil {
		return Report{}, err
	}
	opts = opts.withDefaults()
	cl, err := kgo.NewClient(cfg.base(opts.Log)...)
	if err != nil {
		return Report{}, fmt.Errorf("provision: %w", err)
	}
	defer cl.Close()
	p := &provisioner{cfg: cfg, opts: opts, adm: kadm.NewClient(cl)}
	for _, step := range []func(context.Context) error{p.checkBroker, p.look, p.topics, p.settle, p.fill, p.commits} {
		if err := step(ctx); err != nil {
			return p.report, fmt.Errorf("provision: %w", err)
		}
	}
	return p.report, nil
}

func (o Options) withDefaults() Options {
	if o.Replication == 0 {
		o.Replication = 3
		if o.Local {
			o.Replication = 1
		}
	}
	if o.MinISR == 0 {
		o.MinISR = min(2, int(o.Replication))
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (p *provisioner) did(format string, args ...any) {
	p.report.Actions = append(p.report.Actions, fmt.Sprintf(format, args...))
}

func (p *provisioner) warn(format string, args ...any) {
	p.report.Warnings = append(p.report.Warnings, fmt.Sprintf(format, args...))
}

// Versions of requests by which a broker's age is known.
const (
	// stableTxnOffsetCommit came with Kafka 2.5: the group's generation fences.
	stableTxnOffsetCommit = 3
	// bumpingEndTxn came with Kafka 4.0: each transaction has an epoch of its own.
	bumpingEndTxn = 5
)

// checkBroker refuses brokers that cannot keep the promise of exactly once.
func (p *provisioner) checkBroker(ctx context.Context) error {
	versions, err := p.adm.ApiVersions(ctx)
	if err != nil {
		return fmt.Errorf("ask %s for its version: %w", strings.Join(p.cfg.Brokers, ","), err)
	}
	for _, v := range versions.Sorted() {
		if v.Err != nil {
			return fmt.Errorf("ask broker %d for its version: %w", v.NodeID, v.Err)
		}
		p.report.Kafka = v.VersionGuess()
		if have, _ := v.KeyMaxVersion(int16(kmsg.TxnOffsetCommit)); have < stableTxnOffsetCommit {
			return fmt.Errorf("broker %d is like Kafka %s: %w", v.NodeID, p.report.Kafka, ErrOldBroker)
		}
		if have, _ := v.KeyMaxVersion(int16(kmsg.EndTxn)); have < bumpingEndTxn {
			p.warn("broker %d is like Kafka %s: before 4.0 a late request can end a later transaction; upgrade it", v.NodeID, p.report.Kafka)
		}
	}
	meta, err := p.adm.BrokerMetadata(ctx)
	if err != nil {
		return fmt.Errorf("ask for the cluster: %w", err)
	}
	p.report.ClusterID = meta.Cluster
	return nil
}

// look finds the topics that are there and checks their partition counts.
func (p *provisioner) look(ctx context.Context) error {
	var names []string
	for _, row := range topics.Table() {
		names = append(names, p.cfg.Topic(row.Name))
	}
	have, err := p.adm.ListTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	for name, t := range have {
		if t.Err != nil && !errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("topic %s: %w", name, t.Err)
		}
	}
	p.have = have
	p.report.Partitions = p.opts.Partitions
	if p.report.Partitions == 0 {
		p.report.Partitions = clusterPartitions
		if p.opts.Local {
			p.report.Partitions = localPartitions
		}
		if events := p.cfg.Topic(topics.Events); have.Has(events) {
			p.report.Partitions = int32(len(have[events].Partitions))
		}
	}
	if n := p.report.Partitions; n < 1 || n > MaxPartitions || n&(n-1) != 0 {
		return fmt.Errorf("%d partitions: the number is a power of two from 1 to %d", n, MaxPartitions)
	}
	for _, row := range topics.Table() {
		name, want := p.cfg.Topic(row.Name), p.partitionsOf(row)
		if n := int32(len(have[name].Partitions)); have.Has(name) && n != want {
			return &PartitionCountError{Topic: name, Have: n, Want: want}
		}
	}
	return nil
}

func (p *provisioner) partitionsOf(row topics.Topic) int32 {
	if row.Partitions > 0 {
		return row.Partitions
	}
	return p.report.Partitions
}

// topics creates what is missing and corrects the settings of what is there.
func (p *provisioner) topics(ctx context.Context) error {
	for _, row := range topics.Table() {
		name := p.cfg.Topic(row.Name)
		var err error
		if p.have.Has(name) {
			err = p.correct(ctx, name, settingsOf(row, p.opts))
		} else {
			err = p.create(ctx, name, row)
		}
		if err != nil {
			return fmt.Errorf("topic %s: %w", name, err)
		}
	}
	return nil
}

func (p *provisioner) create(ctx context.Context, name string, row topics.Topic) error {
	partitions, settings := p.partitionsOf(row), settingsOf(row, p.opts)
	p.did("create topic %s: %d partitions, %s", name, partitions, row.Cleanup)
	if p.opts.DryRun {
		return nil
	}
	p.made = append(p.made, name)
	_, err := p.adm.CreateTopic(ctx, partitions, p.opts.Replication, settings.all(), name)
	if errors.Is(err, kerr.InvalidConfig) {
		// Not quite Kafka: the topic comes first, what the broker knows after it.
		if _, err = p.adm.CreateTopic(ctx, partitions, p.opts.Replication, settings.required(), name); err == nil {
			return p.correct(ctx, name, settings)
		}
	}
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists): // another provisioning was first
		return p.correct(ctx, name, settings)
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return fmt.Errorf("%w: %d copies are asked for; give --replication as many as there are brokers, or fewer", err, p.opts.Replication)
	default:
		return err
	}
}

// settle waits until the broker shows each topic that was made, with a leader for
// each partition: those who start after provisioning must find them. Its clients
// are new ones: ours remembers for a while that the topics were not there.
func (p *provisioner) settle(ctx context.Context) error {
	if len(p.made) == 0 {
		return nil
	}
	return insist(ctx, func() error {
		cl, err := kgo.NewClient(p.cfg.base(p.opts.Log)...)
		if err != nil {
			return err
		}
		defer cl.Close()
		shown, err := kadm.NewClient(cl).ListTopics(ctx, p.made...)
		if err != nil {
			return fmt.Errorf("list the new topics: %w", err)
		}
		for _, name := range p.made {
			topic, is := shown[name]
			if !is {
				topic.Err = kerr.UnknownTopicOrPartition
			}
			if topic.Err != nil {
				return fmt.Errorf("topic %s: %w", name, topic.Err)
			}
			for _, one := range topic.Partitions {
				if one.Err != nil {
					return fmt.Errorf("topic %s, partition %d: %w", name, one.Partition, one.Err)
				}
			}
		}
		return nil
	})
}

func (p *provisioner) fill(ctx context.Context) error {
	if p.opts.Fill == nil || p.opts.DryRun {
		return nil
	}
	return p.opts.Fill(ctx, p.report.Partitions)
}

// correct alters the settings that differ. A broker that does not know a setting
// that Vigie can do without gets a warning.
func (p *provisioner) correct(ctx context.Context, name string, want settings) error {
	have, err := p.describe(ctx, name)
	if err != nil {
		return fmt.Errorf("read its settings: %w", err)
	}
	var alter []kadm.AlterConfig
	for _, s := range want {
		value, known := have[s.key]
		switch {
		case !known && s.optional:
			p.unknown(s.key)
		case value != s.value:
			if p.have.Has(name) {
				p.did("set %s of topic %s to %s", s.key, name, s.value)
			}
			alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: s.key, Value: &s.value})
		}
	}
	if p.opts.DryRun || len(alter) == 0 {
		return nil
	}
	done, err := p.adm.AlterTopicConfigs(ctx, alter, name)
	if err == nil {
		_, err = done.On(name, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		return fmt.Errorf("alter its settings: %w", err)
	}
	return nil
}

// unknown warns once of a setting that the broker does not have.
func (p *provisioner) unknown(key string) {
	text := "the broker does not know the topic setting " + key
	if !slices.Contains(p.report.Warnings, text) {
		p.report.Warnings = append(p.report.Warnings, text)
	}
}

// describe returns the settings that a topic has, defaults included.
func (p *provisioner) describe(ctx context.Context, name string) (map[string]string, error) {
	have := map[string]string{}
	err := insist(ctx, func() error {
		described, err := p.adm.DescribeTopicConfigs(ctx, name)
		if err != nil {
			return err
		}
		one, err := described.On(name, nil)
		if err == nil {
			err = one.Err
		}
		for _, c := range one.Configs {
			have[c.Key] = c.MaybeValue()
		}
		return err
	})
	return have, err
}

// insistTries bounds how often a question is put again to a broker that has not
// caught up: it does not show yet what its controller has just made, or makes
// its coordinators at the first question.
const insistTries = 60

// insist puts a question again while the answer is one that passes by itself.
func insist(ctx context.Context, ask func() error) error {
	for try := 1; ; try++ {
		err := ask()
		if err == nil || !kerr.IsRetriable(err) || try == insistTries || !pause(ctx, listPause) {
			return err
		}
	}
}
