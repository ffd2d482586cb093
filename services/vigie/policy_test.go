package main

import (
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
)

// A release brings its own figures into the log, but not over those that a person set.
func TestAPolicyThatAPersonSetStands(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg, quiet := eventlog.Config{Brokers: cluster.ListenAddrs()}, slog.New(slog.DiscardHandler)
	if _, err := eventlog.Provision(t.Context(), cfg, eventlog.Options{Partitions: 1, Local: true}); err != nil {
		t.Fatal(err)
	}
	in := &installation{settings: &settings{kafka: cfg, log: quiet}, partitions: 1}
	in.cfg.Data = t.TempDir()
	newest := func() uint64 {
		t.Helper()
		p, err := eventlog.NewestPolicy(t.Context(), cfg, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return p.GetVersion()
	}
	start := func(speed float64) {
		t.Helper()
		if err := in.ensurePolicy(t.Context(), alarm.DemoPolicy(speed)); err != nil {
			t.Fatal(err)
		}
	}
	start(1)
	start(2) // another release
	if got := newest(); got != 2 {
		t.Fatalf("the release's own is version %d, want 2", got)
	}
	mine := alarm.Stamped(&vigiev1.Policy{Classes: []*vigiev1.ClassPolicy{{Storm: &vigiev1.StormPolicy{Alarms: 9}}}}, 3, 1)
	if err := eventlog.EnsurePolicy(t.Context(), cfg, mine, 1); err != nil {
		t.Fatal(err)
	}
	judgedBy(t, cfg, 3)
	start(4)
	if got := newest(); got != 3 {
		t.Errorf("version %d stands over the person's 3", got)
	}
}

// judgedBy says that the partition judges by a policy, as a processor does.
func judgedBy(t *testing.T, cfg eventlog.Config, version uint64) {
	t.Helper()
	cl, err := kgo.NewClient(cfg.IngestOpts(slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	value, err := proto.Marshal(&vigiev1.Progress{Offset: 1, PolicyVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Topic: cfg.Topic(topics.Progress), Partition: 0, Key: []byte("0"), Value: value}
	if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}
