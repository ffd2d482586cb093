package console

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

const (
	// maxQueries under way at a time: a dashboard's panels, and half of the
	// warehouse's connections.
	maxQueries = 8
	// maxQueriesWaiting for their turn; more are told to come back, so that a
	// slow ClickHouse costs bounded memory.
	maxQueriesWaiting = 128
	// queryPatience bounds the wait for a turn and the query together: longer than
	// the refresh of a dashboard helps nobody.
	queryPatience = 15 * time.Second
)

// QueryParam is what a named query asks for.
type QueryParam struct {
	Name string `json:"name"`
	Type string `json:"type" doc:"ClickHouse's name of the type."`
	Unit string `json:"unit,omitempty" doc:"time is Unix milliseconds."`
	Doc  string `json:"doc"`
}

// QueryColumn is a column of a named query's answer.
type QueryColumn struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	Doc  string `json:"doc"`
}

// NamedQuery is one question that the warehouse can be asked.
type NamedQuery struct {
	Name       string        `json:"name"`
	Doc        string        `json:"doc"`
	Params     []QueryParam  `json:"params"`
	Columns    []QueryColumn `json:"columns"`
	TimeSeries bool          `json:"time_series" doc:"The rows are points in time."`
}

// Answer is the answer to a named query, column by column.
type Answer struct {
	Columns []AnswerColumn `json:"columns"`
}

// AnswerColumn is a column and its values, one a row.
type AnswerColumn struct {
	Name   string `json:"name"`
	Unit   string `json:"unit,omitempty"`
	Kind   string `json:"kind" enum:"time,number,integer,string,bool" doc:"What the values are; time is Unix milliseconds, a number may be null."`
	Values []any  `json:"values"`
}

type askInput struct {
	Name           string `path:"name" maxLength:"64"`
	AcceptLanguage string `header:"Accept-Language"`
	Body           struct {
		Params map[string]string `json:"params" doc:"All parameters of the query, and no other, in their text form." example:"{\"to\":\"1790000000000\"}"`
	}
}

func (c *Console) registerQueries(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-queries", Method: http.MethodGet, Path: "/api/v1/queries", Summary: "The named queries",
		Errors: []int{401}, Tags: []string{"dashboards"},
	}, func(context.Context, *struct{}) (*struct{ Body []NamedQuery }, error) {
		return &struct{ Body []NamedQuery }{namedQueries()}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "run-query", Method: http.MethodPost, Path: "/api/v1/queries/{name}", Summary: "Ask the warehouse a named query",
		Errors: []int{401, 404, 422, 503}, Tags: []string{"dashboards"},
	}, func(ctx context.Context, in *askInput) (*struct{ Body Answer }, error) {
		table, err := c.ask(ctx, in.Name, in.Body.Params)
		if err != nil {
			return nil, c.queryProblem(in.Name, err)
		}
		return &struct{ Body Answer }{shown(table)}, nil
	})
}

func namedQueries() []NamedQuery {
	var list []NamedQuery
	for _, name := range queries.Names() {
		q, _ := queries.Named(name)
		n := NamedQuery{Name: name, Doc: q.Doc, Params: []QueryParam{}, Columns: []QueryColumn{}, TimeSeries: q.TimeSeries()}
		for _, p := range q.Params {
			n.Params = append(n.Params, QueryParam(p))
		}
		for _, col := range q.Columns {
			n.Columns = append(n.Columns, QueryColumn(col))
		}
		list = append(list, n)
	}
	return list
}

// errBusy says that too many queries wait already.
var errBusy = errors.New("too many queries wait for their turn")

// errNoWarehouse says that the console was given none.
var errNoWarehouse = errors.New("the console was started without a ClickHouse")

// ask runs a query in its turn, within queryPatience.
func (c *Console) ask(ctx context.Context, name string, params map[string]string) (*queries.Table, error) {
	q, ok := queries.Named(name)
	if !ok {
		return nil, queries.ErrUnknownQuery
	}
	if err := q.Check(params); err != nil {
		return nil, err
	}
	db := c.deps.Warehouse
	if db == nil {
		return nil, errNoWarehouse
	}
	if c.waiting.Add(1) > maxQueriesWaiting+maxQueries {
		c.waiting.Add(-1)
		return nil, errBusy
	}
	defer c.waiting.Add(-1)
	ctx, done := context.WithTimeout(ctx, c.cfg.QueryPatience)
	defer done()
	select {
	case c.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.turns }()
	began := c.deps.Now()
	table, err := queries.Run(ctx, db.Conn(), db.Database(), name, params)
	result := "ok"
	if err != nil {
		result = "failed"
	}
	c.metrics.queries.WithLabelValues(name, result).Observe(c.deps.Now().Sub(began).Seconds())
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return table, err
}

// queryProblem says what went wrong, to the one who asked; what only the
// administrator can mend goes to the log as well.
func (c *Console) queryProblem(name string, err error) error {
	var refused *clickhouse.Exception
	switch {
	case errors.Is(err, queries.ErrUnknownQuery):
		return problem.New(problem.NoSuchQuery, "there is no query "+name)
	case errors.Is(err, queries.ErrParameter), errors.Is(err, queries.ErrTooMuch):
		return problem.New(problem.Invalid, err.Error())
	case errors.Is(err, errNoWarehouse):
		return problem.New(problem.NoWarehouse, "")
	case errors.Is(err, errBusy):
		return problem.New(problem.Busy, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(problem.QueryTooLong, "query "+name+" had no answer within "+c.cfg.QueryPatience.String())
	case errors.Is(err, context.Canceled):
		return problem.New(problem.Busy, "the request ended before its answer")
	case errors.As(err, &refused):
		c.deps.Log.Warn("ClickHouse refused a query", "query", name, "error", err)
		return problem.New(problem.WarehouseAway, "query "+name+" was refused: the archiver may not have prepared the tables yet")
	default:
		c.deps.Log.Warn("ClickHouse does not answer a query", "query", name, "error", err)
		return problem.New(problem.WarehouseAway, "")
	}
}

// shown turns a table's columns into what JSON can say.
func shown(t *queries.Table) Answer {
	out := Answer{Columns: []AnswerColumn{}}
	for _, col := range t.Columns {
		out.Columns = append(out.Columns, AnswerColumn{Name: col.Name, Unit: col.Unit, Kind: col.Kind, Values: cells(col.Values)})
	}
	return out
}

func cells(values any) []any {
	switch v := values.(type) {
	case []time.Time:
		return each(v, func(t time.Time) any { return t.UnixMilli() })
	case []float64:
		return each(v, number)
	case []*float64:
		return each(v, func(f *float64) any {
			if f == nil {
				return nil
			}
			return number(*f)
		})
	case []int64:
		return each(v, func(n int64) any { return n })
	case []uint64:
		return each(v, func(n uint64) any { return n })
	case []string:
		return each(v, func(s string) any { return s })
	case []bool:
		return each(v, func(b bool) any { return b })
	default:
		return []any{}
	}
}

// number: JSON knows no NaN and no infinity.
func number(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

func each[V any](values []V, show func(V) any) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = show(v)
	}
	return out
}
