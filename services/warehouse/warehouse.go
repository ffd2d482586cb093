// Package warehouse is Vigie's ClickHouse: the schema and its migrations, and
// inserts that a repeat does not double. The same code works on the local
// engine (package engine) and on a server or cluster: only the address differs.
//
// Each table holds records of the log as they are, each row with the partition,
// offset and index that it came from. Nothing here is the truth: all of it can
// be computed again from the log.
package warehouse

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Config says where ClickHouse is.
type Config struct {
	// URL of the HTTP interface: http://127.0.0.1:8123.
	URL            string
	User, Password string
	// Database is "vigie" by default.
	Database string
	// Cluster names the cluster of servers that hold copies of the tables, as the
	// servers know it; "" for a single server.
	Cluster string
}

const (
	// DefaultDatabase holds Vigie's tables.
	DefaultDatabase = "vigie"
	// maxConnections bounds the requests under way at a time.
	maxConnections = 16
	// dialTimeout and readTimeout bound one attempt; callers try again.
	dialTimeout = 5 * time.Second
	readTimeout = 60 * time.Second
	// patience is how long one statement of a migration may take: it may fill a new
	// rollup with years of rows.
	patience = 12 * time.Hour
)

// DB is an open warehouse. It is safe for concurrent use.
type DB struct {
	conn     driver.Conn
	cfg      Config
	database string
	cluster  string
	// transport is that of all connections, so that Close reaches those whose
	// opening was given up, which the driver forgets.
	transport atomic.Pointer[http.Transport]
}

// Open prepares the connection; it does not wait for ClickHouse to be there.
// The error says what is wrong with the configuration.
func Open(_ context.Context, cfg Config) (*DB, error) { return open(cfg, readTimeout) }

// open waits so long for an answer to begin.
func open(cfg Config, answer time.Duration) (*DB, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("clickhouse.url %q: an address as http://127.0.0.1:8123 is expected", cfg.URL)
	}
	if cfg.Database == "" {
		cfg.Database = DefaultDatabase
	}
	if !plainName.MatchString(cfg.Database) {
		return nil, fmt.Errorf("clickhouse.database %q: letters, digits and _ are expected", cfg.Database)
	}
	if cfg.Cluster != "" && !clusterOf.MatchString(cfg.Cluster) {
		return nil, fmt.Errorf("clickhouse.cluster %q: letters, digits, _ and - are expected", cfg.Cluster)
	}
	options := &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{u.Host},
		// Tables are named with their database, which may not exist yet.
		Auth:         clickhouse.Auth{Username: cfg.User, Password: cfg.Password},
		Compression:  &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout:  dialTimeout,
		ReadTimeout:  answer,
		MaxOpenConns: maxConnections,
		MaxIdleConns: maxConnections,
		HttpUrlPath:  u.Path,
		// Asynchronous inserts answer before the rows have their place, and
		// handle tokens differently from version to version.
		Settings: clickhouse.Settings{"async_insert": 0},
	}
	if u.Scheme == "https" {
		options.TLS = tlsConfig(u.Hostname())
	}
	if cfg.Cluster != "" {
		maps.Copy(options.Settings, clusterSettings)
	}
	db := &DB{cfg: cfg, database: cfg.Database, cluster: cfg.Cluster}
	var first sync.Once
	options.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) {
		first.Do(func() {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = maxConnections, maxConnections
			db.transport.Store(t)
		})
		return db.transport.Load(), nil
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("open the warehouse: %w", err)
	}
	db.conn = conn
	return db, nil
}

// Conn is the connection for queries.
func (db *DB) Conn() driver.Conn { return db.conn }

// Database is the name of the database of Vigie's tables.
func (db *DB) Database() string { return db.database }

// Crowded says that most connections are in use: one more may have to be waited for.
func (db *DB) Crowded() bool { return db.conn.Stats().Open > maxConnections/2 }

// Ping asks whether ClickHouse answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ask ClickHouse for an answer: %w", err)
	}
	return nil
}

// Close ends the idle connections.
func (db *DB) Close() error {
	err := db.conn.Close()
	if t := db.transport.Load(); t != nil {
		t.CloseIdleConnections()
	}
	return err
}

// Column is a column of rows to insert: Values is a slice of the type that
// clickhouse-go takes for Type, one value a row.
type Column struct {
	Name, Type string
	Values     any
}

// Insert appends the rows to a table in one block. ClickHouse drops a block
// whose token it has seen in that table, so that the caller may, after any
// error, send the very same rows with the same token until it succeeds. What is sent
// may land at any time after an error: with ctx the waiting ends, not the insert.
func (db *DB) Insert(ctx context.Context, table, token string, columns []Column) error {
	p, err := db.Prepare(ctx, table, token, columns)
	if err != nil {
		return err
	}
	return p.Send(ctx)
}

// Prepared is a block in ClickHouse's columns, which takes as long as a third of its
// insert: it may be made while another is on its way. It holds a connection until Send
// or Drop, one of which must be called, once.
type Prepared struct {
	batch driver.Batch
	table string
	leave context.CancelFunc
}

// Prepare is the first half of Insert: it copies the rows, and reaches ClickHouse only
// where a connection must be opened. It ends with ctx, as does what is made of it.
func (db *DB) Prepare(ctx context.Context, table, token string, columns []Column) (*Prepared, error) {
	types := make([]clickhouse.ColumnNameAndType, len(columns))
	names := ""
	for i, c := range columns {
		types[i] = clickhouse.ColumnNameAndType{Name: c.Name, Type: c.Type}
		if i > 0 {
			names += ", "
		}
		names += c.Name
	}
	ctx, leave := context.WithCancel(ctx)
	ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(types), clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token":                         token,
		"insert_deduplicate":                                 1,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"async_insert":                                       0,
		// A block of the log may span more months than the default allows.
		"max_partitions_per_insert_block": 0,
		// Nobody waits for an answer longer, nor should what comes late be very late.
		"max_execution_time": int((readTimeout + dialTimeout).Seconds()),
	}))
	batch, err := db.conn.PrepareBatch(ctx, "INSERT INTO "+db.database+"."+table+" ("+names+")")
	if err != nil {
		leave()
		return nil, fmt.Errorf("prepare a block for %s: %w", table, err)
	}
	p := &Prepared{batch, table, leave}
	for i, c := range columns {
		// The driver would send a block of unequal columns as an empty one, and succeed.
		if n, want := reflect.ValueOf(c.Values).Len(), reflect.ValueOf(columns[0].Values).Len(); n != want {
			p.Drop()
			return nil, fmt.Errorf("column %s of %s: %w: it has %d values, %s has %d", c.Name, table, ErrRefused, n, columns[0].Name, want)
		}
		if err := batch.Column(i).Append(c.Values); err != nil {
			p.Drop()
			return nil, fmt.Errorf("column %s of %s: %w: %w", c.Name, table, ErrRefused, err)
		}
	}
	return p, nil
}

// Send inserts the block, as Insert says.
func (p *Prepared) Send(ctx context.Context) error {
	defer p.leave()
	defer context.AfterFunc(ctx, p.leave)()
	if err := p.batch.Send(); err != nil {
		return fmt.Errorf("insert into %s: %w", p.table, classify(err))
	}
	return nil
}

// Drop gives up a block that is not sent.
func (p *Prepared) Drop() {
	_ = p.batch.Close()
	p.leave()
}

// named is a query parameter; its text form is that of the type in the query.
func named(name, value string) driver.NamedValue { return clickhouse.Named(name, value) }
