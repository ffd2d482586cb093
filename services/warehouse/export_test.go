package warehouse

import (
	"context"
	"time"
)

// Render is render.
var Render = render

// Statements are those of the migrations, in order.
func Statements() (list []string, err error) {
	all, err := readMigrations(migrationFiles)
	for _, m := range all {
		list = append(list, m.statements...)
	}
	return list, err
}

// Hasty is a DB that waits so long for an answer, as Open's does for a minute.
func (db *DB) Hasty(answer time.Duration) (*DB, error) { return open(db.cfg, answer) }

// MigrateBy applies one statement as a migration.
func (db *DB) MigrateBy(ctx context.Context, sql string) error {
	all, err := readMigrations(migrationFiles)
	if err != nil {
		return err
	}
	return db.migrate(ctx, append(all, migration{number: 9999, name: "9999_test.sql", statements: []string{sql}, checksum: "x"}))
}
