package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// healthPatience bounds a health check: somebody waits for it at a button.
const healthPatience = 10 * time.Second

// CheckHealth asks all that the data source stands on: ClickHouse, its tables,
// the console where one is configured. Each failure says what to do.
func (s *Source) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx, done := s.during(ctx)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	errs := []error{s.checkTables(ctx)}
	live := "; live states need an address of the console"
	if s.console != nil {
		live = "; the console answers, states of sites are live"
		errs = append(errs, s.console.check(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: strings.ReplaceAll(err.Error(), "\n", "; ")}, nil
	}
	return &backend.CheckHealthResult{
		Status:  backend.HealthStatusOk,
		Message: fmt.Sprintf("ClickHouse answers, %d named queries have their tables%s.", len(queries.Names()), live),
	}, nil
}

// checkTables asks each table that a named query reads for nothing: it is there,
// and the user may read it.
func (s *Source) checkTables(ctx context.Context) error {
	for _, table := range tables(s.db.Database()) {
		if err := s.db.Conn().Exec(ctx, "SELECT 1 FROM "+table+" LIMIT 0"); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			_, said := s.clickhouse(err)
			return said
		}
	}
	return nil
}

// tables are those that the named queries read, each once.
func tables(database string) []string {
	var all []string
	seen := map[string]bool{}
	pattern := regexp.MustCompile(`\b` + regexp.QuoteMeta(database) + `\.[a-z_]+\b`)
	for _, name := range queries.Names() {
		q, _ := queries.Named(name)
		for _, table := range pattern.FindAllString(q.SQL(database), -1) {
			if !seen[table] {
				seen[table] = true
				all = append(all, table)
			}
		}
	}
	return all
}

// shownURL is the address of ClickHouse without what may be a secret in it.
func (s *Source) shownURL() string {
	u, err := url.Parse(s.settings.url)
	if err != nil {
		return "the address of the data source"
	}
	return u.Scheme + "://" + u.Host + u.Path
}
