package warehouse_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

// definitions are all that the schema is made of, and what a rebuild does to it.
func definitions(t *testing.T) []string {
	t.Helper()
	migrations, err := warehouse.Statements()
	if err != nil {
		t.Fatal(err)
	}
	return append(migrations,
		"CREATE DATABASE IF NOT EXISTS {db}", "DROP DATABASE IF EXISTS {db}", "EXCHANGE TABLES {db}.events AND {db}_rebuild.events, {db}.beats AND {db}_rebuild.beats",
		"CREATE TABLE IF NOT EXISTS {db}.rebuild_phases (phase String) ENGINE = MergeTree ORDER BY phase SETTINGS fsync_after_insert = 1",
	)
}

// Rendered for a cluster, each statement goes to every server and no table is left
// without copies; the engine's own parser takes each.
func TestSchemaOfACluster(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	var all strings.Builder
	alone := regexp.MustCompile(`ENGINE = (Replacing|Summing|Aggregating|)MergeTree`)
	fills := regexp.MustCompile(`(?m)^INSERT INTO `)
	for _, sql := range definitions(t) {
		got := warehouse.Render(sql, "vigie", "centre-1")
		all.WriteString(got + ";\n\n")
		servers := 1
		if fills.MatchString(got) {
			servers = 0 // Rows reach the others by themselves.
		}
		if strings.Count(got, "ON CLUSTER `centre-1`") != servers || alone.MatchString(got) || strings.Contains(got, "non_replicated") {
			t.Errorf("not of a cluster:\n%s", got)
		}
		var tree string
		if err := db.Conn().QueryRow(context.Background(), "EXPLAIN AST "+got).Scan(&tree); err != nil {
			t.Errorf("ClickHouse does not take it: %v\n%s", err, got)
		}
		if warehouse.Render(sql, "vigie", "") != strings.ReplaceAll(sql, "{db}", "vigie") {
			t.Errorf("for a single server something else changed:\n%s", sql)
		}
	}
	golden := filepath.Join("testdata", "cluster.sql")
	if *update {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if all.String() != string(want) {
		t.Errorf("the schema of a cluster has changed: run with -update, and read the difference")
	}
}

func TestAClusterHasAPlainName(t *testing.T) {
	for name, fine := range map[string]bool{"": true, "centre-1": true, "a b": false, "x`; DROP": false} {
		db, err := warehouse.Open(context.Background(), warehouse.Config{URL: "http://127.0.0.1:1", Cluster: name})
		if (err == nil) != fine {
			t.Errorf("cluster %q: %v", name, err)
		}
		if err == nil {
			_ = db.Close()
		}
	}
}
