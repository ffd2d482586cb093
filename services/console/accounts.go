package console

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// accounts is the console's copy of vigie.accounts: which site an account is bound
// to, by ids.AccountKey. Safe for concurrent use.
type accounts struct {
	// ready is closed once the copy was whole.
	ready chan struct{}
	once  sync.Once

	mu    sync.RWMutex
	sites map[string]uint64
}

func newAccounts() *accounts {
	return &accounts{ready: make(chan struct{}), sites: map[string]uint64{}}
}

// follow keeps the copy until ctx ends; after a failure it is read anew.
func (a *accounts) follow(ctx context.Context, c *Console) error {
	for ctx.Err() == nil {
		err := a.read(ctx, c)
		if ctx.Err() != nil {
			return nil
		}
		c.deps.Log.Warn("the accounts are read anew; the copy at hand is used meanwhile", "error", err)
		pause(ctx, rebuildEvery)
	}
	return nil
}

func (a *accounts) read(ctx context.Context, c *Console) error {
	tail := eventlog.NewTail(c.deps.Kafka, eventlog.TailOptions{
		Topic: topics.Accounts, From: eventlog.FromStart(),
		Each:     func(r *kgo.Record) error { a.apply(r); return nil },
		CaughtUp: func() { a.once.Do(func() { close(a.ready) }) },
	}, c.deps.Log)
	return tail.Run(ctx)
}

func (a *accounts) known() bool {
	select {
	case <-a.ready:
		return true
	default:
		return false
	}
}

// apply takes a record over; one that cannot be read changes nothing.
func (a *accounts) apply(r *kgo.Record) {
	var b vigiev1.AccountBinding
	gone := r.Value == nil
	if !gone && (proto.Unmarshal(r.Value, &b) != nil || b.GetSite() == 0) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if gone {
		delete(a.sites, string(r.Key))
		return
	}
	a.sites[string(r.Key)] = b.GetSite()
}

// site finds the site of an account, as receivers do: the one that it is bound to,
// else the one that stands for it.
func (a *accounts) site(line uint32, account string) (site uint64, bound bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if site, bound = a.sites[ids.AccountKey(line, account)]; bound {
		return site, true
	}
	return ids.UndeclaredSite(line, account), false
}

// maxLines that are named where an account is not on the one asked for.
const maxLines = 5

// lines on which an account of that name is bound, ascending.
func (a *accounts) lines(account string) []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var found []uint64
	for key := range a.sites {
		line, of, _ := strings.Cut(key, "/")
		if n, err := strconv.ParseUint(line, 10, 32); err == nil && strings.EqualFold(of, account) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	var out []string
	for _, n := range found[:min(len(found), maxLines)] {
		out = append(out, strconv.FormatUint(n, 10))
	}
	return out
}
