package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Types of queries.
const (
	// typeNamed asks a named query.
	typeNamed = "named"
	// typeSites shows the live states of sites: a channel instead of rows.
	typeSites = "sites"
)

// model is a query as the dashboards and the query editor write it.
type model struct {
	// Query is the name of a named query, Params are its parameters in their text
	// form. from, to and bucket_ms come from the panel whatever stands here;
	// window_ms is the panel's range where it is not given.
	Query  string            `json:"query"`
	Params map[string]string `json:"params"`
	// Format is table or timeseries; empty is what suits the query.
	Format string `json:"format"`
	// Value and Label name the columns of figures and of labels of time series;
	// empty takes all that can be.
	Value []string `json:"value"`
	Label []string `json:"label"`
	// Site restricts live states to one site; 0 is all of them.
	Site uint64 `json:"site"`
}

// errModel says that a query is not what the query editor writes.
var errModel = errors.New("the query cannot be read")

// errBusy says that too many queries wait already.
var errBusy = errors.New("too many queries of this data source wait for their turn; look at fewer dashboards at a time, or less often")

// QueryData answers each query by itself: one that fails keeps no other.
func (s *Source) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	answers := make([]backend.DataResponse, len(req.Queries))
	var all sync.WaitGroup
	for i, q := range req.Queries {
		all.Go(func() {
			frames, err := s.answer(ctx, q)
			if err != nil {
				answers[i] = s.failed(err)
				return
			}
			answers[i] = backend.DataResponse{Frames: frames, Status: backend.StatusOK}
		})
	}
	all.Wait()
	out := backend.NewQueryDataResponse()
	for i, q := range req.Queries {
		out.Responses[q.RefID] = answers[i]
	}
	return out, nil
}

func (s *Source) answer(ctx context.Context, in backend.DataQuery) (data.Frames, error) {
	var m model
	if err := json.Unmarshal(in.JSON, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", errModel, err)
	}
	switch in.QueryType {
	case typeSites:
		return s.live(m)
	case typeNamed, "":
		return s.named(ctx, in, m)
	default:
		return nil, fmt.Errorf("%w: type %q; %s or %s is expected", errModel, in.QueryType, typeNamed, typeSites)
	}
}

func (s *Source) named(ctx context.Context, in backend.DataQuery, m model) (data.Frames, error) {
	q, ok := queries.Named(m.Query)
	if !ok {
		return nil, fmt.Errorf("query %q: %w; the query editor lists them", m.Query, queries.ErrUnknownQuery)
	}
	args := filled(q, m.Params, in)
	if err := q.Check(args); err != nil {
		return nil, err
	}
	table, err := s.ask(ctx, q.Name, args)
	if err != nil {
		return nil, err
	}
	frame, err := shaped(q, table, m)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", q.Name, err)
	}
	frame.Meta.ExecutedQueryString = executed(q.SQL(s.db.Database()), args)
	return data.Frames{frame}, nil
}

// ask runs a query in its turn, within the timeout.
func (s *Source) ask(ctx context.Context, name string, args map[string]string) (*queries.Table, error) {
	if s.waiting.Add(1) > maxQueriesWaiting+maxQueries {
		s.waiting.Add(-1)
		return nil, errBusy
	}
	defer s.waiting.Add(-1)
	ctx, done := s.during(ctx)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, s.settings.timeout)
	defer cancel()
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.turns }()
	table, err := queries.Run(ctx, s.db.Conn(), s.db.Database(), name, args)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return table, err
}

// filled adds what the panel says to the parameters of a query.
func filled(q queries.Query, given map[string]string, in backend.DataQuery) map[string]string {
	from, to := in.TimeRange.From.UnixMilli(), in.TimeRange.To.UnixMilli()
	panel := map[string]int64{"from": from, "to": to, "bucket_ms": bucket(to-from, in.MaxDataPoints, in.Interval)}
	args := map[string]string{}
	maps.Copy(args, given)
	for _, p := range q.Params {
		if v, ok := panel[p.Name]; ok {
			args[p.Name] = strconv.FormatInt(v, 10)
		}
		if p.Name == "window_ms" && args[p.Name] == "" {
			args[p.Name] = strconv.FormatInt(max(to-from, 1), 10)
		}
	}
	return args
}

const day = 24 * time.Hour

// widths of buckets, the same as the console's, so that both draw the same bars.
var widths = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, day,
}

// defaultPoints is what a panel gets that does not say how many it draws.
const defaultPoints = 100

// bucket is the least width, in milliseconds, that cuts the range into at most so
// many buckets and is no shorter than the panel's least interval; whole days
// beyond a day.
func bucket(rangeMS, points int64, interval time.Duration) int64 {
	if points < 1 {
		points = defaultPoints
	}
	least := max(float64(rangeMS)/float64(points), float64(interval.Milliseconds()))
	for _, w := range widths {
		if float64(w.Milliseconds()) >= least {
			return w.Milliseconds()
		}
	}
	return int64(math.Ceil(least/float64(day.Milliseconds()))) * day.Milliseconds()
}

// executed is what the query inspector of Grafana shows.
func executed(sql string, args map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(args)) {
		fmt.Fprintf(&b, "-- %s = %s\n", name, args[name])
	}
	return b.String() + sql
}
