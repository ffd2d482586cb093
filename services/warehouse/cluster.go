package warehouse

import (
	"context"
	"regexp"
	"strings"
)

// The schema is written once, for a single server, and rendered for a cluster: each
// statement goes to every server of it (ON CLUSTER), and tables are replicated. Where
// a table's copies find each other is left to the servers' defaults
// (default_replica_path with {uuid}, default_replica_name), so that tables can be
// exchanged by name, as a rebuild does.
//
// A cluster here is one shard with copies: each server has all rows. What is asked of
// one that has not caught up waits (select_sequential_consistency), and an insert
// counts once most copies have it.

var (
	definition = regexp.MustCompile(`(?m)^\s*(?:CREATE DATABASE|DROP DATABASE|CREATE TABLE|CREATE MATERIALIZED VIEW|CREATE (?:OR REPLACE )?VIEW|ALTER TABLE|DROP TABLE|DROP VIEW)(?: IF (?:NOT )?EXISTS)? [\w.{}]+`)
	exchange   = regexp.MustCompile(`(?m)^\s*EXCHANGE TABLES [\s\S]+`)
	mergeTree  = regexp.MustCompile(`\bENGINE = (Replacing|Summing|Aggregating|)MergeTree\b`)
	clusterOf  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
)

// clusterSettings are those of each connection.
var clusterSettings = map[string]any{
	"insert_quorum": "auto", "insert_quorum_parallel": 0, "select_sequential_consistency": 1,
	// A statement to all servers fails when one does not answer: it is repeated.
	"distributed_ddl_task_timeout": 60,
}

// render writes a definition for the database and the cluster; "" is a single server.
func render(sql, database, cluster string) string {
	sql = strings.ReplaceAll(sql, "{db}", database)
	if cluster == "" {
		return sql
	}
	on := " ON CLUSTER `" + cluster + "`"
	sql = definition.ReplaceAllString(sql, "${0}"+on)
	sql = exchange.ReplaceAllString(sql, "${0}"+on)
	sql = mergeTree.ReplaceAllString(sql, "ENGINE = Replicated${1}MergeTree")
	// A week of blocks, as the log's shortest retention: the count alone ends sooner.
	return strings.ReplaceAll(sql, "non_replicated_deduplication_window = 10000", "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800")
}

// Define runs a statement that makes, changes or drops what holds data, on every
// server. {db} in it stands for the database.
func (db *DB) Define(ctx context.Context, sql string) error {
	return db.conn.Exec(ctx, render(sql, db.database, db.cluster))
}
