// Package archiver copies topics into the warehouse: each record of the log
// exactly once, whatever dies on the way.
//
// For each partition, again and again:
//
//  1. records are decoded into rows until the block is full or old enough;
//  2. the block's exact bounds are committed to Kafka beside the offset, which
//     stays before the block: the plan;
//  3. the rows are inserted under a token made of the bounds; ClickHouse drops a
//     block whose token it has seen;
//  4. the offset behind the block is committed. Meanwhile the next block is filled,
//     and no more than one.
//
// Who takes the partition over after a crash between 2 and 4 finds the plan,
// cuts the very same block out of the log again and sends it with the same
// token: if it had arrived it is dropped, if not it is inserted. A block is
// never cut anew once it was planned, and nothing is inserted without a plan.
// Where ClickHouse refuses a block it goes in pieces, each of which becomes part of
// the plan before it is sent, down to the one row that is set aside. What an insert
// without an answer brings late adds nothing to them (split). After a take-over, and
// after an answer that did not come, the table is asked which rows it has.
package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
)

// Topics are what the archiver copies, by their names in package topics.
var Topics = []string{topics.Events, topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Rejected}

// Config says how to archive.
type Config struct {
	// Instance makes the group membership static; "" joins anew at each start.
	Instance string
	// FlushEvery is how long an event waits for its block (2 s by default: each block
	// of each partition costs a write-through and its views).
	FlushEvery time.Duration
	// QuietEvery is how long beats wait when nothing else came (5 s by default).
	QuietEvery time.Duration
	// BlockUnits is how many heartbeats and records make a block full (20,000 by
	// default, at most 1,000,000: ClickHouse cuts larger ones).
	BlockUnits int
}

// Deps are what the archiver works with.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Kafka   eventlog.Config
	DB      *warehouse.DB
	// Insert stands in for DB.Insert where tests want faults; nil for DB.Insert.
	Insert func(ctx context.Context, table, token string, columns []warehouse.Column) error
	// Now is time.Now when nil. It decides when a block is old, never what is in it.
	Now func() time.Time
}

const (
	defaultFlush = 2 * time.Second
	defaultQuiet = 5 * time.Second
	defaultUnits = 20_000
	maxUnits     = 1_000_000
	// maxBlockBytes closes a block whatever its units: large records are few.
	maxBlockBytes = 16 << 20
	// insertPatience bounds one attempt to insert a block.
	insertPatience = 60 * time.Second
	// migrateRetry is the pause before the schema is tried again.
	migrateRetry = time.Second
)

// Archiver is inert until Run.
type Archiver struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	ahead   prepareFunc
	backlog *backlog
	ready   chan struct{}
}

// New returns an archiver that does nothing yet, or says what is wrong with the
// configuration.
func New(cfg Config, deps Deps) (*Archiver, error) {
	if err := deps.Kafka.Check(); err != nil {
		return nil, err
	}
	if deps.DB == nil {
		return nil, errors.New("the archiver needs a warehouse")
	}
	if cfg.FlushEvery <= 0 {
		cfg.FlushEvery = defaultFlush
	}
	if cfg.QuietEvery <= 0 {
		cfg.QuietEvery = max(defaultQuiet, cfg.FlushEvery)
	}
	if cfg.BlockUnits <= 0 {
		cfg.BlockUnits = defaultUnits
	}
	if cfg.BlockUnits > maxUnits {
		return nil, fmt.Errorf("archiver.block_units %d: at most %d, since ClickHouse would cut the block", cfg.BlockUnits, maxUnits)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	var prepare prepareFunc
	if deps.Insert == nil {
		deps.Insert, prepare = deps.DB.Insert, deps.DB.Prepare
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	m.lag.backlog.log = deps.Log
	return &Archiver{cfg: cfg, deps: deps, metrics: m, ahead: prepare, backlog: m.lag.backlog, ready: make(chan struct{})}, nil
}

// Ready is closed once the schema is right and the group has given out the
// partitions.
func (a *Archiver) Ready() <-chan struct{} { return a.ready }

// Run archives until ctx ends (nil). While ClickHouse is away it waits for it,
// reads no more than it can hold, and says so. Errors: eventlog.ErrNoCommit and
// ErrNoTopic (run `vigie provision`), eventlog.ErrGap and ErrPlanGone (records
// are gone that were not archived), warehouse.ErrNewerSchema.
func (a *Archiver) Run(ctx context.Context) error {
	if err := a.prepare(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	logs, err := newLogNames(a.deps.Kafka, a.deps.Log)
	if err != nil {
		return err
	}
	defer logs.close()
	out, err := newRejects(a.deps.Kafka, a.deps.Log)
	if err != nil {
		return err
	}
	defer out.close()
	h := &handler{
		cfg: a.cfg, deps: a.deps, metrics: a.metrics, logs: logs, backlog: a.backlog, parts: map[eventlog.Partition]*part{}, reject: out.say, prepare: a.ahead,
		gate: &gate{db: a.deps.DB, log: a.deps.Log, now: a.deps.Now, metrics: a.metrics},
	}
	consumer := eventlog.NewConsumer(a.deps.Kafka, eventlog.ConsumerOptions{
		Group: eventlog.GroupArchiver, Topics: Topics, Instance: a.cfg.Instance,
		CommitEvery: a.cfg.FlushEvery, IdleEvery: a.cfg.FlushEvery / 4,
	}, h, a.deps.Log)
	a.metrics.lag.follow(consumer)
	done := make(chan struct{})
	var watched sync.WaitGroup
	watched.Go(func() {
		select {
		case <-consumer.Ready():
			close(a.ready)
		case <-done:
		}
	})
	following, end := context.WithCancel(ctx)
	watched.Go(func() { a.backlog.follow(following, logs, a.deps.Kafka, a.deps.Now) })
	err = consumer.Run(ctx)
	close(done)
	end()
	watched.Wait()
	if err != nil {
		return fmt.Errorf("archive the log: %w", err)
	}
	return nil
}

// prepare brings the schema up to date, for as long as it takes ClickHouse to be
// there.
func (a *Archiver) prepare(ctx context.Context) error {
	for warned := false; ; {
		err := a.deps.DB.Migrate(ctx)
		switch {
		case err == nil:
			a.metrics.available.Set(1)
			return nil
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, warehouse.ErrNewerSchema), errors.Is(err, warehouse.ErrChangedMigration):
			return err
		}
		a.metrics.available.Set(0)
		if !warned {
			a.deps.Log.Warn("the warehouse cannot be prepared yet and is tried again", "every", migrateRetry, "error", err)
			warned = true
		}
		select {
		case <-time.After(migrateRetry):
		case <-ctx.Done():
			return nil
		}
	}
}
