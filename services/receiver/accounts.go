package receiver

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

const (
	// readAgain is the pause before accounts are read anew after a failure.
	readAgain = time.Second
	// quietEnd: a compacted topic can end in offsets that hold nothing; after
	// that long without a record or an error its end counts as reached.
	quietEnd = 3 * time.Second
)

// accounts is the receiver's own copy of vigie.accounts: which site an account
// stands for. It is complete once ready is closed, and follows the topic.
type accounts struct {
	kafka eventlog.Config
	topic string
	log   *slog.Logger
	ready chan struct{}
	once  sync.Once

	mu    sync.RWMutex
	sites map[string]binding // by ids.AccountKey
}

type binding struct{ site, version uint64 }

func newAccounts(kafka eventlog.Config, log *slog.Logger) *accounts {
	return &accounts{kafka: kafka, topic: kafka.Topic(topics.Accounts), log: log, ready: make(chan struct{}), sites: map[string]binding{}}
}

// site finds the site of an account and the version of the binding. An account
// that nobody bound has a site of its own, and version 0.
func (a *accounts) site(line uint32, account string) (site, version uint64) {
	var key [40]byte
	k := strconv.AppendUint(key[:0], uint64(line), 10)
	k = append(k, '/')
	for i := range len(account) {
		c := account[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		k = append(k, c)
	}
	a.mu.RLock()
	b, ok := a.sites[string(k)]
	a.mu.RUnlock()
	if ok {
		return b.site, b.version
	}
	return ids.UndeclaredSite(line, account), 0
}

func (a *accounts) count() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.sites)
}

// run follows the topic until ctx ends. A failure is told and begun anew: the
// copy at hand goes on serving.
func (a *accounts) run(ctx context.Context) error {
	for {
		err := a.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		a.log.Warn("reading the accounts failed; the copy at hand is used meanwhile", "topic", a.topic, "accounts", a.count(), "error", err)
		select {
		case <-time.After(readAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *accounts) follow(ctx context.Context) error {
	client, err := kgo.NewClient(append(a.kafka.ReaderOpts(a.log), kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("the Kafka client: %w", err)
	}
	defer client.Close()
	left, err := a.assign(ctx, client)
	if err != nil {
		return err
	}
	return a.poll(ctx, client, left)
}

// assign reads every partition from its start, and tells where each ended.
func (a *accounts) assign(ctx context.Context, client *kgo.Client) (map[int32]int64, error) {
	admin := kadm.NewClient(client)
	ends, err := admin.ListCommittedOffsets(ctx, a.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("listing the ends of %s (does it exist? `vigie provision` makes it): %w", a.topic, err)
	}
	starts, err := admin.ListStartOffsets(ctx, a.topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("listing the starts of %s: %w", a.topic, err)
	}
	left := map[int32]int64{}
	assigned := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		assigned[o.Partition] = kgo.NewOffset().AtStart()
		if start, ok := starts.Lookup(o.Topic, o.Partition); !ok || o.Offset > start.Offset {
			left[o.Partition] = o.Offset
		}
	})
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{a.topic: assigned})
	return left, nil
}

// poll applies bindings; ready is closed once all that was there at the start
// has been read.
func (a *accounts) poll(ctx context.Context, client *kgo.Client, left map[int32]int64) error {
	for {
		if len(left) == 0 {
			a.once.Do(func() { close(a.ready) })
		}
		wait, cancel := ctx, context.CancelFunc(func() {})
		if len(left) > 0 {
			wait, cancel = context.WithTimeout(ctx, quietEnd)
		}
		fetches := client.PollFetches(wait)
		quiet := wait.Err() != nil && fetches.NumRecords() == 0
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if quiet {
			clear(left)
			continue
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			a.apply(r)
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
	}
}

// apply takes one record over. One that cannot be read is told and passed by: a
// receiver that stops for it would lose every panel's alarms.
func (a *accounts) apply(r *kgo.Record) {
	if r.Attrs.IsControl() {
		return
	}
	if r.Value == nil {
		a.mu.Lock()
		delete(a.sites, string(r.Key))
		a.mu.Unlock()
		return
	}
	var b vigiev1.AccountBinding
	if err := proto.Unmarshal(r.Value, &b); err != nil || b.GetSite() == 0 {
		a.log.Error("a binding of an account cannot be read; the account keeps what it had", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
		return
	}
	a.mu.Lock()
	a.sites[string(r.Key)] = binding{site: b.GetSite(), version: b.GetVersion()}
	a.mu.Unlock()
}
