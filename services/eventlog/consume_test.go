package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

// ledger is a handler that keeps what it consumed beside the offset that makes
// it final, as a warehouse does: a record counts once its offset was safe.
type ledger struct {
	mu      sync.Mutex
	values  []string
	commits map[eventlog.Partition]eventlog.Committed
	at      map[eventlog.Partition]eventlog.Committed
	owned   map[eventlog.Partition]bool
	revoked int
	idle    int
	fail    func() error
}

func newLedger() *ledger {
	return &ledger{
		commits: map[eventlog.Partition]eventlog.Committed{}, at: map[eventlog.Partition]eventlog.Committed{},
		owned: map[eventlog.Partition]bool{}, fail: func() error { return nil },
	}
}

func (g *ledger) Assigned(ctx context.Context, p eventlog.Partition, at eventlog.Committed, commit eventlog.Commit) error {
	if p.Number == 0 {
		// A plan stands in the metadata before the work is done.
		if err := commit(ctx, eventlog.Committed{Offset: at.Offset, Metadata: "plan"}); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.owned[p] {
		panic("assigned twice")
	}
	g.owned[p], g.at[p] = true, at
	g.commits[p] = at
	return nil
}

func (g *ledger) Consume(_ context.Context, p eventlog.Partition, records []*kgo.Record) (eventlog.Committed, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fail(); err != nil {
		return eventlog.Committed{}, err
	}
	if records == nil {
		g.idle++
	}
	at := g.at[p]
	for _, r := range records {
		if r.Offset < at.Offset {
			return at, fmt.Errorf("offset %d again: %w", r.Offset, eventlog.ErrStop)
		}
		g.values = append(g.values, string(r.Value))
		at = eventlog.Committed{Offset: r.Offset + 1, Metadata: "done " + strconv.FormatInt(r.Offset, 10)}
	}
	g.at[p] = at
	return at, nil
}

func (g *ledger) Revoked(p eventlog.Partition) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.owned, p)
	g.revoked++
}

func (g *ledger) has(n int) func() bool {
	return func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.values) >= n
	}
}

func (g *ledger) partitions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.owned)
}

func archiver(l log, h eventlog.Handler, instance string, every time.Duration) *eventlog.Consumer {
	return eventlog.NewConsumer(l.Config, eventlog.ConsumerOptions{
		Group: eventlog.GroupArchiver, Topics: []string{topics.Events}, Instance: instance,
		CommitEvery: every, IdleEvery: 10 * time.Millisecond,
	}, h, discard)
}

// consume runs a member; stop ends it and returns Run's error.
func consume(t *testing.T, c *eventlog.Consumer) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

func groupCommits(t *testing.T, l log) {
	l.provision(t)
	l.putAt(t, topics.Events, 0, "a", "b", "c")
	g := newLedger()
	// No commit is due before the stop: what stands then, the stop committed.
	stop := consume(t, archiver(l, g, "one", time.Hour))
	eventually(t, "the records are consumed", g.has(3))
	eventually(t, "the handler is called without records", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.idle > 0
	})
	if got := l.committed(t, eventlog.GroupArchiver, topics.Events); got.At != 0 || got.Metadata != "plan" {
		t.Errorf("the plan: committed %d %q", got.At, got.Metadata)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := l.committed(t, eventlog.GroupArchiver, topics.Events); got.At != 3 || got.Metadata != "done 2" {
		t.Errorf("committed %d %q, want 3 \"done 2\"", got.At, got.Metadata)
	}
	if g.partitions() != 0 || g.revoked != partitions {
		t.Errorf("owned %d, revoked %d", g.partitions(), g.revoked)
	}
	again := newLedger()
	l.putAt(t, topics.Events, 0, "d")
	stop = consume(t, archiver(l, again, "one", time.Millisecond))
	eventually(t, "the next record is consumed", again.has(1))
	eventually(t, "it is committed by the clock", func() bool { return l.committed(t, eventlog.GroupArchiver, topics.Events).At == 4 })
	if err := stop(); err != nil || !slices.Equal(again.values, []string{"d"}) {
		t.Errorf("%v, consumed %q", err, again.values)
	}
}

func groupMoves(t *testing.T, l log) {
	l.provision(t)
	one, two := newLedger(), newLedger()
	const each = 50
	put := func(from int) {
		for p := range int32(partitions) {
			var vs []string
			for i := range each {
				vs = append(vs, fmt.Sprintf("%d/%03d", p, from+i))
			}
			l.putAt(t, topics.Events, p, vs...)
		}
	}
	stopOne := consume(t, archiver(l, one, "", 10*time.Millisecond))
	eventually(t, "one owns all", func() bool { return one.partitions() == partitions })
	put(0)
	stopTwo := consume(t, archiver(l, two, "", 10*time.Millisecond))
	put(each)
	eventually(t, "they share", func() bool { return one.partitions() == partitions/2 && two.partitions() == partitions/2 })
	put(2 * each)
	if err := stopOne(); err != nil {
		t.Fatal(err)
	}
	put(3 * each)
	eventually(t, "all is consumed", func() bool {
		one.mu.Lock()
		defer one.mu.Unlock()
		two.mu.Lock()
		defer two.mu.Unlock()
		return len(one.values)+len(two.values) >= 4*each*partitions
	})
	if err := stopTwo(); err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(slices.Values(append(one.values, two.values...)))
	if n := len(slices.Compact(slices.Clone(got))); n != 4*each*partitions || len(got) != n {
		t.Errorf("%d records, %d different, want %d", len(got), n, 4*each*partitions)
	}
}

func handlerRetries(t *testing.T, l log) {
	l.provision(t)
	l.putAt(t, topics.Events, 0, "a", "b")
	g := newLedger()
	tries := 0
	g.fail = func() error {
		if tries++; tries <= 3 {
			return errors.New("the warehouse is away")
		}
		return nil
	}
	stop := consume(t, archiver(l, g, "one", time.Millisecond))
	eventually(t, "the records are consumed in the end", g.has(2))
	if err := stop(); err != nil || len(g.values) != 2 {
		t.Errorf("%v, %q", err, g.values)
	}

	broken := newLedger()
	broken.fail = func() error { return fmt.Errorf("a log that contradicts itself: %w", eventlog.ErrStop) }
	if err := archiver(l, broken, "one", time.Second).Run(within(t)); !errors.Is(err, eventlog.ErrStop) {
		t.Errorf("an error that no repetition mends: %v", err)
	}

	back := &goesBack{newLedger()}
	l.putAt(t, topics.Events, 0, "c")
	if err := archiver(l, back, "one", time.Second).Run(within(t)); !errors.Is(err, eventlog.ErrStop) {
		t.Errorf("a handler that goes back: %v", err)
	}

	if _, err := l.admin(t).DeleteGroups(within(t), l.Group(eventlog.GroupArchiver)); err != nil {
		t.Fatal(err)
	}
	unprovisioned := eventlog.NewConsumer(eventlog.Config{Brokers: l.Brokers, TopicPrefix: l.TopicPrefix},
		eventlog.ConsumerOptions{Group: "stranger", Topics: []string{topics.Events}}, newLedger(), discard)
	if err := unprovisioned.Run(within(t)); !errors.Is(err, eventlog.ErrNoCommit) {
		t.Errorf("a group without a commit: %v", err)
	}
}

// goesBack says that less is safe than was.
type goesBack struct{ *ledger }

func (g *goesBack) Consume(context.Context, eventlog.Partition, []*kgo.Record) (eventlog.Committed, error) {
	return eventlog.Committed{}, nil
}

// A member that was thrown out must not commit: another one may own the
// partition and have done more.
func TestLossCommitsNothing(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	l := log{eventlog.Config{Brokers: cluster.ListenAddrs()}}
	l.provision(t)
	l.putAt(t, topics.Events, 0, "a", "b")
	g := newLedger()
	stop := consume(t, archiver(l, g, "", time.Hour))
	eventually(t, "the records are consumed", g.has(2))
	cluster.ControlKey(int16(kmsg.Heartbeat), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		resp := kreq.ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = kerr.UnknownMemberID.Code
		return resp, nil, true // once
	})
	eventually(t, "the partition comes back at its old commit", g.has(4))
	g.mu.Lock()
	at, revoked := g.commits[eventlog.Partition{Topic: l.Topic(topics.Events)}], g.revoked
	g.mu.Unlock()
	if at.Offset != 0 || revoked != partitions {
		t.Errorf("assigned anew at %d after %d revocations", at.Offset, revoked)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := l.committed(t, eventlog.GroupArchiver, topics.Events); got.At != 2 {
		t.Errorf("the stop committed %d, want 2", got.At)
	}
}
