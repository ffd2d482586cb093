package warehouse

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Select runs a named query and returns its rows.
func Select[T any](ctx context.Context, db *DB, call queries.Call[T]) ([]T, error) {
	var args []any
	for _, name := range slices.Sorted(maps.Keys(call.Args)) {
		args = append(args, named(name, call.Args[name]))
	}
	var rows []T
	if err := db.conn.Select(ctx, &rows, call.Query.SQL(db.database), args...); err != nil {
		return nil, fmt.Errorf("query %s: %w", call.Query.Name, err)
	}
	return rows, nil
}
