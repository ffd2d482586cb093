package archiver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-vigie/vigie/services/eventlog"
)

// Phases of a rebuild, as its database notes them.
const (
	phaseFilling = "filling"
	// phaseExchanging: some tables may have taken their place already.
	phaseExchanging = "exchanging"
	phaseDone       = "done"
)

// filled is how far a partition is in the new tables.
type filled struct {
	// begin is where the log began when filling did; from and to bound the last
	// block that was planned.
	begin, from, to int64
	// unsure: whether that block was inserted is not known.
	unsure bool
}

// prepare makes the database beside, or finds what an interrupted rebuild left.
func (r *rebuild) prepare(ctx context.Context) error {
	if r.Restart {
		if err := r.forget(ctx); err != nil {
			return err
		}
	}
	if err := r.fresh.Migrate(ctx); err != nil {
		return fmt.Errorf("make the new tables in %s: %w", r.fresh.Database(), err)
	}
	for _, sql := range []string{
		`CREATE TABLE IF NOT EXISTS {db}.rebuild_blocks (topic String, kafka_partition UInt16, first_offset UInt64, next_offset UInt64)
			ENGINE = MergeTree ORDER BY (topic, kafka_partition, next_offset) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
		`CREATE TABLE IF NOT EXISTS {db}.rebuild_phases (phase String, detail String, said_at DateTime64(6, 'UTC'))
			ENGINE = MergeTree ORDER BY said_at SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
	} {
		if err := r.fresh.Define(ctx, sql); err != nil {
			return fmt.Errorf("prepare the notes of the rebuild: %w", err)
		}
	}
	all, err := readRollups(ctx, r.live)
	if err != nil {
		return err
	}
	for _, x := range all {
		r.v.rollupTables = append(r.v.rollupTables, x.table)
	}
	if err := r.readBlocks(ctx); err != nil {
		return err
	}
	return r.readPhase(ctx)
}

// forget drops what an interrupted rebuild has filled; never what are old tables
// of an exchange under way, or kept on purpose.
func (r *rebuild) forget(ctx context.Context) error {
	var there uint64
	if err := r.live.Conn().QueryRow(ctx, "SELECT count() FROM system.tables WHERE name = 'rebuild_phases' AND database = '"+r.fresh.Database()+"'").Scan(&there); err != nil {
		return fmt.Errorf("look for an earlier rebuild: %w", err)
	}
	if there > 0 {
		phase, _, err := r.phase(ctx)
		if err != nil {
			return err
		}
		if phase == phaseExchanging {
			return fmt.Errorf("the tables were being exchanged: let that end first, without --restart")
		}
	}
	if err := r.live.Define(ctx, "DROP DATABASE IF EXISTS "+r.fresh.Database()); err != nil {
		return fmt.Errorf("forget the earlier rebuild: %w", err)
	}
	return nil
}

// readBlocks finds the last planned block of each partition.
func (r *rebuild) readBlocks(ctx context.Context) error {
	rows, err := r.fresh.Conn().Query(ctx, "SELECT topic, kafka_partition, min(first_offset), argMax(first_offset, next_offset), max(next_offset) FROM "+r.fresh.Database()+".rebuild_blocks GROUP BY topic, kafka_partition")
	if err != nil {
		return fmt.Errorf("read how far the rebuild is: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var topic string
		var number uint16
		var begin, from, to uint64
		if err := rows.Scan(&topic, &number, &begin, &from, &to); err != nil {
			return fmt.Errorf("read how far the rebuild is: %w", err)
		}
		r.next[eventlog.Partition{Topic: topic, Number: int32(number)}] = &filled{int64(begin), int64(from), int64(to), true}
	}
	return rows.Err()
}

// plan writes a block's bounds down before it is inserted.
func (r *rebuild) plan(ctx context.Context, p *PartitionReport, at *filled, first, next int64) error {
	sql := fmt.Sprintf("INSERT INTO %s.rebuild_blocks VALUES ('%s', %d, %d, %d)", r.fresh.Database(), p.Topic, p.Partition, first, next)
	if err := r.fresh.Conn().Exec(ctx, sql); err != nil {
		return fmt.Errorf("write down the block %d to %d: %w", first, next, err)
	}
	at.from, at.to, at.unsure = first, next, true
	return nil
}

// note writes down in which phase the rebuild is.
func (r *rebuild) note(ctx context.Context, phase, detail string) error {
	sql := fmt.Sprintf("INSERT INTO %s.rebuild_phases SELECT '%s', '%s', now64(6, 'UTC')", r.fresh.Database(), phase, detail)
	if err := r.fresh.Conn().Exec(ctx, sql); err != nil {
		return fmt.Errorf("write down that the rebuild is %s: %w", phase, err)
	}
	return nil
}

func (r *rebuild) phase(ctx context.Context) (phase, detail string, err error) {
	err = r.fresh.Conn().QueryRow(ctx, "SELECT argMax(phase, said_at), argMax(detail, said_at) FROM "+r.fresh.Database()+".rebuild_phases").Scan(&phase, &detail)
	if err != nil {
		err = fmt.Errorf("read the phase of the rebuild: %w", err)
	}
	return phase, detail, err
}

// readPhase finds which tables have taken their place already: those whose UUID
// stands in the live database by now.
func (r *rebuild) readPhase(ctx context.Context) error {
	phase, detail, err := r.phase(ctx)
	if err != nil {
		return err
	}
	r.pairs = r.tables()
	switch phase {
	case phaseDone:
		return fmt.Errorf("%s holds the old tables of an earlier rebuild: drop it, or run with --restart, which does", r.fresh.Database())
	case phaseExchanging:
		ids, err := r.ids(ctx, r.live.Database())
		if err != nil {
			return err
		}
		noted := strings.Fields(detail)
		r.pairs = slices.DeleteFunc(r.pairs, func(name string) bool { return slices.Contains(noted, name+"="+ids[name]) })
		return nil
	case "":
		return r.note(ctx, phaseFilling, "")
	}
	return nil
}

// ids are the UUIDs of the tables of a database.
func (r *rebuild) ids(ctx context.Context, database string) (map[string]string, error) {
	rows, err := r.live.Conn().Query(ctx, "SELECT name, toString(uuid) FROM system.tables WHERE database = '"+database+"'")
	if err != nil {
		return nil, fmt.Errorf("tell tables apart: %w", err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, id string
		if err := rows.Scan(&name, &id); err != nil {
			return nil, fmt.Errorf("tell tables apart: %w", err)
		}
		out[name] = id
	}
	return out, rows.Err()
}
