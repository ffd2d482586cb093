package queries

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var (
	typeTime   = reflect.TypeFor[time.Time]()
	typeFigure = reflect.TypeFor[*float64]()
)

// kindOf is the kind of a column whose cells the driver reads as t; "" when no
// kind fits.
func kindOf(t reflect.Type) string {
	if t == typeTime {
		return KindTime
	}
	if t == typeFigure {
		return KindNumber
	}
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return KindInteger
	case reflect.Float32, reflect.Float64:
		return KindNumber
	case reflect.String:
		return KindString
	case reflect.Bool:
		return KindBool
	default:
		return ""
	}
}

// shown is the type of the values of such a column: the widest of its kind.
func shown(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return reflect.TypeFor[int64]()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return reflect.TypeFor[uint64]()
	case reflect.Float32:
		return reflect.TypeFor[float64]()
	default:
		return t
	}
}

// kindOfName is the kind of a column of one of ClickHouse's types, and an empty
// list of its values.
func kindOfName(name string) (string, any) {
	nullable := strings.Contains(name, "Nullable(")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "LowCardinality("), "Nullable(")
	switch {
	case strings.HasPrefix(name, "DateTime"):
		return KindTime, []time.Time{}
	case strings.HasPrefix(name, "Float") && nullable:
		return KindNumber, []*float64{}
	case strings.HasPrefix(name, "Float"):
		return KindNumber, []float64{}
	case strings.HasPrefix(name, "UInt"):
		return KindInteger, []uint64{}
	case strings.HasPrefix(name, "Int"):
		return KindInteger, []int64{}
	case strings.HasPrefix(name, "Bool"):
		return KindBool, []bool{}
	case strings.HasPrefix(name, "String"):
		return KindString, []string{}
	default:
		return "", nil
	}
}

// withoutRows is an answer without rows: ClickHouse names the columns of one only
// when asked.
func (q Query) withoutRows(ctx context.Context, conn driver.Conn, database string, args []any) (*Table, error) {
	rows, err := conn.Query(ctx, "DESCRIBE TABLE (\n"+q.SQL(database)+"\n)", args...)
	if err != nil {
		return nil, fmt.Errorf("columns of query %s: %w", q.Name, err)
	}
	t := &Table{}
	for err == nil && rows.Next() {
		var name, kind string
		var rest [5]string
		if err = rows.Scan(&name, &kind, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4]); err == nil {
			c := TableColumn{Name: name, Unit: q.unitOf(name)}
			c.Kind, c.Values = kindOfName(kind)
			t.Columns = append(t.Columns, c)
		}
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("columns of query %s: %w", q.Name, err)
	}
	return t, nil
}
