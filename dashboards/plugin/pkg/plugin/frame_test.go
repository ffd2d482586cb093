package plugin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

func minute(n int) time.Time { return time.Unix(int64(60*n), 0).UTC() }

func column(name, unit, kind string, values any) queries.TableColumn {
	return queries.TableColumn{Name: name, Unit: unit, Kind: kind, Values: values}
}

// overTime is a query whose rows are points in time, with an answer of the test's.
func overTime(columns ...queries.TableColumn) (queries.Query, *queries.Table) {
	q := queries.Query{Name: "q"}
	for _, c := range columns {
		q.Columns = append(q.Columns, queries.Column{Name: c.Name, Unit: c.Unit, Doc: "what " + c.Name + " is"})
	}
	return q, &queries.Table{Columns: columns}
}

func f(v float64) *float64 { return &v }

// Rows in any order become ascending times; a series that lacks a time has a gap
// there, and a missing figure is one too.
func TestSeriesOfRows(t *testing.T) {
	q, answer := overTime(
		column("time", "time", queries.KindTime, []time.Time{minute(2), minute(1), minute(1)}),
		column("class", "", queries.KindString, []string{"fire", "intrusion", "fire"}),
		column("zone", "", queries.KindString, []string{"", "3", ""}),
		column("alarms", queries.UnitCount, queries.KindInteger, []uint64{7, 5, 3}),
		column("share", queries.UnitShare, queries.KindNumber, []*float64{f(0.5), nil, f(1)}),
	)
	frame, err := shaped(q, answer, model{})
	if err != nil {
		t.Fatal(err)
	}
	if at := frame.Fields[0]; at.Len() != 2 || at.At(0) != minute(1) || at.At(1) != minute(2) {
		t.Errorf("times are %v", at)
	}
	want := []struct {
		shown, unit string
		labels      data.Labels
		values      []*float64
	}{
		{"alarms fire", "locale", data.Labels{"class": "fire", "zone": ""}, []*float64{f(3), f(7)}},
		{"share fire", "percentunit", data.Labels{"class": "fire", "zone": ""}, []*float64{f(1), f(0.5)}},
		{"alarms intrusion 3", "locale", data.Labels{"class": "intrusion", "zone": "3"}, []*float64{f(5), nil}},
		{"share intrusion 3", "percentunit", data.Labels{"class": "intrusion", "zone": "3"}, []*float64{nil, nil}},
	}
	if len(frame.Fields) != 1+len(want) {
		t.Fatalf("%d fields", len(frame.Fields))
	}
	for i, w := range want {
		got := frame.Fields[1+i]
		if got.Config.DisplayNameFromDS != w.shown || got.Config.Unit != w.unit || !got.Labels.Equals(w.labels) {
			t.Errorf("series %d is %q in %q of %v", i, got.Config.DisplayNameFromDS, got.Config.Unit, got.Labels)
		}
		for k, v := range w.values {
			if p := got.At(k).(*float64); (p == nil) != (v == nil) || p != nil && *p != *v {
				t.Errorf("%s at %d is %v, want %v", w.shown, k, p, v)
			}
		}
	}
	if shape := frame.TimeSeriesSchema(); shape.Type != data.TimeSeriesTypeWide {
		t.Errorf("Grafana takes the frame for %v", shape.Type)
	}
}

// A label left out would lay one row upon another: that is said, not drawn.
func TestRowsThatLieOnEachOther(t *testing.T) {
	q, answer := overTime(
		column("time", "time", queries.KindTime, []time.Time{minute(1), minute(1)}),
		column("class", "", queries.KindString, []string{"fire", "gas"}),
		column("path", "", queries.KindString, []string{"1", "1"}),
		column("alarms", queries.UnitCount, queries.KindInteger, []uint64{1, 2}),
	)
	if _, err := shaped(q, answer, model{Label: []string{"path"}}); !errors.Is(err, errShape) || !strings.Contains(err.Error(), "two rows at 1970-01-01T00:01:00Z") {
		t.Errorf("%v", err)
	}
	if _, err := shaped(q, answer, model{Label: []string{"class"}}); err != nil {
		t.Error(err)
	}
}

// Few rows of many labels at many times would make a frame that fills the memory.
func TestFramesAreBounded(t *testing.T) {
	const rows = 2_000
	times, labels, values := make([]time.Time, rows), make([]string, rows), make([]uint64, rows)
	for i := range rows {
		times[i], labels[i] = minute(i), minute(i).String()
	}
	q, answer := overTime(column("time", "time", queries.KindTime, times), column("of", "", queries.KindString, labels), column("n", queries.UnitCount, queries.KindInteger, values))
	if _, err := shaped(q, answer, model{}); !errors.Is(err, queries.ErrTooMuch) || !strings.Contains(err.Error(), "2000 series of 2000 points") {
		t.Errorf("a frame of 4 million cells: %v", err)
	}
	if _, err := shaped(q, answer, model{Format: formatTable}); err != nil {
		t.Errorf("the same rows as a table: %v", err)
	}
	long := make([]uint64, maxCells+1)
	q, answer = overTime(column("n", queries.UnitCount, queries.KindInteger, long))
	if _, err := shaped(q, answer, model{}); !errors.Is(err, queries.ErrTooMuch) {
		t.Errorf("a table of %d cells: %v", len(long), err)
	}
}

// Alert rules read a table of texts and figures; one with times or truths is for
// people.
func TestTablesForAlertRules(t *testing.T) {
	text := column("class", "", queries.KindString, []string{"fire"})
	figure := column("waiting", queries.UnitCount, queries.KindInteger, []uint64{4})
	for _, c := range []struct {
		columns []queries.TableColumn
		want    data.FrameType
	}{
		{[]queries.TableColumn{text, figure}, data.FrameTypeNumericLong},
		{[]queries.TableColumn{figure}, data.FrameTypeNumericLong},
		{[]queries.TableColumn{text}, data.FrameTypeTable},
		{[]queries.TableColumn{figure, column("late", "", queries.KindBool, []bool{true})}, data.FrameTypeTable},
		{[]queries.TableColumn{figure, column("since", "time", queries.KindTime, []time.Time{minute(1)})}, data.FrameTypeTable},
	} {
		q, answer := overTime(c.columns...)
		frame, err := shaped(q, answer, model{})
		if err != nil || frame.Meta.Type != c.want || frame.Fields[0].Config.Description != "what "+c.columns[0].Name+" is" {
			t.Errorf("%d columns: %v %+v, want %s", len(c.columns), err, frame, c.want)
		}
	}
}

// Every unit of every named query has a name in Grafana, so that no figure
// stands there bare.
func TestUnitsOfAllQueries(t *testing.T) {
	for _, name := range queries.Names() {
		q, _ := queries.Named(name)
		for _, c := range q.Columns {
			if _, known := grafanaUnits[c.Unit]; !known && c.Unit != queries.UnitNone && c.Unit != queries.UnitTime {
				t.Errorf("%s: column %s is in %q, which has no name in Grafana", name, c.Name, c.Unit)
			}
		}
	}
}
