package archiver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
)

// ErrPlanGone: the records of a planned block are no longer what they were, and
// whether the block was inserted cannot be known any more.
var ErrPlanGone = errors.New("the log no longer holds the block that was planned: compare with `vigie verify warehouse`, then set the group's offset by hand")

// handler archives the partitions that the consumer gives it.
type handler struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	logs    *logNames
	backlog *backlog
	// gate holds blocks back; nil for none.
	gate *gate
	// reject says on vigie.rejected what was set aside; nil where nobody is told.
	reject func(context.Context, *vigiev1.Rejected) error
	// prepare makes blocks ready ahead; nil to do so when they are inserted. gotReady
	// is how many are.
	prepare  prepareFunc
	gotReady atomic.Int32

	mu    sync.Mutex
	parts map[eventlog.Partition]*part
}

// part is one partition under way. One goroutine uses it.
type part struct {
	p      eventlog.Partition
	topic  string
	log    string
	commit eventlog.Commit
	// done is the next unit to archive; next the next one to take into block.
	done, next position
	// recover is the plan of whoever had the partition before; nil when none.
	recover *plan
	block   *block
	reader  *reader
	// planned says that block's plan is committed, closing that the block takes
	// no more units until it is archived.
	planned, closing bool
	since            time.Time
	// limit is how many units fill the block, lent of them beyond the usual.
	limit, lent int
	// split is how far the block is in pieces, or the one ahead of it; nil while it
	// goes whole.
	split *split
	// doubt says that an insert of the block may have had an effect that nobody told us
	// of: an answer was lost, or the block was planned by another.
	doubt bool
	// looked says that floor is known: the offset of the last row that stands in the
	// warehouse though nothing committed tells of it; -1 for none.
	looked bool
	floor  int64
	// flight is the block before, on its way while this one is filled; nil for none.
	flight *flight
}

// Assigned takes a partition over, with the plan that its last owner left.
func (h *handler) Assigned(ctx context.Context, p eventlog.Partition, at eventlog.Committed, commit eventlog.Commit) error {
	n, err := parseNote(at.Metadata)
	if err != nil {
		return fmt.Errorf("%w: %w", eventlog.ErrStop, err)
	}
	log, err := h.logs.of(ctx, p)
	if err != nil {
		return err
	}
	x := &part{p: p, topic: h.shortName(p.Topic), log: log, commit: commit, recover: n.plan, limit: h.cfg.BlockUnits, floor: -1}
	x.done = position{at.Offset, n.index}
	x.next = x.done
	if n.plan != nil {
		if n.plan.log != log {
			return fmt.Errorf("%w: %s, partition %d: the planned block is of the log %s, this one is %s: the topic was made anew; set the group's offset by hand", eventlog.ErrStop, p.Topic, p.Number, n.plan.log, log)
		}
		x.split, x.doubt = n.plan.split, true
		h.metrics.resent.WithLabelValues(x.topic).Inc()
		h.deps.Log.Info("a planned block is sent again", "topic", p.Topic, "partition", p.Number, "token", n.plan.token())
	}
	x.block, x.reader = newBlock(x.topic), &reader{topic: x.topic}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[p] = x
	h.metrics.lag.archived(p, x.topic, h.deps.Now())
	return nil
}

func (h *handler) shortName(full string) string {
	for _, name := range Topics {
		if h.deps.Kafka.Topic(name) == full {
			return name
		}
	}
	return full
}

// Consume takes the records into the block and archives it when it is due. When
// an insert fails the same records come again, and are recognised by position.
func (h *handler) Consume(ctx context.Context, p eventlog.Partition, records []*kgo.Record) (eventlog.Committed, error) {
	h.mu.Lock()
	x := h.parts[p]
	h.mu.Unlock()
	if len(records) == 0 || x.flight != nil && x.flight.hasEnded() {
		if err := h.land(ctx, x); err != nil {
			return eventlog.Committed{}, err
		}
	}
	if x.closing {
		if err := h.archive(ctx, x); err != nil {
			return eventlog.Committed{}, err
		}
	}
	for i, r := range records {
		if err := h.take(ctx, x, r, i < len(records)-1); err != nil {
			return eventlog.Committed{}, err
		}
	}
	if h.isDue(x) {
		if err := h.archive(ctx, x); err != nil {
			return eventlog.Committed{}, err
		}
	}
	return x.safe(), nil
}

// Revoked forgets the partition: what was not planned is read again by its next
// owner, what was planned is sent again.
func (h *handler) Revoked(p eventlog.Partition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if x := h.parts[p]; x != nil {
		h.backlog.giveBack(x.lent)
		h.drop(x.block)
		if x.flight != nil {
			x.flight.wait()
			h.drop(x.flight.block)
			h.backlog.giveBack(x.flight.lent)
		}
	}
	delete(h.parts, p)
	h.metrics.gone(p, h.shortName(p.Topic))
}

// safe is what may be committed: all before it is archived, or it is the plan.
func (x *part) safe() eventlog.Committed {
	n := note{index: x.done.index, plan: x.recover}
	if x.flight != nil {
		n.plan = &x.flight.plan
	}
	return committedAt(x.done, n)
}

func committedAt(at position, n note) eventlog.Committed {
	return eventlog.Committed{Offset: at.offset, Metadata: n.String()}
}

// take appends a record to the block, and archives each block that it fills; more
// says that others follow at once, to be taken while that one is inserted.
func (h *handler) take(ctx context.Context, x *part, r *kgo.Record, more bool) error {
	if r.Offset < x.next.offset {
		return nil // taken already
	}
	if x.recover != nil && r.Offset > x.recover.last.offset {
		// The planned block's last records are gone: what there is closes it.
		if err := h.archive(ctx, x); err != nil {
			return err
		}
	}
	decoded := x.reader.read(r)
	from := uint32(0)
	if r.Offset == x.next.offset {
		from = x.next.index
	}
	for from < decoded.units {
		if x.block.units == 0 {
			h.begin(x)
		}
		to, full := x.room(r.Offset, from, decoded.units)
		x.block.take(r, decoded, from, to)
		from = to + 1
		x.next = position{r.Offset, from}
		if from == decoded.units {
			x.next = position{r.Offset + 1, 0}
		}
		var err error
		switch filled := x.block.units >= x.limit || x.block.bytes >= maxBlockBytes; {
		case full, x.recover == nil && filled && !more:
			err = h.archive(ctx, x)
		case x.recover == nil && filled:
			err = h.send(ctx, x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin makes ready for the first unit of a block. Where many wait it may be larger:
// fewer and larger blocks are what ClickHouse takes fastest.
func (h *handler) begin(x *part) {
	x.since = h.deps.Now()
	h.backlog.giveBack(x.lent)
	x.lent = h.backlog.lend(h.cfg.BlockUnits, h.metrics.lag.waiting(x.p))
	x.limit = h.cfg.BlockUnits + x.lent
}

// room says up to which unit of the record the block may go, and whether the
// block is complete with it. A planned block ends where the plan says.
func (x *part) room(offset int64, from, units uint32) (to uint32, full bool) {
	to = units - 1
	if x.recover != nil {
		if offset == x.recover.last.offset {
			return min(to, x.recover.last.index), true
		}
		return to, false
	}
	if left := uint32(x.limit - x.block.units); to-from+1 > left {
		to = from + left - 1
	}
	return to, false
}

func (h *handler) isDue(x *part) bool {
	if x.block.units == 0 || x.recover != nil {
		return false
	}
	wait := h.cfg.QuietEvery
	if x.block.events {
		wait = h.cfg.FlushEvery
	}
	return h.deps.Now().Sub(x.since) >= wait
}

// archive makes the block stand in the warehouse exactly once, or returns why it
// does not yet; called again it goes on with the very same block.
func (h *handler) archive(ctx context.Context, x *part) error {
	x.closing = true
	h.getReady(ctx, x)
	planned, err := h.ready(ctx, x)
	if err != nil {
		return err
	}
	// The insert: every table under the same token. A table that has the block
	// already drops it.
	b := x.block
	if err := h.insertAll(ctx, x, b, planned); err != nil {
		return err
	}
	// The offset behind it is committed with the next round; until then the plan
	// stands, and costs at most a block that is dropped.
	x.done, x.recover, x.split, x.doubt, x.planned, x.closing = x.next, nil, nil, false, false, false
	if planned.last.offset >= x.done.offset && !planned.last.before(x.done) {
		x.done = position{planned.last.offset + 1, 0}
		x.next = x.done
	}
	x.block = newBlock(x.topic)
	h.count(x, b)
	h.drop(b)
	b.free()
	return nil
}

// ready waits until nothing stands before the block, and plans it.
func (h *handler) ready(ctx context.Context, x *part) (plan, error) {
	if x.flight != nil {
		// Asked now, the gate need not be asked when the block has landed, unless that
		// takes long.
		if err := h.open(ctx); err != nil {
			return plan{}, err
		}
		if err := h.land(ctx, x); err != nil {
			return plan{}, err
		}
	}
	if err := h.open(ctx); err != nil {
		return plan{}, err
	}
	if err := h.lookBehind(ctx, x); err != nil {
		return plan{}, err
	}
	return h.plan(ctx, x)
}

// plan commits the block's bounds before anything is inserted.
func (h *handler) plan(ctx context.Context, x *part) (plan, error) {
	b := x.block
	if x.recover != nil {
		return *x.recover, h.checkPlan(x)
	}
	p := plan{log: x.log, first: b.first, last: b.last, units: b.units, decoder: decoderVersion, split: x.split}
	if x.planned {
		return p, nil
	}
	n := note{index: x.done.index, plan: &p}
	if err := x.commit(ctx, eventlog.Committed{Offset: x.done.offset, Metadata: n.String()}); err != nil {
		return p, fmt.Errorf("commit the plan %s: %w", p.token(), err)
	}
	x.planned = true
	return p, nil
}

// checkPlan compares a block that was cut again with its plan. On a compacted
// topic records may have gone since, replaced by newer ones.
func (h *handler) checkPlan(x *part) error {
	p, b := x.recover, x.block
	if b.units == p.units && b.first == p.first && b.last == p.last || p.decoder != decoderVersion {
		return nil
	}
	if x.topic == topics.SiteStates || x.topic == topics.Incidents {
		h.deps.Log.Warn("a planned block has fewer records by now: compaction was faster", "topic", x.p.Topic, "partition", x.p.Number, "planned", p.units, "found", b.units)
		return nil
	}
	return fmt.Errorf("%w: %w: %s, partition %d, plan %s of %d, found %s to %s of %d", eventlog.ErrStop, ErrPlanGone, x.p.Topic, x.p.Number, p.token(), p.units, b.first, b.last, b.units)
}

// open returns why no block may be planned just now, nil when one may.
func (h *handler) open(ctx context.Context) error {
	if h.gate == nil {
		return nil
	}
	return h.gate.open(ctx)
}

func (h *handler) insert(ctx context.Context, table, token string, columns []warehouse.Column, rows int) error {
	return h.attempt(ctx, table, rows, func(ctx context.Context) error { return h.deps.Insert(ctx, table, token, columns) })
}

// attempt bounds an insert of rows, and counts what comes of it.
func (h *handler) attempt(ctx context.Context, table string, rows int, insert func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, insertPatience)
	defer cancel()
	began := h.deps.Now()
	if err := insert(ctx); err != nil {
		h.metrics.failures.Inc()
		if !splits(err) {
			h.metrics.available.Set(0)
		}
		return err
	}
	h.metrics.available.Set(1)
	h.metrics.seconds.Observe(h.deps.Now().Sub(began).Seconds())
	h.metrics.rows.WithLabelValues(table).Add(float64(rows))
	return nil
}

func (h *handler) count(x *part, b *block) {
	h.metrics.block(x, b)
	if b.bad > 0 {
		h.metrics.undecodable.WithLabelValues(x.topic).Add(float64(b.bad))
		h.deps.Log.Warn("records could not be decoded and are kept in the table undecodable", "topic", x.p.Topic, "partition", x.p.Number, "records", b.bad)
	}
}

// logName is cluster:topicID:partition.
func logName(cluster, topicID string, partition int32) string {
	return strings.Join([]string{cluster, topicID, strconv.Itoa(int(partition))}, ":")
}
