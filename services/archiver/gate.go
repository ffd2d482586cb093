package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
)

// partsEvery is how often parts are counted.
const partsEvery = 5 * time.Second

// errPaused is in the error of a block that waits: nothing is wrong with it.
var errPaused = errors.New("inserts are paused")

// gate says whether blocks may be planned just now: not while somebody asks archivers
// to hold still, nor while ClickHouse has so many parts to merge that it would slow
// inserts down, and later refuse them.
type gate struct {
	db      *warehouse.DB
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics

	mu      sync.Mutex
	looked  time.Time
	counted time.Time
	// asked and crowded are the reasons, "" for none.
	asked, crowded string
}

// open returns errPaused with the reason, or nil. It asks at most once a second.
func (g *gate) open(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if now.Sub(g.looked) >= pauseSeen {
		asked, err := g.db.Paused(ctx)
		if err != nil {
			return err
		}
		g.tell(g.asked, asked)
		g.asked, g.looked = asked, now
	}
	if now.Sub(g.counted) >= partsEvery {
		g.counted = now
		switch crowded, err := g.count(ctx); {
		case err == nil:
			g.tell(g.crowded, crowded)
			g.crowded = crowded
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			// Who may not look, goes on: the inserts themselves tell when there are too many.
			g.log.Warn("parts are not watched: grant SELECT on system.parts and system.merge_tree_settings", "error", err)
		}
	}
	for _, reason := range []string{g.asked, g.crowded} {
		if reason != "" {
			g.metrics.paused.Set(1)
			return fmt.Errorf("%w: %s", errPaused, reason)
		}
	}
	g.metrics.paused.Set(0)
	return nil
}

// tell logs that a reason came or went.
func (g *gate) tell(before, after string) {
	switch {
	case before == "" && after != "":
		g.log.Warn("archiving pauses", "because", after)
	case before != "" && after == "":
		g.log.Info("archiving goes on", "after", before)
	}
}

// count looks for the table with most parts for what it may have. What is crowded
// stays so until a quarter is merged.
func (g *gate) count(ctx context.Context) (reason string, err error) {
	rows, err := g.db.Conn().Query(ctx, `SELECT p.table, p.most, if(t.own = 0, d.usual, t.own) AS bound
		FROM (SELECT table, max(n) AS most FROM (SELECT table, partition_id, count() AS n FROM system.parts WHERE active AND database = '`+g.db.Database()+`' GROUP BY table, partition_id) GROUP BY table) AS p
		INNER JOIN (SELECT name, toUInt64OrZero(extract(engine_full, 'parts_to_delay_insert = (\\d+)')) AS own FROM system.tables WHERE database = '`+g.db.Database()+`') AS t ON t.name = p.table
		CROSS JOIN (SELECT toUInt64(value) AS usual FROM system.merge_tree_settings WHERE name = 'parts_to_delay_insert') AS d`)
	if err != nil {
		return "", fmt.Errorf("count the parts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		var most, bound uint64
		if err := rows.Scan(&table, &most, &bound); err != nil {
			return "", fmt.Errorf("count the parts: %w", err)
		}
		g.metrics.parts.WithLabelValues(table).Set(float64(most))
		if most >= bound || g.crowded != "" && most >= bound*3/4 {
			reason = fmt.Sprintf("table %s has %d parts in one partition, and ClickHouse slows inserts down from %d on: it merges slower than it is sent blocks; look at its disk and at system.merges", table, most, bound)
		}
	}
	return reason, rows.Err()
}
