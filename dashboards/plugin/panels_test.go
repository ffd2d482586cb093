// Package plugin_test asks the data source's executable all that the dashboards
// ask, over gRPC as Grafana does, about a seeded history in the real engine.
package plugin_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/open-vigie/vigie/dashboards"
	"github.com/open-vigie/vigie/dashboards/plugin/plugintest"
	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

var historyEnd = time.Date(2026, 3, 18, 20, 40, 0, 0, time.UTC)

// seeded is a data source over a history in a database of its own.
func seeded(t *testing.T, h *seed.History) plugintest.DataSource {
	t.Helper()
	local := enginetest.Shared(t)
	db := enginetest.Open(t, local)
	if err := seed.KeepForEver(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := h.Load(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	url, user, password := local.ReaderEndpoint()
	return plugintest.DataSource{URL: url, User: user, Password: password, JSON: map[string]any{"database": db.Database()}}
}

// panel is what a dashboard's JSON says of a panel's questions.
type panel struct {
	Title         string
	MaxDataPoints int64
	Targets       []json.RawMessage
}

func panels(t *testing.T, d dashboards.Dashboard) []panel {
	t.Helper()
	var board struct{ Panels []panel }
	if err := json.Unmarshal(d.JSON, &board); err != nil {
		t.Fatal(err)
	}
	return board.Panels
}

// target is a question of a panel, as the test reads it.
type target struct {
	Query        string
	Params       map[string]string
	Format       string
	Value, Label []string
}

// Each target of each panel of both dashboards: every value of its frame is the
// one that plain loops over the history give.
func TestEveryPanelShowsTheHistory(t *testing.T) {
	h := seed.New(7, historyEnd, 5*24*time.Hour, 400)
	source := seeded(t, h)
	x := plugintest.Start(t)
	minute := time.Minute
	ranges := []struct {
		name     string
		from, to time.Time
		// bucket is that of 60 points.
		bucket time.Duration
	}{
		{"the last hour", h.End.Add(-time.Hour), h.End, minute},
		{"three days", h.End.Add(-72 * time.Hour), h.End, 3 * time.Hour},
		{"two odd hours before the end", h.End.Add(-7*time.Hour - 1234*time.Millisecond), h.End.Add(-5 * time.Hour), 5 * minute},
		{"before anything", h.Start.Add(-48 * time.Hour), h.Start.Add(-24 * time.Hour), 30 * minute},
	}
	asked := 0
	for _, d := range dashboards.All() {
		for _, p := range panels(t, d) {
			for _, raw := range p.Targets {
				asked++
				for _, r := range ranges {
					t.Run(d.UID+"/"+p.Title+"/"+r.name, func(t *testing.T) {
						q := plugintest.Query{Target: raw, MaxDataPoints: p.MaxDataPoints, From: r.from, To: r.to}
						compare(t, x, source, h, q, r.bucket)
					})
				}
			}
		}
	}
	if asked < 20 {
		t.Errorf("the dashboards ask only %d questions: were they read?", asked)
	}
}

func compare(t *testing.T, x *plugintest.Executable, source plugintest.DataSource, h *seed.History, q plugintest.Query, bucket time.Duration) {
	t.Helper()
	var asked target
	if err := json.Unmarshal(q.Target, &asked); err != nil {
		t.Fatal(err)
	}
	want, err := expect.Answer(h, asked.Query, arguments(t, asked, q, bucket))
	if err != nil {
		t.Fatal(err)
	}
	frames, answer := x.Ask(t, source, q)
	if answer.Error != "" || answer.Status != 200 {
		t.Fatalf("%s: %d %s", asked.Query, answer.Status, answer.Error)
	}
	if len(frames) != 1 {
		t.Fatalf("%s: %d frames", asked.Query, len(frames))
	}
	if sql := frames[0].Meta.ExecutedQueryString; !strings.Contains(sql, "SELECT") || !strings.Contains(sql, "-- to = "+strconv.FormatInt(q.To.UnixMilli(), 10)) {
		t.Errorf("the inspector would show %q", sql)
	}
	rows := reflect.ValueOf(want)
	if asked.Format == "timeseries" {
		compareSeries(t, asked, frames[0], rows)
	} else {
		compareTable(t, frames[0], rows)
	}
}

// arguments are what the query must have been asked with.
func arguments(t *testing.T, asked target, q plugintest.Query, bucket time.Duration) map[string]string {
	t.Helper()
	named, ok := queries.Named(asked.Query)
	if !ok {
		t.Fatalf("there is no query %s", asked.Query)
	}
	args := maps.Clone(asked.Params)
	given := map[string]int64{"from": q.From.UnixMilli(), "to": q.To.UnixMilli(), "bucket_ms": bucket.Milliseconds()}
	for _, p := range named.Params {
		if v, ok := given[p.Name]; ok {
			args[p.Name] = strconv.FormatInt(v, 10)
		}
	}
	return args
}

// fieldsOf are the fields of a row's type by the names of their columns.
func fieldsOf(rows reflect.Value) map[string]int {
	of := map[string]int{}
	kind := rows.Type().Elem()
	for i := range kind.NumField() {
		of[kind.Field(i).Tag.Get("ch")] = i
	}
	return of
}

func compareTable(t *testing.T, frame *data.Frame, rows reflect.Value) {
	t.Helper()
	if k := frame.Meta.Type; k != data.FrameTypeTable && k != data.FrameTypeNumericLong || frame.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
		t.Errorf("the frame is a %s of version %v", k, frame.Meta.TypeVersion)
	}
	columns := fieldsOf(rows)
	if len(frame.Fields) != len(columns) || frame.Rows() != rows.Len() {
		t.Fatalf("%d fields of %d rows, want %d of %d", len(frame.Fields), frame.Rows(), len(columns), rows.Len())
	}
	for _, f := range frame.Fields {
		column, ok := columns[f.Name]
		if !ok {
			t.Fatalf("field %q is no column", f.Name)
		}
		for i := range rows.Len() {
			if got, want := f.At(i), rows.Index(i).Field(column).Interface(); !same(got, want) {
				t.Errorf("%s of row %d is %v, the history says %v", f.Name, i, got, want)
			}
		}
	}
}

func same(got, want any) bool {
	if at, ok := want.(time.Time); ok {
		return at.Equal(got.(time.Time))
	}
	return reflect.DeepEqual(got, want)
}

// compareSeries looks each row of the history up in the frame, then counts: no
// other value is in it.
func compareSeries(t *testing.T, asked target, frame *data.Frame, rows reflect.Value) {
	t.Helper()
	if frame.Meta.Type != data.FrameTypeTimeSeriesWide || frame.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
		t.Errorf("the frame is a %s of version %v", frame.Meta.Type, frame.Meta.TypeVersion)
	}
	if len(frame.Fields) < 1+len(asked.Value) {
		t.Fatalf("the frame has only %d fields", len(frame.Fields))
	}
	at := map[int64]int{}
	for i := range frame.Rows() {
		at[frame.Fields[0].At(i).(time.Time).UnixMilli()] = i
		if i > 0 && !frame.Fields[0].At(i-1).(time.Time).Before(frame.Fields[0].At(i).(time.Time)) {
			t.Fatalf("time %d is not after the one before", i)
		}
	}
	column := fieldsOf(rows)
	for i := range rows.Len() {
		row := rows.Index(i)
		name := ""
		labels := data.Labels{}
		for _, l := range asked.Label {
			labels[l] = row.Field(column[l]).String()
			name += " " + labels[l]
		}
		when, ok := at[row.Field(column["time"]).Interface().(time.Time).UnixMilli()]
		if !ok {
			t.Fatalf("row %d of the history has no time in the frame", i)
		}
		for _, v := range asked.Value {
			f := series(t, frame, v, labels)
			want := row.Field(column[v]).Convert(reflect.TypeFor[float64]()).Float()
			if got := f.At(when).(*float64); got == nil || *got != want {
				t.Errorf("%s%s of row %d is %v, the history says %v", v, name, i, got, want)
			}
			if f.Config.DisplayNameFromDS != v+name || f.Config.Unit == "" || f.Config.Description == "" {
				t.Errorf("series %s%s is shown as %+v", v, name, f.Config)
			}
		}
	}
	if got := valuesIn(frame); got != rows.Len()*len(asked.Value) {
		t.Errorf("%d values are in the frame, %d in the history", got, rows.Len()*len(asked.Value))
	}
}

func series(t *testing.T, frame *data.Frame, value string, labels data.Labels) *data.Field {
	t.Helper()
	for _, f := range frame.Fields[1:] {
		if f.Name == value && f.Labels.Equals(labels) {
			return f
		}
	}
	t.Fatalf("the frame has no series %s %v", value, labels)
	return nil
}

func valuesIn(frame *data.Frame) int {
	n := 0
	for _, f := range frame.Fields[1:] {
		for i := range f.Len() {
			if f.At(i).(*float64) != nil {
				n++
			}
		}
	}
	return n
}
