package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"strconv"
	"strings"
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
	sites bindings
	// odd are bindings of what no frame can name, by ids.AccountKey.
	odd map[string]binding
}

type binding struct{ site, version uint64 }

func newAccounts(kafka eventlog.Config, log *slog.Logger) *accounts {
	return &accounts{kafka: kafka, log: log, ready: make(chan struct{}), odd: map[string]binding{}}
}

// name is an account of a line: the line in the upper 24 bits, below it the account as
// a number of up to 16 digits between 1 and 36: nothing that the garbage collector
// would follow.
type name struct{ hi, lo uint64 }

// maxNamed is the longest account that a name can hold.
const maxNamed = 16

// nameOf is false for what is no line, or no account of letters and digits.
func nameOf(line uint32, account string) (n name, ok bool) {
	if line >= 1<<24 || len(account) > maxNamed {
		return n, false
	}
	for i := range len(account) {
		var digit uint64
		switch c := account[i]; {
		case c >= '0' && c <= '9':
			digit = uint64(c-'0') + 1
		case c >= 'A' && c <= 'Z':
			digit = uint64(c-'A') + 11
		case c >= 'a' && c <= 'z':
			digit = uint64(c-'a') + 11
		default:
			return n, false
		}
		over, lo := bits.Mul64(n.lo, 37)
		var carry uint64
		n.lo, carry = bits.Add64(lo, digit, 0)
		n.hi = n.hi*37 + over + carry
	}
	n.hi |= uint64(line) << 40 // 37^16 is below 2^84
	return n, true
}

// site finds the site of an account and the version of the binding. An account
// that nobody bound has a site of its own, and version 0.
func (a *accounts) site(line uint32, account string) (site, version uint64) {
	n, ok := nameOf(line, account)
	a.mu.RLock()
	defer a.mu.RUnlock()
	var b binding
	if ok {
		b, ok = a.sites.get(n)
	} else {
		b, ok = a.odd[ids.AccountKey(line, account)]
	}
	if ok {
		return b.site, b.version
	}
	return ids.UndeclaredSite(line, account), 0
}

// set takes a binding over, or forgets it when it has no site; key as in the topic.
func (a *accounts) set(key string, b binding) {
	number, account, found := strings.Cut(key, "/")
	line, err := strconv.ParseUint(number, 10, 32)
	n, ok := nameOf(uint32(line), account)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch named := found && err == nil && ok; {
	case named && b.site == 0:
		a.sites.delete(n)
	case named:
		a.sites.set(n, b)
	case b.site == 0:
		delete(a.odd, key)
	default:
		a.odd[key] = b
	}
}

func (a *accounts) count() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.sites.n + len(a.odd)
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
		Each:     func(r *kgo.Record) error { a.apply(r); return nil },
		CaughtUp: func() { a.once.Do(func() { close(a.ready) }) },
	}, a.log)
	return tail.Run(ctx)
}

// apply takes one record over. One that cannot be read is told and passed by: a
// receiver that stops for it would lose every panel's alarms.
func (a *accounts) apply(r *kgo.Record) {
	if r.Value == nil {
		a.set(string(r.Key), binding{})
		return
	}
	var b vigiev1.AccountBinding
	if err := proto.Unmarshal(r.Value, &b); err != nil || b.GetSite() == 0 {
		a.log.Error("a binding of an account cannot be read; the account keeps what it had", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
		return
	}
	a.set(string(r.Key), binding{site: b.GetSite(), version: b.GetVersion()})
}
