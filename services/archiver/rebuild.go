package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/warehouse"
)

const (
	// rebuildSuffix makes the name of the database that is filled beside.
	rebuildSuffix = "_rebuild"
	// rebuildRounds and rebuildLeft say when the archivers are asked to hold still:
	// few records are left by then, or more come than can be filled.
	rebuildRounds = 20
	rebuildLeft   = 5_000
)

// RebuildOptions say what is rebuilt.
type RebuildOptions struct {
	Kafka eventlog.Config
	DB    *warehouse.DB
	Log   *slog.Logger
	// Restart forgets what an interrupted rebuild has filled.
	Restart bool
	// KeepOld leaves the former tables in the database <name>_rebuild.
	KeepOld bool
	// Done and Total count records of the log; may be nil.
	Done, Total *atomic.Int64
	// Say tells of each step; may be nil.
	Say func(string)
}

// Rebuilt is what a rebuild has done.
type Rebuilt struct {
	// Records were read from the log and Rows inserted, by this run.
	Records uint64 `json:"records"`
	Rows    uint64 `json:"rows"`
	// Kept are the rows that the log no longer has, carried over as they were.
	Kept uint64 `json:"kept"`
	// Verified is the comparison of the new tables with the log before they took
	// the place of the old ones; nil when that had begun in an earlier run.
	Verified *Report `json:"verified,omitempty"`
	// Old is the database with the former tables, "" when it was dropped.
	Old string `json:"old,omitempty"`
}

// Rebuild fills new tables from the log, beside readers and archivers, proves them,
// and lets them take the place of the old ones:
//
//  1. the new tables are migrated to this release's schema in a database beside;
//  2. the log is read into them, block by block; each block's bounds are written
//     down before it is inserted under a token of these bounds;
//  3. rows that the log no longer has are carried over, and noted in not_rebuildable;
//  4. the new tables are compared with the log;
//  5. while the archivers hold still, the last records are filled in, a block that an
//     archiver has planned under its own token, and the tables exchanged.
//
// Killed at any moment, it is called again and goes on where it was. Errors: those
// of Report.Err when the new tables are not as the log; then nothing was exchanged.
func Rebuild(ctx context.Context, o RebuildOptions) (*Rebuilt, error) {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	v, err := newVerifier(VerifyOptions{Kafka: o.Kafka, DB: o.DB, Log: o.Log, Done: o.Done, Total: o.Total})
	if err != nil {
		return nil, fmt.Errorf("rebuild the warehouse: %w", err)
	}
	defer v.cl.Close()
	r := &rebuild{RebuildOptions: o, v: v, live: o.DB, fresh: o.DB.In(o.DB.Database() + rebuildSuffix), done: &Rebuilt{}, next: map[eventlog.Partition]*filled{}}
	if err := r.run(ctx); err != nil {
		return r.done, fmt.Errorf("rebuild the warehouse: %w", err)
	}
	return r.done, nil
}

type rebuild struct {
	RebuildOptions
	v           *verifier
	live, fresh *warehouse.DB
	done        *Rebuilt
	// next is where filling goes on, by topic (short name) and partition.
	next  map[eventlog.Partition]*filled
	pairs []string
}

func (r *rebuild) run(ctx context.Context) error {
	if err := r.live.Migrate(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	whole, exchanged := len(r.pairs) == len(r.tables()), len(r.pairs) == 0
	if !exchanged {
		if err := r.fillAll(ctx); err != nil {
			return err
		}
		r.Say("carrying over what the log no longer has")
		if err := r.keep(ctx); err != nil {
			return err
		}
		if whole {
			if err := r.prove(ctx); err != nil {
				return err
			}
		}
		r.Say("archivers hold still, tables are exchanged")
		if err := holdArchivers(ctx, r.live, "the rebuilt tables take the place of the old ones", r.exchange); err != nil {
			return err
		}
	}
	if !whole {
		// Killed in the exchange or right after: views fed tables of both sides for a
		// while, and may not know the blocks under way.
		r.Say("an exchange was interrupted: rollups are proven")
		if exchanged {
			again := func(ctx context.Context) error {
				if _, err := r.look(ctx); err != nil {
					return err
				}
				return r.sendAgain(ctx)
			}
			if err := holdArchivers(ctx, r.live, "blocks under way are made known to the rollups", again); err != nil {
				return err
			}
		}
		if err := r.mendRollups(ctx); err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

// fillAll reads the log until little is left, round after round.
func (r *rebuild) fillAll(ctx context.Context) error {
	for round := range rebuildRounds {
		left, err := r.look(ctx)
		if err != nil {
			return err
		}
		if round > 0 && left <= rebuildLeft {
			return nil
		}
		r.Say(fmt.Sprintf("filling %d records", left))
		if err := r.fill(ctx); err != nil {
			return err
		}
	}
	return nil
}

// look asks how far the archivers are, and how many offsets are to be filled.
func (r *rebuild) look(ctx context.Context) (left int64, err error) {
	r.v.Total.Store(r.v.Done.Load())
	if err := r.v.survey(ctx); err != nil {
		return 0, err
	}
	r.v.Total.Store(r.v.Done.Load())
	for _, topic := range Topics {
		for _, p := range r.v.spans[topic] {
			left += max(0, p.To-r.at(p).to)
		}
	}
	r.v.Total.Add(left)
	return left, nil
}

// at is where the filling of a partition stands.
func (r *rebuild) at(p *PartitionReport) *filled {
	key := eventlog.Partition{Topic: p.Topic, Number: p.Partition}
	if r.next[key] == nil {
		r.next[key] = &filled{begin: p.From, from: p.From, to: p.From}
	}
	return r.next[key]
}

func (r *rebuild) fill(ctx context.Context) error {
	for _, topic := range Topics {
		for _, p := range r.v.spans[topic] {
			if err := r.fillPartition(ctx, p); err != nil {
				return fmt.Errorf("%s, partition %d: %w", topic, p.Partition, err)
			}
		}
	}
	return nil
}

func (r *rebuild) fillPartition(ctx context.Context, p *PartitionReport) error {
	at := r.at(p)
	if at.unsure {
		// The last block that was planned may stand there or not: the same token tells.
		if err := r.v.read(ctx, p, at.from, at.to, func(b *block, _, _ int64) error { return r.insert(ctx, p, b, at.from, at.to) }); err != nil {
			return err
		}
		at.unsure = false
	}
	if at.to < p.From {
		return fmt.Errorf("the log begins at %d by now, filled is up to %d: begin again with --restart", p.From, at.to)
	}
	if at.to >= p.To {
		return nil
	}
	return r.v.read(ctx, p, at.to, p.To, func(b *block, first, next int64) error {
		if err := r.plan(ctx, p, at, first, next); err != nil {
			return err
		}
		if err := r.insert(ctx, p, b, first, next); err != nil {
			return err
		}
		at.unsure = false
		r.v.Done.Add(next - first)
		r.done.Records += uint64(b.records)
		return nil
	})
}

// insert puts a block into the new tables, without rows that ClickHouse refused
// before: they stand in undecodable.
func (r *rebuild) insert(ctx context.Context, p *PartitionReport, b *block, first, next int64) error {
	token := fmt.Sprintf("rebuild:%s:%d:%d-%d", p.Topic, p.Partition, first, next)
	for _, t := range b.order {
		columns := r.v.aside.without(p, t)
		if err := r.fresh.Insert(ctx, t.name(), token, columns); err != nil {
			return fmt.Errorf("offsets %d to %d: %w", first, next-1, err)
		}
		r.done.Rows += uint64(t.rows())
	}
	return nil
}

// without are the columns of a chunk's table less what was set aside.
func (a aside) without(p *PartitionReport, t table) []warehouse.Column {
	columns := t.columns()
	if len(a) == 0 {
		return columns
	}
	var rows []int
	for i, at := range positionsOf(columns) {
		if !a[asideKey{p.Topic, t.name(), p.Partition, at}] {
			rows = append(rows, i)
		}
	}
	if len(rows) == t.rows() {
		return columns
	}
	return pick(columns, rows)
}

// prove compares the new tables with the log, up to where they are filled.
func (r *rebuild) prove(ctx context.Context) error {
	r.Say("proving the new tables")
	until := map[string]map[int32]int64{}
	for key, at := range r.next {
		if until[key.Topic] == nil {
			until[key.Topic] = map[int32]int64{}
		}
		until[key.Topic][key.Number] = at.to
	}
	report, err := Verify(ctx, VerifyOptions{Kafka: r.Kafka, DB: r.fresh, Log: r.Log, until: until})
	if err != nil {
		return err
	}
	r.done.Verified = report
	if err := report.Err(); err != nil {
		return fmt.Errorf("the new tables are not as the log, and were not exchanged; begin again with --restart: %w", err)
	}
	return nil
}

// mendRollups reckons rollups anew where they are not the aggregate of their table.
func (r *rebuild) mendRollups(ctx context.Context) error {
	v, err := newVerifier(VerifyOptions{Kafka: r.Kafka, DB: r.live, Log: r.Log, Repair: true})
	if err != nil {
		return err
	}
	defer v.cl.Close()
	return v.rollups(ctx)
}

// tables are all that are exchanged: what the archiver writes, and its rollups.
func (r *rebuild) tables() []string { return slices.Concat(archivedTables(), r.v.rollupTables) }

func (r *rebuild) finish(ctx context.Context) error {
	columns := "table_name, topic, kafka_partition, first_offset, end_offset, kept_rows, newest_at, reason, rebuilt_at"
	sql := fmt.Sprintf("INSERT INTO %s.not_rebuildable (%s) SELECT %s FROM %s.not_rebuildable", r.live.Database(), columns, columns, r.fresh.Database())
	if err := r.live.Conn().Exec(ctx, sql); err != nil {
		return fmt.Errorf("note what is not rebuildable: %w", err)
	}
	if r.KeepOld {
		r.done.Old = r.fresh.Database()
		return r.note(ctx, phaseDone, "")
	}
	if err := r.live.Define(ctx, "DROP DATABASE "+r.fresh.Database()); err != nil {
		return fmt.Errorf("drop the former tables: %w", err)
	}
	return nil
}

var errSplit = errors.New("an archiver is setting records aside just now: run the command again when it has done so")
