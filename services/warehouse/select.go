package warehouse

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Select runs a named query and returns its rows.
func Select[T any](ctx context.Context, db *DB, call queries.Call[T]) ([]T, error) {
	var args []any
	for _, name := range slices.Sorted(maps.Keys(call.Args)) {
		args = append(args, named(name, call.Args[name]))
	}
	if call.Sites != nil {
		beside, err := tableOfSites(call.Sites)
		if err != nil {
			return nil, fmt.Errorf("query %s: its sites: %w", call.Query.Name, err)
		}
		ctx = clickhouse.Context(ctx, clickhouse.WithExternalTable(beside))
	}
	var rows []T
	if err := db.conn.Select(ctx, &rows, call.SQL(db.database), args...); err != nil {
		return nil, fmt.Errorf("query %s: %w", call.Query.Name, err)
	}
	return rows, nil
}

// tableOfSites goes beside a query: a group may have more sites than a text can name.
func tableOfSites(sites []uint64) (*ext.Table, error) {
	t, err := ext.NewTable(queries.SitesTable, ext.Column("site", "UInt64"))
	if err != nil {
		return nil, err
	}
	for _, site := range sites {
		if err := t.Append(site); err != nil {
			return nil, err
		}
	}
	return t, nil
}
