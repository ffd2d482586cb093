// Package processor is Vigie's stream engine: it runs a pure Fold over the
// partitions of vigie.events and appends what the fold says, exactly once in
// effect. It knows nothing of alarms.
//
// The loop is: assigned → restore the partition's state from its newest snapshot
// and the log after it, outputs off → poll → fold → outputs, progress records and input offsets in one Kafka
// transaction → next. An abort is a resend, not a rollback: the fold is
// deterministic and its state is a function of the log alone, so outputs are
// kept until a confirmed transaction holds them, and state is never undone.
package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// Config of a processor.
type Config struct {
	// Instance names this member for ever: its transactional id and its static
	// group membership hang on it. Mandatory, [a-z0-9._-]{1,64}.
	Instance string
	// Source is what is folded; OfSites by default.
	Source Source
	// Group is the consumer group; that of the source by default.
	Group string
	// CommitEvery bounds how long an output waits for its transaction; 50 ms by
	// default. Urgent outputs do not wait.
	CommitEvery time.Duration
	// ProgressEvery is the pace of progress records when nothing else is said; 1 s.
	ProgressEvery time.Duration
	// NewFold makes the empty fold of a partition.
	NewFold func() Fold
	// Snapshots says how often states are kept.
	Snapshots Snapshots
	// CheckpointEvery is the pace of signed checkpoints of each partition; 1 min by
	// default.
	CheckpointEvery time.Duration
	// ForGood is asked at a stop: true when this member will not come back soon. Then
	// it gives its place in the group up at once. Else it keeps it for a restart, which
	// moves nothing; the others wait for its session to end. nil never leaves.
	ForGood func() bool
}

// Deps is what a processor needs from around it.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Kafka   eventlog.Config
	// Store keeps the snapshots; nil for vigie.snapshots.
	Store snapshot.Store
	// Signer signs the checkpoints; nil for none.
	Signer note.Signer
}

// Processor is one member of the group that folds vigie.events.
type Processor struct {
	cfg       Config
	deps      Deps
	metrics   *metrics
	store     snapshot.Store
	ready     chan struct{}
	readyOnce sync.Once
	// kept holds the partitions of a client that had to be rebuilt: their state
	// is a function of the log up to next, whoever committed what since.
	kept map[int32]*partition
	// unwritable are the partitions of which no output can be written.
	unwritable map[int32]*unwritable
	// mayKeep is how many bytes of outputs a partition may keep and read on.
	mayKeep int
	// reads is the newest envelope that the program reads.
	reads uint32
	// audience is how many partitions hear a broadcast.
	audience int32
}

// New checks the configuration; nothing runs before Run.
func New(cfg Config, deps Deps) (*Processor, error) {
	if cfg.Instance == "" {
		return nil, errors.New("processor.instance is empty: give each processor a name that outlives restarts")
	}
	if cfg.NewFold == nil {
		return nil, errors.New("processor: no fold given")
	}
	if err := deps.Kafka.Check(); err != nil {
		return nil, err
	}
	if cfg.Source == (Source{}) {
		cfg.Source = OfSites
	}
	if cfg.Group == "" {
		cfg.Group = deps.Kafka.Group(cfg.Source.Role)
	}
	if cfg.CommitEvery <= 0 {
		cfg.CommitEvery = 50 * time.Millisecond
	}
	if cfg.ProgressEvery <= 0 {
		cfg.ProgressEvery = time.Second
	}
	if cfg.CheckpointEvery <= 0 {
		cfg.CheckpointEvery = time.Minute
	}
	cfg.Snapshots = cfg.Snapshots.withDefaults()
	if deps.Store == nil {
		deps.Store = snapshot.NewTopic(deps.Kafka, cfg.Source.Snapshots, deps.Log)
	}
	return &Processor{
		cfg: cfg, deps: deps, metrics: newMetrics(deps.Metrics, cfg.Source), store: deps.Store,
		ready: make(chan struct{}), kept: map[int32]*partition{}, unwritable: map[int32]*unwritable{},
		reads: envelopeVersion, mayKeep: maxKept,
	}, nil
}

// Ready is closed once the first assigned partitions stand at the end of what
// was committed.
func (p *Processor) Ready() <-chan struct{} { return p.ready }

// rebuildPause keeps a broken cluster from being hammered by new clients.
const rebuildPause = 500 * time.Millisecond

// ownEcho is how long after the loss of Kafka a place that is said to be taken may
// have been taken by the client before, whose last requests a broker that comes back
// still hears. Two that truly share a name take the place from each other for no
// longer than that.
const ownEcho = 30 * time.Second

// Run folds until ctx ends. It returns an error only for what no rebuild of
// the Kafka client can mend: a log that contradicts what was committed, or
// eventlog.ErrNameTaken.
func (p *Processor) Run(ctx context.Context) error {
	defer func() {
		if ctx.Err() != nil && p.cfg.ForGood != nil && p.cfg.ForGood() {
			p.giveUpPlace(context.WithoutCancel(ctx))
		}
	}()
	var rebuilt time.Time
	for {
		err := p.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var stop *fatalError
		if errors.As(err, &stop) {
			return stop.err
		}
		if taken := eventlog.NameTaken(err); taken == nil {
			rebuilt = time.Now()
		} else if time.Since(rebuilt) > ownEcho {
			// A new client would take the place back, and so on for ever.
			return fmt.Errorf("processor.instance %s: %w", p.cfg.Instance, taken)
		}
		p.metrics.rebuilt(err)
		p.deps.Log.Warn("processor: the Kafka client is rebuilt, states are kept", "because", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rebuildPause):
		}
	}
}

// session runs one Kafka client from its first poll to its failure.
func (p *Processor) session(ctx context.Context) error {
	s, err := newSession(ctx, p)
	if err != nil {
		return fmt.Errorf("start the transactional client: %w", err)
	}
	defer s.close()
	return s.run(ctx)
}

// fatalError marks what a new client cannot mend.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }
