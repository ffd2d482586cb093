// Package plugin is the backend of Grafana's data source for Vigie: it answers
// named queries out of ClickHouse, and relays the live states of sites from
// Vigie's console. It sends no other SQL than the named queries with bound
// parameters, and changes nothing anywhere.
package plugin

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/open-vigie/vigie/services/warehouse"
)

// ID is the plugin's, as in plugin.json and in the dashboards.
const ID = "openvigie-vigie-datasource"

const (
	// maxQueries under way at a time in one data source: a dashboard's panels, and
	// half of the warehouse's connections.
	maxQueries = 8
	// maxQueriesWaiting for their turn; more are told to come back, so that a slow
	// ClickHouse costs bounded memory.
	maxQueriesWaiting = 128
	// maxStreams of one data source: Grafana asks for one of each channel, however
	// many look at it.
	maxStreams = 64
)

var (
	_ backend.QueryDataHandler      = (*Source)(nil)
	_ backend.CheckHealthHandler    = (*Source)(nil)
	_ backend.CallResourceHandler   = (*Source)(nil)
	_ backend.StreamHandler         = (*Source)(nil)
	_ instancemgmt.InstanceDisposer = (*Source)(nil)
)

// errDisposed ends what a data source was doing when its settings change.
var errDisposed = errors.New("the settings of the data source changed")

// Source is one data source as somebody configured it in Grafana. It is safe for
// concurrent use; Dispose ends it.
type Source struct {
	backend.CallResourceHandler
	settings settings
	uid      string
	log      log.Logger
	db       *warehouse.DB
	// console is nil where none is configured.
	console *console
	// turns are taken by queries under way; waiting counts those and the ones that wait.
	turns   chan struct{}
	waiting atomic.Int64
	streams atomic.Int64
	// living ends, with errDisposed as its cause, when the data source does.
	living context.Context
	end    context.CancelCauseFunc
}

// New opens a data source; it does not wait for anything to be there. The error
// says which setting is wrong.
func New(ctx context.Context, in backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	s, err := read(in)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	db, err := warehouse.Open(ctx, warehouse.Config{URL: s.url, User: s.user, Password: s.password, Database: s.database})
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	source := &Source{
		CallResourceHandler: resources(), settings: s, uid: in.UID, log: log.DefaultLogger.With("datasource", in.UID), db: db,
		turns: make(chan struct{}, maxQueries),
	}
	if s.consoleURL != nil {
		source.console = newConsole(s.consoleURL, s.consoleToken)
	}
	// Its life is that of the instance, not of the call that made it.
	source.living, source.end = context.WithCancelCause(context.Background())
	return source, nil
}

// Dispose ends queries and streams and closes all connections.
func (s *Source) Dispose() {
	s.end(errDisposed)
	for range maxQueries {
		s.turns <- struct{}{} // a connection in use would outlive the pool
	}
	if s.console != nil {
		s.console.close()
	}
	if err := s.db.Close(); err != nil {
		s.log.Warn("the connections to ClickHouse did not close", "error", err)
	}
}

// during is ctx, ended by Dispose too.
func (s *Source) during(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.living, func() { cancel(errDisposed) })
	return ctx, func() { stop(); cancel(nil) }
}
