package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Tables are the parts of a report that CSV and Parquet can hold, one a file; the first
// is what they hold when nobody says. Columns are named alike in both, units in their
// names; times are UTC.
var Tables = []string{"answers", "outcomes", "days", "detections", "sites", listIncidents, listLosses, listClosures}

// ErrNoTable says that no part of a report is called so.
var ErrNoTable = errors.New("no table of a report is called so")

// WriteCSV writes a table with a head, a line for each row.
func (r *SLA) WriteCSV(w io.Writer, table string) error {
	t, err := r.table(table)
	if err == nil {
		err = t.csv(w)
	}
	if err != nil {
		return fmt.Errorf("write the report as CSV: %w", err)
	}
	return nil
}

// WriteParquet writes a table, typed.
func (r *SLA) WriteParquet(w io.Writer, table string) error {
	t, err := r.table(table)
	if err == nil {
		err = t.parquet(w, r.Program)
	}
	if err != nil {
		return fmt.Errorf("write the report as Parquet: %w", err)
	}
	return nil
}

func (r *SLA) table(name string) (tabular, error) {
	switch name {
	case "answers":
		return rowsOf[answerRow](r.rows()), nil
	case "outcomes":
		return rowsOf[Outcome](r.Outcomes), nil
	case "days":
		return rowsOf[Day](r.Days), nil
	case "detections":
		return rowsOf[Detected](r.Detections), nil
	case "sites":
		return rowsOf[Site](r.Sites), nil
	case listIncidents:
		return rowsOf[Incident](r.Incidents), nil
	case listLosses:
		return rowsOf[Span](r.Losses), nil
	case listClosures:
		return rowsOf[Span](r.Closures), nil
	}
	return nil, fmt.Errorf("%q: %w: %s are", name, ErrNoTable, strings.Join(Tables, ", "))
}

// answerRow is a line of the report's table of answers.
type answerRow struct {
	From          time.Time `parquet:"from,timestamp"`
	To            time.Time `parquet:"to,timestamp"`
	Group         string    `parquet:"group"`
	Class         string    `parquet:"class"`
	Incidents     uint64    `parquet:"incidents"`
	WithinFirst   uint64    `parquet:"within_first"`
	WithinSecond  uint64    `parquet:"within_second"`
	ShareFirst    float64   `parquet:"share_first"`
	ShareSecond   float64   `parquet:"share_second"`
	Misses        uint64    `parquet:"misses"`
	MissesAllowed uint64    `parquet:"misses_allowed"`
	Met           bool      `parquet:"met"`
	P50MS         *int64    `parquet:"p50_ms,optional"`
	P95MS         *int64    `parquet:"p95_ms,optional"`
	P985MS        *int64    `parquet:"p98_5_ms,optional"`
	MaxMS         *int64    `parquet:"max_ms,optional"`
	// Sites are the numbers of those that it is about, when they are few.
	Sites string `parquet:"sites"`
}

func (r *SLA) rows() (all []answerRow) {
	var numbers []string
	for _, s := range r.Sites {
		numbers = append(numbers, strconv.FormatUint(s.Number, 10))
	}
	for _, a := range r.Answers {
		all = append(all, answerRow{
			r.From, r.To, r.Group, a.Class, a.Incidents, a.WithinFirst, a.WithinSecond, a.ShareFirst, a.ShareSecond,
			a.Misses, a.MissesAllowed, a.Met, a.P50MS, a.P95MS, a.P985MS, a.MaxMS, strings.Join(numbers, " "),
		})
	}
	return all
}

// tabular is a table that can be written, whatever its rows are.
type tabular interface {
	csv(w io.Writer) error
	parquet(w io.Writer, program string) error
}

// rowsOf are rows whose fields name their columns in the tag parquet.
type rowsOf[T any] []T

func (rows rowsOf[T]) parquet(w io.Writer, program string) error {
	return parquet.Write(w, []T(rows), parquet.CreatedBy("vigie", program, ""))
}

func (rows rowsOf[T]) csv(w io.Writer) error {
	kind := reflect.TypeFor[T]()
	lines := [][]string{make([]string, kind.NumField())}
	for i := range kind.NumField() {
		lines[0][i], _, _ = strings.Cut(kind.Field(i).Tag.Get("parquet"), ",")
	}
	for _, row := range rows {
		line := make([]string, kind.NumField())
		for i := range line {
			line[i] = cell(reflect.ValueOf(row).Field(i))
		}
		lines = append(lines, line)
	}
	return csv.NewWriter(w).WriteAll(lines)
}

// cell is a value as CSV has it: times as RFC 3339, shares with four digits, nothing
// for a figure that is absent.
func cell(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case float64:
		return strconv.FormatFloat(x, 'f', 4, 64)
	default:
		return fmt.Sprint(x)
	}
}
