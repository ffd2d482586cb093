package warehouse

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Pause asks all archivers, for so long from now by ClickHouse's clock, to plan
// no block. A later call of the same holder takes the place of an earlier one; 0
// ends it. It is what repairs of views need, and exchanges of tables.
func (db *DB) Pause(ctx context.Context, holder, reason string, length time.Duration) error {
	err := db.conn.Exec(ctx, "INSERT INTO "+db.database+".archiver_pauses (holder, reason, until, said_at) "+
		"SELECT {holder:String}, {reason:String}, now64(3, 'UTC') + toIntervalMillisecond({length:Int64}), now64(6, 'UTC')",
		named("holder", holder), named("reason", reason), named("length", strconv.FormatInt(length.Milliseconds(), 10)))
	if err != nil {
		return fmt.Errorf("ask the archivers to hold still: %w", err)
	}
	return nil
}

// Paused returns why archivers are to hold still, "" when they are not.
func (db *DB) Paused(ctx context.Context) (string, error) {
	var reason string
	err := db.conn.QueryRow(ctx, "SELECT max(why) FROM (SELECT argMax(reason, said_at) AS why, argMax(until, said_at) AS last FROM "+
		db.database+".archiver_pauses GROUP BY holder) WHERE last > now64(3, 'UTC')").Scan(&reason)
	if err != nil {
		return "", fmt.Errorf("ask whether to hold still: %w", err)
	}
	return reason, nil
}

// Inserting is how many inserts into this database are under way.
func (db *DB) Inserting(ctx context.Context) (uint64, error) {
	var n uint64
	err := db.conn.QueryRow(ctx, "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND position(query, {into:String}) > 0",
		named("into", "INTO "+db.database+".")).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("ask which inserts are under way: %w", err)
	}
	return n, nil
}

// InsertingUnder is how many inserts with a deduplication token that begins so are
// under way, on any server of the cluster. ErrRefused: the user may not look.
func (db *DB) InsertingUnder(ctx context.Context, prefix string) (uint64, error) {
	from := "system.processes"
	if db.cluster != "" {
		from = "clusterAllReplicas('" + db.cluster + "', system.processes)"
	}
	var n uint64
	// A server that is down has no insert under way.
	err := db.conn.QueryRow(ctx, "SELECT count() FROM "+from+" WHERE query_kind = 'Insert' AND startsWith(Settings['insert_deduplication_token'], {prefix:String}) SETTINGS skip_unavailable_shards = 1",
		named("prefix", prefix)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("ask which inserts are under way: %w", classify(err))
	}
	return n, nil
}

// In is the same warehouse with tables in another database. Its connections are
// those of db: only db is closed.
func (db *DB) In(database string) *DB {
	cfg := db.cfg
	cfg.Database = database
	return &DB{conn: db.conn, cfg: cfg, database: database, cluster: db.cluster}
}
