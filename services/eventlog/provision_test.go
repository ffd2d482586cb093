package eventlog_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

const partitions = 4

func local() eventlog.Options {
	return eventlog.Options{Partitions: partitions, Local: true, Log: discard}
}

func (l log) provision(t *testing.T) eventlog.Report {
	t.Helper()
	report, err := eventlog.Provision(within(t), l.Config, local())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (l log) admin(t *testing.T) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(l.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// setting reads a setting of a topic.
func (l log) setting(t *testing.T, topic, key string) string {
	t.Helper()
	got, err := l.admin(t).DescribeTopicConfigs(within(t), l.Topic(topic))
	if err != nil {
		t.Fatal(err)
	}
	one, err := got.On(l.Topic(topic), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range one.Configs {
		if c.Key == key {
			return c.MaybeValue()
		}
	}
	return ""
}

func provisionTwice(t *testing.T, l log) {
	first := l.provision(t)
	if first.Partitions != partitions || first.ClusterID == "" || len(first.Actions) == 0 {
		t.Errorf("first: %+v", first)
	}
	have, err := l.admin(t).ListTopics(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range topics.Table() {
		want := int32(partitions)
		if row.Partitions > 0 {
			want = row.Partitions
		}
		if n := int32(len(have[l.Topic(row.Name)].Partitions)); n != want {
			t.Errorf("%s has %d partitions, want %d", row.Name, n, want)
		}
	}
	for _, c := range []struct{ topic, key, want string }{
		{topics.Events, "cleanup.policy", "delete"},
		{topics.Events, "retention.ms", "-1"},
		{topics.Events, "max.message.bytes", "1048588"},
		{topics.SiteStates, "cleanup.policy", "compact"},
		{topics.Checkpoints, "retention.ms", "-1"},
	} {
		if got := l.setting(t, c.topic, c.key); got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.key, c.topic, got, c.want)
		}
	}
	second, err := eventlog.Provision(within(t), l.Config, eventlog.Options{Local: true, Log: discard})
	if err != nil || len(second.Actions) != 0 || second.Partitions != partitions {
		t.Errorf("second: %v, %+v", err, second)
	}
}

func driftIsCorrected(t *testing.T, l log) {
	l.provision(t)
	one := "1"
	if _, err := l.admin(t).AlterTopicConfigs(within(t), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &one}}, l.Topic(topics.Events)); err != nil {
		t.Fatal(err)
	}
	// A broker shows settings a moment after its controller took them.
	eventually(t, "the drift shows", func() bool { return l.setting(t, topics.Events, "retention.ms") == one })
	if report := l.provision(t); len(report.Actions) != 1 {
		t.Errorf("it did %q", report.Actions)
	}
	eventually(t, "it is corrected", func() bool { return l.setting(t, topics.Events, "retention.ms") == "-1" })
}

func partitionCountIsRefused(t *testing.T, l log) {
	l.provision(t)
	opts := local()
	opts.Partitions = 2 * partitions
	_, err := eventlog.Provision(within(t), l.Config, opts)
	var count *eventlog.PartitionCountError
	if !errors.As(err, &count) || count.Have != partitions || count.Want != 2*partitions || !strings.Contains(err.Error(), "never changed in place") {
		t.Errorf("got %v", err)
	}
	opts.Partitions = 6
	if _, err := eventlog.Provision(within(t), l.Config, opts); err == nil || !strings.Contains(err.Error(), "power of two") {
		t.Errorf("6 partitions: got %v", err)
	}
}

func dryRunChangesNothing(t *testing.T, l log) {
	opts := local()
	opts.DryRun = true
	dry, err := eventlog.Provision(within(t), l.Config, opts)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := l.admin(t).ListTopics(within(t), l.Topic(topics.Events)); err != nil || have.Has(l.Topic(topics.Events)) {
		t.Errorf("a dry run created a topic (%v)", err)
	}
	wet := l.provision(t)
	if strings.Join(dry.Actions, "\n") != strings.Join(wet.Actions, "\n") {
		t.Errorf("it said\n%s\nand did\n%s", strings.Join(dry.Actions, "\n"), strings.Join(wet.Actions, "\n"))
	}
}

// committed returns what a group has committed on partition 0 of a topic.
func (l log) committed(t *testing.T, group, topic string) kadm.OffsetResponse {
	t.Helper()
	have, err := l.admin(t).FetchOffsets(within(t), l.Group(group))
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		t.Fatal(err)
	}
	o, ok := have.Lookup(l.Topic(topic), 0)
	if !ok {
		o.At = -1
	}
	return o
}

func (l log) commit(t *testing.T, group, topic string, partition int32, at int64) {
	t.Helper()
	o := kadm.Offsets{}
	o.AddOffset(l.Topic(topic), partition, at, -1)
	if err := l.admin(t).CommitAllOffsets(within(t), l.Group(group), o); err != nil {
		t.Fatal(err)
	}
}

func firstCommits(t *testing.T, l log) {
	l.provision(t)
	for _, c := range []struct{ group, topic string }{
		{eventlog.GroupProcessor, topics.Events}, {eventlog.GroupArchiver, topics.Events}, {eventlog.GroupArchiver, topics.Outcomes},
	} {
		if got := l.committed(t, c.group, c.topic).At; got != 0 {
			t.Errorf("%s on %s: committed %d, want 0", c.group, c.topic, got)
		}
	}
	l.commit(t, eventlog.GroupProcessor, topics.Events, 0, 7)
	l.provision(t)
	if got := l.committed(t, eventlog.GroupProcessor, topics.Events).At; got != 7 {
		t.Errorf("provisioning moved a commit from 7 to %d", got)
	}
}

// put appends a record with the value to partition 0.
func (l log) put(t *testing.T, topic, value string) {
	t.Helper()
	l.putAt(t, topic, 0, value)
}

func (l log) putAt(t *testing.T, topic string, partition int32, values ...string) {
	t.Helper()
	cl, err := kgo.NewClient(l.IngestOpts(discard)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: l.Topic(topic), Partition: partition, Key: []byte("k"), Value: []byte(v)})
	}
	if err := cl.ProduceSync(within(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func vanishedCommit(t *testing.T, l log) {
	l.provision(t)
	l.put(t, topics.Progress, "progress")
	if _, err := l.admin(t).DeleteGroups(within(t), l.Group(eventlog.GroupProcessor)); err != nil {
		t.Fatal(err)
	}
	_, err := eventlog.Provision(within(t), l.Config, local())
	if !errors.Is(err, eventlog.ErrCommitLost) || !strings.Contains(err.Error(), "partition 0") {
		t.Errorf("got %v", err)
	}
	if got := l.committed(t, eventlog.GroupProcessor, topics.Events).At; got != -1 {
		t.Errorf("it committed %d", got)
	}
}

func noBeginning(t *testing.T, l log) {
	l.provision(t)
	l.put(t, topics.Rejected, "old")
	cut := kadm.Offsets{}
	cut.AddOffset(l.Topic(topics.Rejected), 0, 1, -1)
	if _, err := l.admin(t).DeleteRecords(within(t), cut); err != nil {
		t.Fatal(err)
	}
	if _, err := l.admin(t).DeleteGroups(within(t), l.Group(eventlog.GroupArchiver)); err != nil {
		t.Fatal(err)
	}
	if _, err := eventlog.Provision(within(t), l.Config, local()); !errors.Is(err, eventlog.ErrNoBeginning) {
		t.Errorf("got %v", err)
	}
}

func policyInEachPartition(t *testing.T, l log) {
	l.provision(t)
	policy := &vigiev1.Policy{Version: 3, AtMs: 1_700_000_000_000, Author: "alice",
		Classes: []*vigiev1.ClassPolicy{{HeardAgainWindowMs: 300_000}}}
	if err := eventlog.EnsurePolicy(within(t), l.Config, policy, partitions); err != nil {
		t.Fatal(err)
	}
	want, err := eventlog.PolicyHash(policy)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int32]int{}
	read(t, l, topics.Events, eventlog.FromStart(), func(r *kgo.Record) {
		var got vigiev1.LogRecord
		if err := proto.Unmarshal(r.Value, &got); err != nil {
			t.Fatal(err)
		}
		p := got.GetPolicy()
		if r.Key != nil || len(r.Headers) != 1 || string(r.Headers[0].Value) != "policy" || p.GetVersion() != 3 || string(p.GetContentHash()) != string(want) {
			t.Errorf("partition %d: %v", r.Partition, &got)
		}
		seen[r.Partition]++
	})
	for p := range int32(partitions) {
		if seen[p] != 1 {
			t.Errorf("partition %d has the policy %d times", p, seen[p])
		}
	}
	policy.ContentHash = []byte("another")
	if err := eventlog.EnsurePolicy(within(t), l.Config, policy, partitions); err == nil {
		t.Error("a content_hash that is not its own was accepted")
	}
}

func TestOldBrokersAreRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		version *kversion.Versions
		want    error
		warns   bool
	}{
		{"2.4", kversion.V2_4_0(), eventlog.ErrOldBroker, false},
		{"3.9", kversion.V3_9_0(), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.MaxVersions(c.version))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			report, err := eventlog.Provision(within(t), eventlog.Config{Brokers: cluster.ListenAddrs()}, local())
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if warned := strings.Contains(strings.Join(report.Warnings, "\n"), "before 4.0"); warned != c.warns {
				t.Errorf("warnings: %q", report.Warnings)
			}
		})
	}
}

func TestNoBrokerIsAnErrorThatNamesIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := eventlog.Provision(ctx, eventlog.Config{Brokers: []string{"127.0.0.1:1"}}, local())
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
}
