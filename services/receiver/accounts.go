package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// readAgain is the pause before accounts are read anew after a failure.
const readAgain = time.Second

// accounts is the receiver's own copy of vigie.accounts: which site an account
// stands for. It is complete once ready is closed, and follows the topic.
type accounts struct {
	kafka eventlog.Config
	log   *slog.Logger
	ready chan struct{}
	once  sync.Once

	mu    sync.RWMutex
	sites map[string]binding // by ids.AccountKey
}

type binding struct{ site, version uint64 }

func newAccounts(kafka eventlog.Config, log *slog.Logger) *accounts {
	return &accounts{kafka: kafka, log: log, ready: make(chan struct{}), sites: map[string]binding{}}
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

// run follows the topic until ctx ends. It fails when the topic is missing at
// the start; any later failure is told and the topic read anew, while the copy
// at hand goes on serving.
func (a *accounts) run(ctx context.Context) error {
	for {
		err := a.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, eventlog.ErrNoTopic) && !a.known() {
			return fmt.Errorf("the accounts: %w", err)
		}
		a.log.Error("following the accounts failed; the copy at hand is used while they are read anew", "accounts", a.count(), "error", err)
		select {
		case <-time.After(readAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *accounts) known() bool {
	select {
	case <-a.ready:
		return true
	default:
		return false
	}
}

// follow reads the topic from its start, and closes ready once the copy is complete.
func (a *accounts) follow(ctx context.Context) error {
	tail := eventlog.NewTail(a.kafka, eventlog.TailOptions{
		Topic: topics.Accounts, From: eventlog.FromStart(),
		Each: func(r *kgo.Record) error { a.apply(r); return nil },
	}, a.log)
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-tail.CaughtUp():
			a.once.Do(func() { close(a.ready) })
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel()
	return tail.Run(ctx)
}

// apply takes one record over. One that cannot be read is told and passed by: a
// receiver that stops for it would lose every panel's alarms.
func (a *accounts) apply(r *kgo.Record) {
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
