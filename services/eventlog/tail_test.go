package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
)

// tail runs a reader until the test ends.
func tail(t *testing.T, l log, topic string, from eventlog.From, each func(*kgo.Record)) *eventlog.Tail {
	t.Helper()
	reader := eventlog.NewTail(l.Config, eventlog.TailOptions{Topic: topic, From: from, Each: func(r *kgo.Record) error {
		each(r)
		return nil
	}}, discard)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reader.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("tail: %v", err)
		}
	})
	select {
	case <-reader.CaughtUp():
	case <-within(t).Done():
		t.Fatalf("not caught up: at %v", reader.Positions())
	}
	return reader
}

// read reads what is there and returns.
func read(t *testing.T, l log, topic string, from eventlog.From, each func(*kgo.Record)) {
	t.Helper()
	t.Run("read "+topic, func(t *testing.T) { tail(t, l, topic, from, each) })
}

// values collects the values that a tail passes on.
type values struct {
	mu   sync.Mutex
	list []string
}

func (v *values) add(r *kgo.Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, string(r.Value))
}

func (v *values) sorted() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(slices.Values(v.list))
}

// transact puts values in one transaction and commits or aborts it.
func (l log) transact(t *testing.T, topic string, end kgo.TransactionEndTry, values ...string) {
	t.Helper()
	cl, err := kgo.NewClient(append(l.IngestOpts(discard), kgo.TransactionalID(l.Topic("writer")))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		r := &kgo.Record{Topic: l.Topic(topic), Partition: int32(i) % partitions, Value: []byte(v)}
		if err := cl.ProduceSync(within(t), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(within(t), end); err != nil {
		t.Fatal(err)
	}
}

func readCommitted(t *testing.T, l log) {
	l.provision(t)
	l.transact(t, topics.Detections, kgo.TryCommit, "a", "b", "c")
	l.transact(t, topics.Detections, kgo.TryAbort, "x", "y", "z", "w", "v")
	// The tail catches up although its partitions end with markers.
	var got values
	tail(t, l, topics.Detections, eventlog.FromStart(), got.add)
	l.transact(t, topics.Detections, kgo.TryAbort, "u")
	l.transact(t, topics.Detections, kgo.TryCommit, "d")
	eventually(t, "d is read", func() bool { return len(got.sorted()) >= 4 })
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got.sorted(), want) {
		t.Errorf("read %q, want %q", got.sorted(), want)
	}
}

func tailBegins(t *testing.T, l log) {
	l.provision(t)
	l.putAt(t, topics.Events, 0, "a", "b", "c")
	l.putAt(t, topics.Events, 1, "k", "l")
	for _, c := range []struct {
		name string
		from eventlog.From
		want []string
	}{
		{"start", eventlog.FromStart(), []string{"a", "b", "c", "k", "l"}},
		{"end", eventlog.FromEnd(), nil},
		{"offsets", eventlog.FromOffsets(map[int32]int64{0: 2, 1: 2}), []string{"c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got values
			reader := tail(t, l, topics.Events, c.from, got.add)
			if !slices.Equal(got.sorted(), c.want) {
				t.Errorf("caught up with %q, want %q", got.sorted(), c.want)
			}
			if want := map[int32]int64{0: 3, 1: 2, 2: 0, 3: 0}; !maps.Equal(reader.Positions(), want) {
				t.Errorf("positions %v, want %v", reader.Positions(), want)
			}
		})
	}
	missing := eventlog.NewTail(l.Config, eventlog.TailOptions{Topic: "no-such"}, discard)
	if err := missing.Run(within(t)); !errors.Is(err, eventlog.ErrNoTopic) {
		t.Errorf("a topic that is not there: %v", err)
	}
	mine := errors.New("mine")
	failing := eventlog.NewTail(l.Config, eventlog.TailOptions{Topic: topics.Events, Each: func(*kgo.Record) error { return mine }}, discard)
	if err := failing.Run(within(t)); !errors.Is(err, mine) {
		t.Errorf("an error of Each: %v", err)
	}
}

func gapStopsTail(t *testing.T, l log) {
	l.provision(t)
	l.putAt(t, topics.Events, 0, "a", "b", "c")
	cut := kadm.Offsets{}
	cut.AddOffset(l.Topic(topics.Events), 0, 2, -1)
	if _, err := l.admin(t).DeleteRecords(within(t), cut); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{1, 9} {
		reader := eventlog.NewTail(l.Config, eventlog.TailOptions{Topic: topics.Events,
			From: eventlog.FromOffsets(map[int32]int64{0: at}), Each: func(*kgo.Record) error { return nil }}, discard)
		if err := reader.Run(within(t)); !errors.Is(err, eventlog.ErrGap) {
			t.Errorf("from offset %d: %v", at, err)
		}
	}
	var got values
	tail(t, l, topics.Events, eventlog.FromStart(), got.add)
	if !slices.Equal(got.sorted(), []string{"c"}) {
		t.Errorf("from the start: %q", got.sorted())
	}
}

// flushed: with durability "power" the broker writes each record of vigie.events
// to the disk before it acknowledges; with "process" it does not.
func flushed(t *testing.T, l log) {
	l.provision(t)
	for topic, want := range map[string]string{topics.Events: "1", topics.SiteStates: "9223372036854775807"} {
		if got := l.setting(t, topic, "flush.messages"); got != want {
			t.Errorf("flush.messages of %s: %s, want %s", topic, got, want)
		}
	}
	for key, want := range map[string]string{"message.timestamp.after.max.ms": "300000", "message.timestamp.before.max.ms": "604800000"} {
		if got := l.setting(t, topics.Events, key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if got := l.setting(t, topics.SiteStates, "min.compaction.lag.ms"); got != "3600000" {
		t.Errorf("min.compaction.lag.ms of site-states: %s", got)
	}
	opts := local()
	opts.Durability = broker.Process
	report, err := eventlog.Provision(within(t), l.Config, opts)
	if err != nil || len(report.Warnings) != 0 {
		t.Fatalf("%v, warnings %q", err, report.Warnings)
	}
	eventually(t, "durability process does not flush", func() bool {
		return l.setting(t, topics.Events, "flush.messages") == "9223372036854775807"
	})
	if _, err := eventlog.Provision(within(t), l.Config, eventlog.Options{Partitions: partitions, Replication: 1, Log: discard}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a cluster that holds one copy is flushed", func() bool {
		return l.setting(t, topics.Events, "flush.messages") == "1"
	})
}

// survivesKill kills the broker twice while one client writes and a tail reads:
// what was acknowledged is read, in order, once.
func survivesKill(t *testing.T, l log, k *broker.Kafka) {
	l.provision(t)
	var got values
	tail(t, l, topics.Events, eventlog.FromStart(), got.add)
	cl, err := kgo.NewClient(l.IngestOpts(discard)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	const each = 500
	for round := range 3 {
		if round > 0 {
			pid := k.Pid()
			if pid == 0 {
				t.Fatal("the broker does not run")
			}
			kill9(t, pid)
		}
		var acks sync.WaitGroup
		for i := range each {
			acks.Add(1)
			r := &kgo.Record{Topic: l.Topic(topics.Events), Value: fmt.Appendf(nil, "%06d", round*each+i)}
			cl.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
				defer acks.Done()
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
		}
		acks.Wait()
	}
	eventually(t, "all acknowledged records are read", func() bool { return len(got.sorted()) >= 3*each })
	got.mu.Lock()
	defer got.mu.Unlock()
	for i, v := range got.list {
		if v != fmt.Sprintf("%06d", i) {
			t.Fatalf("record %d is %s: out of order, lost or doubled", i, v)
		}
	}
}
