// Package transmissions answers what a panel sent lately, out of the log itself:
// each receipt raw and decoded, what became of it, and how regularly it polled.
//
// The log is read from its newest minute backwards, until the asked time, the limit
// or the patience is reached; only what concerns the site is kept. So an answer
// costs what passed in the site's partition meanwhile, never what is stored in all,
// and it shows an event as soon as its panel has the ACK.
package transmissions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

const (
	// slack covers that records of several writers stand in a partition only nearly
	// in the order of their time.
	slack = 2 * time.Second
	// patience bounds the reading; what was not reached is said.
	patience = 4 * time.Second
	// maxPolls of a path are kept for its regularity; more are counted.
	maxPolls = 50_000
	// maxPending outcomes of events wait for them.
	maxPending = 10_000
)

// steps back from now, each a reading of its own: the newest is what is asked for
// most, and nothing older is read once the limit is reached.
var steps = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour, 72 * time.Hour, 168 * time.Hour}

// ErrSlow: not even the newest minute could be read in time.
var ErrSlow = errors.New("the log could not be read in time")

// Vault opens what panels sent.
type Vault interface {
	Unseal(s *vigiev1.Sealed, aad []byte) ([]byte, error)
}

// Frames explains frames and codes.
type Frames interface {
	// Address finds line and account of a frame, however damaged.
	Address(raw []byte) (line uint32, account string, ok bool)
	// Shown is a frame for people to read, without keys.
	Shown(raw []byte) string
	// Explain says in "fr" or "en" what a frame says that came at a time.
	Explain(raw []byte, at time.Time, lang string) string
	// Meaning says in "fr" or "en" what a code means; "" when it is not known.
	Meaning(format, code, lang string) string
}

// Deps is what a reader is given.
type Deps struct {
	Log    *slog.Logger
	Kafka  eventlog.Config
	Vault  Vault
	Frames Frames
	Now    func() time.Time
}

// Reader reads answers. Safe for concurrent use.
type Reader struct {
	deps     Deps
	patience time.Duration
}

// New returns a reader.
func New(deps Deps) *Reader { return &Reader{deps, patience} }

// Question is what is asked.
type Question struct {
	Site uint64
	// Account and Line narrow the receipts to one account of the site, in any case;
	// "" takes all. Polls are the site's in any case: beats name no account.
	Account string
	Line    uint32
	// From and To bound the receipts, To excluded.
	From, To time.Time
	// Limit of receipts, the newest first.
	Limit int
	// Open shows raw frames and texts: personal data.
	Open bool
}

// Answer is what was found.
type Answer struct {
	// From is where the reading ended: nothing that came since is missing.
	From time.Time
	// More: receipts before From may exist within what was asked.
	More bool
	// Transmissions, the newest first.
	Transmissions []Transmission
	Polls         []SentPolls
}

// Read answers a question. ErrSlow when the log does not answer in time.
func (r *Reader) Read(ctx context.Context, q Question) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	cl, err := kgo.NewClient(r.deps.Kafka.ReaderOpts(r.deps.Log)...)
	if err != nil {
		return nil, fmt.Errorf("read what a panel sent: %w", err)
	}
	defer cl.Close()
	l, err := r.look(ctx, kadm.NewClient(cl), q)
	if err != nil {
		return nil, r.slow(ctx, err)
	}
	reached := q.To
	for _, from := range windows(q.From, q.To, r.deps.Now()) {
		if err := l.read(ctx, from, reached); err != nil {
			if err = r.slow(ctx, err); !errors.Is(err, ErrSlow) || reached.Equal(q.To) {
				return nil, err
			}
			break
		}
		if reached = from; len(l.receipts) >= q.Limit {
			break
		}
	}
	return l.answer(reached), nil
}

// slow tells a reading that took too long from one that failed.
func (r *Reader) slow(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w, within %s", ErrSlow, r.patience)
	}
	return fmt.Errorf("read what a panel sent: %w", err)
}

// windows are the beginnings of the readings, newest first.
func windows(from, to, now time.Time) []time.Time {
	var out []time.Time
	for _, back := range steps {
		if at := now.Add(-back); at.After(from) && at.Before(to) {
			out = append(out, at)
		}
	}
	return append(out, from)
}

// looking is one question under way.
type looking struct {
	*Reader
	q       Question
	admin   *kadm.Client
	end     kadm.ListedOffsets
	mine    int32
	siteKey string

	receipts []Transmission // the newest first
	polls    map[uint32]*polled
	outcomes map[string]*vigiev1.EventOutcome
}

func (r *Reader) look(ctx context.Context, admin *kadm.Client, q Question) (*looking, error) {
	l := &looking{Reader: r, q: q, admin: admin, siteKey: string(topics.SiteKey(q.Site)), polls: map[uint32]*polled{}, outcomes: map[string]*vigiev1.EventOutcome{}}
	var err error
	if l.end, err = admin.ListCommittedOffsets(ctx, l.topics()...); err == nil {
		err = l.end.Error()
	}
	if err != nil {
		return nil, err
	}
	l.mine = topics.PartitionOf(q.Site, int32(len(l.end[l.topic(topics.Events)])))
	return l, nil
}

func (l *looking) topic(name string) string { return l.deps.Kafka.Topic(name) }

func (l *looking) topics() []string {
	return []string{l.topic(topics.Events), l.topic(topics.Outcomes), l.topic(topics.Rejected)}
}

// read takes what came from one moment to another.
func (l *looking) read(ctx context.Context, from, to time.Time) error {
	starts, err := l.admin.ListOffsetsAfterMilli(ctx, from.Add(-slack).UnixMilli(), l.topics()...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return err
	}
	ends, err := l.ends(ctx, to)
	if err != nil {
		return err
	}
	w := &window{looking: l, from: from.UnixMilli(), to: to.UnixMilli(), polls: map[uint32]*polled{}}
	spans := map[string]map[int32]span{}
	starts.Each(func(o kadm.ListedOffset) {
		end, _ := ends.Lookup(o.Topic, o.Partition)
		if o.Topic != l.topic(topics.Rejected) && o.Partition != l.mine || o.Offset >= end.Offset {
			return
		}
		if spans[o.Topic] == nil {
			spans[o.Topic] = map[int32]span{}
		}
		spans[o.Topic][o.Partition] = span{o.Offset, end.Offset}
	})
	if err := scan(ctx, l.deps, spans, w.take); err != nil {
		return err
	}
	w.close()
	return nil
}

// ends are the offsets where a window ends: of the newest that of the log.
func (l *looking) ends(ctx context.Context, to time.Time) (kadm.ListedOffsets, error) {
	if !to.Add(slack).Before(l.deps.Now()) {
		return l.end, nil
	}
	ends, err := l.admin.ListOffsetsAfterMilli(ctx, to.Add(slack).UnixMilli(), l.topics()...)
	if err == nil {
		err = ends.Error()
	}
	return ends, err
}

// span of offsets, the end excluded.
type span struct{ from, to int64 }

// scan hands over the committed records of spans.
func scan(ctx context.Context, deps Deps, spans map[string]map[int32]span, each func(*kgo.Record)) error {
	at, left := map[string]map[int32]kgo.Offset{}, 0
	for topic, parts := range spans {
		at[topic] = map[int32]kgo.Offset{}
		for p, s := range parts {
			at[topic][p] = kgo.NewOffset().At(s.from)
			left++
		}
	}
	if left == 0 {
		return nil
	}
	// Markers of transactions may be the last records of a span.
	cl, err := kgo.NewClient(append(deps.Kafka.ReaderOpts(deps.Log), kgo.ConsumePartitions(at), kgo.KeepControlRecords())...)
	if err != nil {
		return err
	}
	defer cl.Close()
	done := map[string]map[int32]bool{}
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for iter := fetches.RecordIter(); !iter.Done(); {
			r := iter.Next()
			s := spans[r.Topic][r.Partition]
			if r.Offset < s.to && !r.Attrs.IsControl() {
				each(r)
			}
			if r.Offset+1 >= s.to && !done[r.Topic][r.Partition] {
				if done[r.Topic] == nil {
					done[r.Topic] = map[int32]bool{}
				}
				done[r.Topic][r.Partition] = true
				left--
			}
		}
	}
	return nil
}

// answer puts together what was read back to a moment.
func (l *looking) answer(reached time.Time) *Answer {
	a := &Answer{From: reached, More: reached.After(l.q.From), Transmissions: l.receipts}
	if n := len(a.Transmissions); n > l.q.Limit {
		a.Transmissions, a.More = a.Transmissions[:l.q.Limit], true
		a.From = time.UnixMilli(a.Transmissions[l.q.Limit-1].ReceivedAtMS)
	}
	for i := range a.Transmissions {
		l.settle(&a.Transmissions[i])
	}
	for path, p := range l.polls {
		a.Polls = append(a.Polls, p.summary(path))
	}
	slices.SortFunc(a.Polls, func(x, y SentPolls) int { return int(x.Path) - int(y.Path) })
	return a
}
