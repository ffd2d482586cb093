package warehouse

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// A migration is one numbered file. Its statements can each be repeated, since
// ClickHouse has no transaction around them.
type migration struct {
	number     uint32
	name       string
	statements []string
	// checksum is SHA-256 of the file, in hex.
	checksum string
}

// Errors of Migrate.
var (
	// ErrNewerSchema: the database was migrated by a newer Vigie.
	ErrNewerSchema = errors.New("the warehouse was migrated by a newer Vigie: use that one, or another database")
	// ErrChangedMigration: a released migration differs from the one applied.
	ErrChangedMigration = errors.New("a migration that was applied has since been changed: released migrations never change, add a new one")
)

// Migrate brings the schema to that of this program: forward only, each file
// once. It may be called by several processes at a time.
func (db *DB) Migrate(ctx context.Context) error {
	all, err := readMigrations(migrationFiles)
	if err != nil {
		return err
	}
	return db.migrate(ctx, all)
}

func (db *DB) migrate(ctx context.Context, all []migration) error {
	patient, err := open(db.cfg, patience)
	if err != nil {
		return err
	}
	return errors.Join(patient.bring(ctx, all), patient.Close())
}

// bring applies those that are not yet applied.
func (db *DB) bring(ctx context.Context, all []migration) error {
	for _, sql := range []string{
		"CREATE DATABASE IF NOT EXISTS {db}",
		`CREATE TABLE IF NOT EXISTS {db}.schema_migrations
			(number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC'))
			ENGINE = ReplacingMergeTree ORDER BY number`,
	} {
		if err := db.Define(ctx, sql); err != nil {
			return fmt.Errorf("prepare the migrations: %w", err)
		}
	}
	applied, err := db.applied(ctx)
	if err != nil {
		return err
	}
	for number := range applied {
		if !slices.ContainsFunc(all, func(m migration) bool { return m.number == number }) {
			return fmt.Errorf("migration %d of database %s is unknown here: %w", number, db.database, ErrNewerSchema)
		}
	}
	for _, m := range all {
		switch sum, done := applied[m.number]; {
		case done && sum != m.checksum:
			return fmt.Errorf("%s: %w", m.name, ErrChangedMigration)
		case done:
			continue
		}
		if err := db.apply(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) apply(ctx context.Context, m migration) error {
	for i, sql := range m.statements {
		if err := db.Define(ctx, sql); err != nil {
			return fmt.Errorf("migration %s, statement %d: %w", m.name, i+1, err)
		}
	}
	err := db.conn.Exec(ctx, "INSERT INTO "+db.database+".schema_migrations (number, name, checksum, applied_at) SELECT {number:UInt32}, {name:String}, {checksum:String}, fromUnixTimestamp64Milli({at:Int64}, 'UTC')",
		named("number", strconv.FormatUint(uint64(m.number), 10)), named("name", m.name), named("checksum", m.checksum), named("at", strconv.FormatInt(time.Now().UnixMilli(), 10)))
	if err != nil {
		return fmt.Errorf("note migration %s as applied: %w", m.name, err)
	}
	return nil
}

func (db *DB) applied(ctx context.Context) (map[uint32]string, error) {
	rows, err := db.conn.Query(ctx, "SELECT number, checksum FROM "+db.database+".schema_migrations FINAL")
	if err != nil {
		return nil, fmt.Errorf("read which migrations were applied: %w", err)
	}
	defer rows.Close()
	applied := map[uint32]string{}
	for rows.Next() {
		var number uint32
		var checksum string
		if err := rows.Scan(&number, &checksum); err != nil {
			return nil, fmt.Errorf("read which migrations were applied: %w", err)
		}
		applied[number] = checksum
	}
	return applied, rows.Err()
}

// readMigrations returns the files in order; numbers rise, and may have gaps.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	slices.Sort(names)
	var all []migration
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		base := path.Base(name)
		number, err := strconv.ParseUint(strings.SplitN(base, "_", 2)[0], 10, 32)
		if err != nil || number == 0 {
			return nil, fmt.Errorf("migration %s: a name like 0001_events.sql is expected", base)
		}
		if n := len(all); n > 0 && uint64(all[n-1].number) >= number {
			return nil, fmt.Errorf("migration %s: %s has its number already", base, all[n-1].name)
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{number: uint32(number), name: base, statements: split(string(text)), checksum: hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// split cuts a file at semicolons that end a line.
func split(text string) []string {
	var out []string
	for s := range strings.SplitSeq(text, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
