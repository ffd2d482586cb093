package engine

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// kinds are types with a value of each, as SQL and as clickhouse-go prints it.
var kinds = []struct{ name, sql, want string }{
	{"Bool", "true", "true"},
	{"Int8", "-128", "-128"},
	{"Int64", "-9223372036854775808", "-9223372036854775808"},
	{"UInt64", "18446744073709551615", "18446744073709551615"},
	{"Int128", "-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728"},
	{"UInt256", "12345678901234567890123456789012345678901234567890", "12345678901234567890123456789012345678901234567890"},
	{"Float32", "0.25", "0.25"},
	{"Float64", "-1.5", "-1.5"},
	{"Decimal(9, 2)", "'-1.25'", "-1.25"},
	{"Decimal(38, 10)", "'123456789.0123456789'", "123456789.0123456789"},
	{"Decimal(76, 2)", "'1.50'", "1.5"},
	{"String", "'a\\n\\nb'", "a\n\nb"},
	{"FixedString(4)", "'abcd'", "abcd"},
	{"LowCardinality(String)", "'x'", "x"},
	{"LowCardinality(Nullable(String))", "NULL", "<nil>"},
	{"Nullable(Int32)", "NULL", "<nil>"},
	{"Nullable(String)", "'v'", "v"},
	{"UUID", "'01234567-89ab-cdef-0123-456789abcdef'", "01234567-89ab-cdef-0123-456789abcdef"},
	{"Date", "'2026-11-24'", "2026-11-24 00:00:00 +0000 UTC"},
	{"Date32", "'1950-01-02'", "1950-01-02 00:00:00 +0000 UTC"},
	{"DateTime('UTC')", "'2026-11-24 01:02:03'", "2026-11-24 01:02:03 +0000 UTC"},
	{"DateTime64(9, 'UTC')", "'2026-11-24 01:02:03.123456789'", "2026-11-24 01:02:03.123456789 +0000 UTC"},
	{"IPv4", "'10.1.2.3'", "10.1.2.3"},
	{"IPv6", "'2001:db8::1'", "2001:db8::1"},
	{"Enum8('p' = 1, 'q' = 2)", "'q'", "q"},
	{"Enum16('p' = 1, 'q' = 1000)", "'q'", "q"},
	{"Array(Array(UInt16))", "[[1, 2], []]", "[[1 2] []]"},
	{"Array(LowCardinality(String))", "['v', 'w', 'v']", "[v w v]"},
	{"Tuple(UInt8, String)", "(7, 'z')", "[7 z]"},
	{"Tuple(a UInt8, b Array(String))", "(7, ['z'])", "map[a:7 b:[z]]"},
	{"Map(String, Array(UInt32))", "map('k', [9, 10])", "map[k:[9 10]]"},
	{"SimpleAggregateFunction(sum, UInt64)", "5", "5"},
}

// clickhouse-go reads each type as it was written, from two rows so that columns
// with dictionaries and offsets have more than one.
func TestTypesOfClickHouseGo(t *testing.T) {
	l := start(t, t.TempDir())
	c := connect(t, l, func(o *clickhouse.Options) {
		o.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	})
	ctx := context.Background()
	var columns, values []string
	for i, k := range kinds {
		columns = append(columns, fmt.Sprintf("c%d %s", i, k.name))
		values = append(values, k.sql)
	}
	must(t, l, "CREATE TABLE kinds ("+strings.Join(columns, ", ")+") ENGINE = MergeTree ORDER BY tuple()", nil)
	row := "(" + strings.Join(values, ", ") + ")"
	must(t, l, "INSERT INTO kinds VALUES "+row+", "+row, nil)
	rows, err := c.Query(ctx, "SELECT * FROM kinds")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		into := make([]any, len(kinds))
		for i, ct := range rows.ColumnTypes() {
			into[i] = reflect.New(ct.ScanType()).Interface()
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, k := range kinds {
			if got := printed(into[i]); got != k.want {
				t.Errorf("%s came as %s, not %s", k.name, got, k.want)
			}
		}
	}
	if err := rows.Err(); err != nil || n != 2 {
		t.Errorf("%d rows: %v", n, err)
	}
	var once uint64
	if err := c.QueryRow(ctx, "SELECT uniqMerge(s) FROM (SELECT uniqState(number) AS s FROM numbers(1000))").Scan(&once); err != nil || once != 1000 {
		t.Errorf("a state by -Merge: %d %v", once, err)
	}
	if _, err := c.Query(ctx, "SELECT uniqState(number) FROM numbers(10)"); err == nil || !strings.Contains(err.Error(), "-Merge") {
		t.Errorf("a bare state: %v", err)
	}
}

// printed follows pointers to the value.
func printed(p any) string {
	v := reflect.ValueOf(p).Elem()
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "<nil>"
		}
		if s, ok := v.Interface().(fmt.Stringer); ok {
			return s.String()
		}
		v = v.Elem()
	}
	if v.CanAddr() {
		if s, ok := v.Addr().Interface().(fmt.Stringer); ok {
			return s.String()
		}
	}
	return fmt.Sprint(v.Interface())
}
