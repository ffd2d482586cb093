package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
)

//go:embed fill/*.sql
var fillFiles embed.FS

// life is what the rows tell of: Sites sites, each with PerSiteDay events a day, up
// to End.
type life struct {
	Sites      uint64
	PerSiteDay float64
	Seed       uint64
	End        time.Time
}

// chunk is how many numbers one INSERT makes rows of: some seconds' work, on a machine
// that others use as well less than a client waits for.
const chunk = 1 << 18

// table is one file of fill: its first line is "-- share N": how many numbers it
// takes for a thousand events. Numbers count backwards from the end: 0 is the youngest.
type table struct {
	name, sql string
	share     uint64
}

func tables() ([]table, error) {
	names, err := fs.Glob(fillFiles, "fill/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list the files of tables: %w", err)
	}
	var all []table
	for _, name := range names {
		text, err := fs.ReadFile(fillFiles, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		t := table{name: strings.TrimSuffix(path.Base(name), ".sql"), sql: string(text)}
		if _, err := fmt.Sscanf(t.sql, "-- share %d", &t.share); err != nil {
			return nil, fmt.Errorf("%s does not begin with -- share N: %w", name, err)
		}
		all = append(all, t)
	}
	return all, nil
}

// fill adds what lacks of n events and of all that goes with them. How far each
// table is stands in the database, so that a fill that was stopped goes on.
func (l life) fill(ctx context.Context, db *warehouse.DB, n uint64) error {
	const progress = "CREATE TABLE IF NOT EXISTS {db}.filled (name String, numbers UInt64, life String) ENGINE = ReplacingMergeTree(numbers) ORDER BY name"
	if err := db.Conn().Exec(ctx, strings.ReplaceAll(progress, "{db}", db.Database())); err != nil {
		return fmt.Errorf("note how far the fill is: %w", err)
	}
	all, err := tables()
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := l.fillTable(ctx, db, t, n*t.share/1000); err != nil {
			return fmt.Errorf("fill %s: %w", t.name, err)
		}
	}
	return settle(ctx, db)
}

// settle merges the tables whose past months ClickHouse makes one part each some minutes
// after the last insert: questions are asked of a centre that runs, not of one that was
// filled this second.
func settle(ctx context.Context, db *warehouse.DB) error {
	rows, err := db.Conn().Query(ctx, "SELECT table, partition_id FROM system.parts WHERE active AND database = '"+db.Database()+
		"' AND table IN (SELECT name FROM system.tables WHERE engine_full LIKE '%min_age_to_force_merge_seconds%' AND database = '"+db.Database()+"') GROUP BY table, partition_id HAVING count() > 1 ORDER BY table, partition_id")
	if err != nil {
		return fmt.Errorf("look what is to be merged: %w", err)
	}
	defer rows.Close()
	var merges []string
	for rows.Next() {
		var name, partition string
		if err := rows.Scan(&name, &partition); err != nil {
			return fmt.Errorf("look what is to be merged: %w", err)
		}
		merges = append(merges, "OPTIMIZE TABLE "+db.Database()+"."+name+" PARTITION ID '"+partition+"' FINAL")
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look what is to be merged: %w", err)
	}
	for _, sql := range merges {
		if err := db.Conn().Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (l life) fillTable(ctx context.Context, db *warehouse.DB, t table, numbers uint64) error {
	var done uint64
	var of string
	err := db.Conn().QueryRow(ctx, "SELECT max(numbers), max(life) FROM "+db.Database()+".filled WHERE name = '"+t.name+"'").Scan(&done, &of)
	if err != nil {
		return fmt.Errorf("ask how far it is: %w", err)
	}
	mine := fmt.Sprintf("%d sites, %g a day, seed %d, to %s", l.Sites, l.PerSiteDay, l.Seed, l.End.UTC().Format(time.RFC3339))
	if done > 0 && of != mine {
		return fmt.Errorf("the database %s has rows of another life (%s; this is %s): use the same flags, or another -database", db.Database(), of, mine)
	}
	for ; done < numbers; done = min(done+chunk, numbers) {
		next := min(done+chunk, numbers)
		if err := db.Conn().Exec(ctx, l.sql(db, t, done, next)); err != nil {
			return err
		}
		if err := db.Conn().Exec(ctx, fmt.Sprintf("INSERT INTO %s.filled VALUES ('%s', %d, '%s')", db.Database(), t.name, next, mine)); err != nil {
			return fmt.Errorf("note how far it is: %w", err)
		}
	}
	return nil
}

// sql is the statement that makes rows of the numbers [from, to) of a table.
func (l life) sql(db *warehouse.DB, t table, from, to uint64) string {
	perMS := float64(l.Sites) * l.PerSiteDay / float64(24*time.Hour/time.Millisecond) * float64(t.share) / 1000
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	// A chunk whose answer was lost is sent again, and counts once.
	token := fmt.Sprintf("\nSETTINGS insert_deduplication_token = 'fill-%s-%d'", t.name, from)
	return strings.NewReplacer(
		"{db}", db.Database(), "{from}", number(from), "{count}", number(to-from), "{sites}", number(l.Sites), "{seed}", number(l.Seed),
		"{end_ms}", strconv.FormatInt(l.End.UnixMilli(), 10), "{apart_ms}", strconv.FormatFloat(1/perMS, 'g', 17, 64),
	).Replace(t.sql) + token
}

// tellSize says how large the tables are.
func tellSize(ctx context.Context, w io.Writer, db *warehouse.DB, n uint64, took time.Duration) error {
	rows, err := db.Conn().Query(ctx, "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = '"+db.Database()+"' GROUP BY table ORDER BY table")
	if err != nil {
		return fmt.Errorf("ask how large the tables are: %w", err)
	}
	defer rows.Close()
	fmt.Fprintf(w, "\n%d events; this step of the fill took %s\n\n| table | rows | MB | bytes a row |\n|---|---|---|---|\n", n, took.Round(time.Second))
	for rows.Next() {
		var name string
		var count, bytes uint64
		if err := rows.Scan(&name, &count, &bytes); err != nil {
			return fmt.Errorf("ask how large the tables are: %w", err)
		}
		if count > 0 && name != "filled" && name != "schema_migrations" {
			fmt.Fprintf(w, "| %s | %d | %.1f | %.1f |\n", name, count, float64(bytes)/1e6, float64(bytes)/float64(count))
		}
	}
	return rows.Err()
}
