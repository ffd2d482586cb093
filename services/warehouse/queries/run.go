package queries

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // zones are checked on machines that have no database of their own

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	// maxBuckets of one range: more points than any screen shows.
	maxBuckets = 11_000
	// maxRows of one answer: a screen's worth many times over, and a bound on memory.
	maxRows = 500_000
)

var (
	// ErrUnknownQuery is in the error of Run when there is no query of that name.
	ErrUnknownQuery = errors.New("there is no such named query")
	// ErrParameter is in the error of Run when a parameter is missing, not one of
	// the query's, or has a value that cannot be.
	ErrParameter = errors.New("the parameters do not fit the query")
	// ErrTooMuch is in the error of Run when an answer has too many rows.
	ErrTooMuch = errors.New("the answer is too large")
)

// databaseName is what may stand unquoted before a table's name.
var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Kinds of columns: what Values of a TableColumn is a slice of.
const (
	// KindTime is []time.Time.
	KindTime = "time"
	// KindNumber is []float64, or []*float64 where a figure may be missing.
	KindNumber = "number"
	// KindInteger is []uint64 or []int64.
	KindInteger = "integer"
	// KindString is []string.
	KindString = "string"
	// KindBool is []bool.
	KindBool = "bool"
)

// Table is the answer to a query, in columns.
type Table struct {
	Columns []TableColumn
}

// TableColumn is one column of an answer; Kind says what Values is.
type TableColumn struct {
	Name, Unit string
	Kind       string
	Values     any
}

// Rows is how many there are.
func (t *Table) Rows() int {
	if len(t.Columns) == 0 {
		return 0
	}
	return reflect.ValueOf(t.Columns[0].Values).Len()
}

// Run answers a named query; args are its parameters in their text form, all of
// them and no other. The error names what is wrong: ErrUnknownQuery,
// ErrParameter, ErrTooMuch, or what ClickHouse said.
func Run(ctx context.Context, conn driver.Conn, database, name string, args map[string]string) (*Table, error) {
	q, ok := Named(name)
	if !ok {
		return nil, fmt.Errorf("query %q: %w", name, ErrUnknownQuery)
	}
	if err := q.Check(args); err != nil {
		return nil, err
	}
	if !databaseName.MatchString(database) {
		return nil, fmt.Errorf("database %q: letters, digits and _ are expected", database)
	}
	var named []any
	for _, key := range slices.Sorted(maps.Keys(args)) {
		named = append(named, clickhouse.Named(key, args[key]))
	}
	rows, err := conn.Query(ctx, q.SQL(database), named...)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", name, err)
	}
	t, err := q.collect(rows)
	if err := errors.Join(err, rows.Close()); err != nil {
		return nil, fmt.Errorf("query %s: %w", name, err)
	}
	if len(t.Columns) > 0 {
		return t, nil
	}
	return q.withoutRows(ctx, conn, database, named)
}

// Check says what is wrong with a query's parameters, naming the first that does
// not fit; the error is an ErrParameter.
func (q Query) Check(args map[string]string) error {
	values := map[string]int64{}
	for _, p := range q.Params {
		text, ok := args[p.Name]
		if !ok {
			return fmt.Errorf("query %s: %w: %s is missing: %s", q.Name, ErrParameter, p.Name, p.Doc)
		}
		v, err := p.parse(text)
		if err != nil {
			return fmt.Errorf("query %s: %w: %s is %q: %w", q.Name, ErrParameter, p.Name, text, err)
		}
		values[p.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if _, ok := values[name]; !ok {
			return fmt.Errorf("query %s: %w: it has no parameter %q", q.Name, ErrParameter, name)
		}
	}
	from, ranged := values["from"]
	if ranged && from > values["to"] {
		return fmt.Errorf("query %s: %w: from %d is after to %d", q.Name, ErrParameter, from, values["to"])
	}
	if width, ok := values["bucket_ms"]; ok && (values["to"]-from)/width >= maxBuckets {
		return fmt.Errorf("query %s: %w: bucket_ms %d cuts the range into more than %d buckets", q.Name, ErrParameter, width, maxBuckets)
	}
	return nil
}

// latest bounds instants and durations: 2100-01-01, as the archiver does.
const latest = 4_102_444_800_000

// longest is the longest text that a parameter may have, bytes; sites is the bound of
// their numbers, those of undeclared ones included.
const (
	longest = 200
	sites   = 1 << 53
)

// parse is the number that a parameter says; 0 for one of type String.
func (p Param) parse(text string) (int64, error) {
	if p.Type == "String" {
		if text == "" || len(text) > longest {
			return 0, fmt.Errorf("a text of 1 to %d bytes is expected", longest)
		}
		return 0, p.zone(text)
	}
	least, most := int64(1), int64(latest)
	switch {
	case p.Type == "UInt64":
		least, most = 0, sites
	case p.Unit == UnitTime:
		least = 0
	case p.Type == "UInt32":
		most = math.MaxUint32
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < least || v > most {
		return 0, fmt.Errorf("a whole number from %d to %d is expected", least, most)
	}
	return v, nil
}

// zone says whether a text is the name of a time zone, where one is asked for; the
// machine's own is none that ClickHouse knows.
func (p Param) zone(text string) error {
	if p.Name != "time_zone" {
		return nil
	}
	if _, err := time.LoadLocation(text); err != nil || text == "Local" {
		return errors.New("the name of a time zone is expected, as Europe/Paris")
	}
	return nil
}

// collect reads all rows into columns of the kinds that Table names.
func (q Query) collect(rows driver.Rows) (*Table, error) {
	types := rows.ColumnTypes()
	cells := make([]any, len(types))
	values := make([]reflect.Value, len(types))
	for i, c := range types {
		if kindOf(c.ScanType()) == "" {
			return nil, fmt.Errorf("column %s is of type %s, which no table shows", c.Name(), c.DatabaseTypeName())
		}
		cells[i] = reflect.New(c.ScanType()).Interface()
		values[i] = reflect.MakeSlice(reflect.SliceOf(shown(c.ScanType())), 0, 16)
	}
	for rows.Next() {
		if values[0].Len() == maxRows {
			return nil, fmt.Errorf("%w: more than %d rows; ask for a shorter range or wider buckets", ErrTooMuch, maxRows)
		}
		if err := rows.Scan(cells...); err != nil {
			return nil, fmt.Errorf("row %d: %w", values[0].Len()+1, err)
		}
		for i, cell := range cells {
			values[i] = reflect.Append(values[i], reflect.ValueOf(cell).Elem().Convert(values[i].Type().Elem()))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	t := &Table{}
	for i, c := range types {
		t.Columns = append(t.Columns, TableColumn{Name: c.Name(), Unit: q.unitOf(c.Name()), Kind: kindOf(c.ScanType()), Values: values[i].Interface()})
	}
	return t, nil
}

func (q Query) unitOf(column string) string {
	for _, c := range q.Columns {
		if c.Name == column {
			return c.Unit
		}
	}
	return UnitNone
}
