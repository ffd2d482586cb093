package warehouse_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

var update = flag.Bool("update", false, "write the golden dump of the schema")

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// dump is the schema as ClickHouse shows it, without the database's name.
func dump(t *testing.T, db *warehouse.DB) string {
	t.Helper()
	rows, err := db.Conn().Query(context.Background(), "SELECT create_table_query FROM system.tables WHERE database = '"+db.Database()+"' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		b.WriteString(strings.ReplaceAll(s, db.Database()+".", "vigie.") + ";\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSchemaIsTheGoldenOne(t *testing.T) {
	got := dump(t, enginetest.Open(t, enginetest.Shared(t)))
	golden := filepath.Join("testdata", "schema.sql")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the schema has changed. A released migration never changes: add one, then run with -update.\n%s", got)
	}
}

func TestMigrateAgainDoesNothing(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	before := dump(t, db)
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if after := dump(t, db); after != before {
		t.Error("a second run changed the schema")
	}
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var n uint64
	if err := db.Conn().QueryRow(context.Background(), "SELECT count() FROM "+db.Database()+".schema_migrations").Scan(&n); err != nil || int(n) != len(files) {
		t.Errorf("%d migrations are noted, %v", n, err)
	}
}

func TestMigrateRefusesWhatItDoesNotKnow(t *testing.T) {
	ctx := context.Background()
	db := enginetest.Open(t, enginetest.Shared(t))
	exec := func(sql string) {
		t.Helper()
		if err := db.Conn().Exec(ctx, strings.ReplaceAll(sql, "{db}", db.Database())); err != nil {
			t.Fatal(err)
		}
	}
	exec("INSERT INTO {db}.schema_migrations VALUES (999, '0999_future.sql', 'x', now64())")
	if err := db.Migrate(ctx); !errors.Is(err, warehouse.ErrNewerSchema) {
		t.Errorf("a newer schema: %v", err)
	}
	exec("ALTER TABLE {db}.schema_migrations DELETE WHERE number = 999 SETTINGS mutations_sync = 1")
	exec("INSERT INTO {db}.schema_migrations VALUES (1, '0001_events.sql', 'another', now64())")
	if err := db.Migrate(ctx); !errors.Is(err, warehouse.ErrChangedMigration) {
		t.Errorf("a changed migration: %v", err)
	}
}

// A statement of a migration may take longer than any other may.
func TestMigrationsAreWaitedFor(t *testing.T) {
	ctx := context.Background()
	hasty, err := enginetest.Open(t, enginetest.Shared(t)).Hasty(200 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hasty.Close() })
	const slow = "CREATE TABLE {db}.slow ENGINE = Memory AS SELECT sleep(1) AS slept"
	if err := hasty.Define(ctx, strings.Replace(slow, "slow", "hasty", 1)); err == nil {
		t.Fatal("any statement is waited for: this case shows nothing")
	}
	if err := hasty.MigrateBy(ctx, slow); err != nil {
		t.Errorf("a statement of a second: %v", err)
	}
}

// Each table that the archiver fills drops a repeated token, and so do the
// targets of the views behind it.
func TestEveryTableAndTargetHasADeduplicationWindow(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	rows, err := db.Conn().Query(context.Background(), "SELECT name, create_table_query FROM system.tables WHERE database = '"+db.Database()+"' AND engine LIKE '%MergeTree' AND name != 'schema_migrations'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var name, sql string
		if err := rows.Scan(&name, &sql); err != nil {
			t.Fatal(err)
		}
		n++
		for _, setting := range []string{"non_replicated_deduplication_window = 10000", "fsync_after_insert = 1", "fsync_part_directory = 1"} {
			if !strings.Contains(sql, setting) {
				t.Errorf("%s lacks %s", name, setting)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d tables", n)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, cfg := range []warehouse.Config{{URL: "127.0.0.1:8123"}, {URL: "http://h", Database: "a b"}} {
		if _, err := warehouse.Open(context.Background(), cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func TestInsertRefusedIsTold(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	err := db.Insert(context.Background(), "no_such_table", "t", []warehouse.Column{{Name: "a", Type: "UInt8", Values: []uint8{1}}})
	if !errors.Is(err, warehouse.ErrRefused) {
		t.Errorf("an unknown table: %v", err)
	}
	err = db.Insert(context.Background(), "events", "t", []warehouse.Column{{Name: "site", Type: "UInt64", Values: []string{"x"}}})
	if !errors.Is(err, warehouse.ErrRefused) {
		t.Errorf("a value of the wrong type: %v", err)
	}
}

// Columns of unequal length are a fault of the caller that must not pass for an insert.
func TestUnequalColumnsAreRefused(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	err := db.Insert(context.Background(), "events", "t", []warehouse.Column{
		{Name: "kafka_offset", Type: "UInt64", Values: []uint64{1, 2}}, {Name: "site", Type: "UInt64", Values: []uint64{1}},
	})
	if !errors.Is(err, warehouse.ErrRefused) || !strings.Contains(err.Error(), "site") {
		t.Errorf("two offsets and one site: %v", err)
	}
}
