package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Codes of ClickHouse's errors.
var (
	codesNoUser   = []int32{192, 193, 194, 516} // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
	codesNoRight  = []int32{497}                // ACCESS_DENIED
	codesNoTables = []int32{60, 81}             // UNKNOWN_TABLE, UNKNOWN_DATABASE
	codesReadonly = []int32{164}                // READONLY
)

// failed says what went wrong to whoever looks at the panel. Downstream is all
// that the plugin cannot mend: the question, ClickHouse, the network.
func (s *Source) failed(err error) backend.DataResponse {
	status, source, said := s.judged(err)
	if source == backend.ErrorSourcePlugin {
		s.log.Error("a query failed in the plugin", "error", err)
	}
	return backend.DataResponse{Error: said, Status: status, ErrorSource: source}
}

func (s *Source) judged(err error) (backend.Status, backend.ErrorSource, error) {
	const downstream = backend.ErrorSourceDownstream
	switch {
	case errors.Is(err, queries.ErrUnknownQuery):
		return backend.StatusNotFound, downstream, err
	case errors.Is(err, queries.ErrParameter), errors.Is(err, queries.ErrTooMuch), errors.Is(err, errShape), errors.Is(err, errModel), errors.Is(err, errNoConsole):
		return backend.StatusBadRequest, downstream, err
	case errors.Is(err, errBusy):
		return backend.StatusTooManyRequests, downstream, err
	case errors.Is(err, context.DeadlineExceeded):
		return backend.StatusTimeout, downstream, fmt.Errorf("ClickHouse gave no answer within %s: ask for a shorter range or wider buckets, or raise the data source's timeout", s.settings.timeout)
	case errors.Is(err, context.Canceled), errors.Is(err, errDisposed):
		return backend.StatusBadGateway, downstream, fmt.Errorf("the query was given up: %w", err)
	case !fromClickHouse(err):
		return backend.StatusInternal, backend.ErrorSourcePlugin, fmt.Errorf("the plugin failed on the answer; please report it: %w", err)
	}
	status, said := s.clickhouse(err)
	return status, downstream, said
}

// fromClickHouse says whether ClickHouse, or the way to it, is the origin.
func fromClickHouse(err error) bool {
	var refused *clickhouse.Exception
	var answer *clickhouse.HTTPError
	var network net.Error
	return errors.As(err, &refused) || errors.As(err, &answer) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, clickhouse.ErrAcquireConnTimeout)
}

// clickhouse says in a sentence what ClickHouse's refusal, or its silence, asks for.
func (s *Source) clickhouse(err error) (backend.Status, error) {
	var refused *clickhouse.Exception
	if !errors.As(err, &refused) {
		return backend.StatusBadGateway, fmt.Errorf("ClickHouse does not answer at %s: is it running, and is the address of the data source right? (%w)", s.shownURL(), err)
	}
	switch {
	case slices.Contains(codesNoUser, refused.Code):
		return backend.StatusUnauthorized, fmt.Errorf("ClickHouse refuses the user %q or its password: correct them in the data source (code %d)", s.settings.user, refused.Code)
	case slices.Contains(codesNoRight, refused.Code):
		return backend.StatusForbidden, fmt.Errorf("the user %q may not read Vigie's tables: grant it SELECT on %s.* (%s)", s.settings.user, s.settings.database, refused.Message)
	case slices.Contains(codesReadonly, refused.Code):
		return backend.StatusForbidden, fmt.Errorf("the user %q may not even name settings of a query: give its profile readonly = 2 instead of 1 (%s)", s.settings.user, refused.Message)
	case slices.Contains(codesNoTables, refused.Code):
		return backend.StatusBadGateway, fmt.Errorf("the database %q lacks Vigie's tables: the archiver makes them at its start; is it running, and is the database of the data source right? (%s)", s.settings.database, refused.Message)
	default:
		return backend.StatusBadGateway, fmt.Errorf("ClickHouse refused the query: %w", err)
	}
}
