package plugin

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Formats of an answer.
const (
	formatTable      = "table"
	formatTimeSeries = "timeseries"
)

// maxCells bounds a frame: 16 MB of figures, more than any panel draws. Time
// series need their own bound, for few rows of many labels make a large frame.
const maxCells = 2_000_000

// errShape says that an answer cannot have the form that is asked for.
var errShape = errors.New("the answer does not fit what is asked for")

// grafanaUnits are Grafana's names of the units of columns.
var grafanaUnits = map[string]string{
	queries.UnitMS: "ms", queries.UnitCount: "locale", queries.UnitShare: "percentunit", queries.UnitRatio: "none",
	queries.UnitDays: "d", queries.UnitRate: "suffix:/day",
}

// shaped makes a frame of an answer as the dataplane contract wants it.
func shaped(q queries.Query, t *queries.Table, m model) (*data.Frame, error) {
	natural := formatTable
	if q.TimeSeries() {
		natural = formatTimeSeries
	}
	switch format := cmp.Or(m.Format, natural); {
	case t.Rows()*len(t.Columns) > maxCells:
		return nil, fmt.Errorf("%w: %d rows of %d columns, more than %d cells; ask for a shorter range", queries.ErrTooMuch, t.Rows(), len(t.Columns), maxCells)
	case format == formatTable:
		return table(q, t), nil
	case format != formatTimeSeries:
		return nil, fmt.Errorf("%w: format %q; %s or %s is expected", errShape, m.Format, formatTable, formatTimeSeries)
	case !q.TimeSeries():
		return nil, fmt.Errorf("%w: its rows are no points in time; choose the format %s", errShape, formatTable)
	}
	w, err := newWide(q, t, m)
	if err != nil {
		return nil, err
	}
	return w.frame()
}

// table is the answer column by column.
func table(q queries.Query, t *queries.Table) *data.Frame {
	frame := data.NewFrame(q.Name)
	kind := data.FrameTypeNumericLong
	figures := false
	for _, c := range t.Columns {
		f := data.NewField(c.Name, nil, c.Values)
		f.Config = config(q, c)
		frame.Fields = append(frame.Fields, f)
		figures = figures || numeric(c)
		if c.Kind == queries.KindTime || c.Kind == queries.KindBool {
			kind = data.FrameTypeTable // alert rules read only texts and figures
		}
	}
	if !figures {
		kind = data.FrameTypeTable
	}
	frame.Meta = &data.FrameMeta{Type: kind, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeTable}
	return frame
}

func config(q queries.Query, c queries.TableColumn) *data.FieldConfig {
	out := &data.FieldConfig{Unit: grafanaUnits[c.Unit]}
	for _, said := range q.Columns {
		if said.Name == c.Name {
			out.Description = said.Doc
		}
	}
	return out
}

func numeric(c queries.TableColumn) bool {
	return c.Kind == queries.KindNumber || c.Kind == queries.KindInteger
}

// wide turns rows of time, labels and figures into one field of times and one a
// series.
type wide struct {
	q              queries.Query
	rows           int
	times          []time.Time
	labels, values []queries.TableColumn
	figures        [][]*float64
}

func newWide(q queries.Query, t *queries.Table, m model) (*wide, error) {
	w := &wide{q: q, rows: t.Rows()}
	if len(t.Columns) == 0 || t.Columns[0].Kind != queries.KindTime {
		return nil, fmt.Errorf("%w: its first column is not a time", errShape)
	}
	w.times = t.Columns[0].Values.([]time.Time)
	var err error
	if w.labels, err = chosen(t, "label", m.Label, func(c queries.TableColumn) bool { return c.Kind == queries.KindString }); err != nil {
		return nil, err
	}
	if w.values, err = chosen(t, "value", m.Value, numeric); err != nil {
		return nil, err
	}
	if len(w.values) == 0 {
		return nil, fmt.Errorf("%w: it has no column of figures", errShape)
	}
	for _, c := range w.values {
		w.figures = append(w.figures, figuresOf(c))
	}
	return w, nil
}

// chosen are the columns of these names, or all that fit where none is named.
func chosen(t *queries.Table, what string, names []string, fits func(queries.TableColumn) bool) ([]queries.TableColumn, error) {
	var out []queries.TableColumn
	if len(names) == 0 {
		for _, c := range t.Columns {
			if fits(c) {
				out = append(out, c)
			}
		}
		return out, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(t.Columns, func(c queries.TableColumn) bool { return c.Name == name })
		if i < 0 || !fits(t.Columns[i]) {
			return nil, fmt.Errorf("%w: it has no column %q that can be a %s", errShape, name, what)
		}
		out = append(out, t.Columns[i])
	}
	return out, nil
}

// figuresOf are the values of a numeric column; nil where there is none.
func figuresOf(c queries.TableColumn) []*float64 {
	if v, ok := c.Values.([]*float64); ok {
		return v
	}
	list := reflect.ValueOf(c.Values)
	out := make([]*float64, list.Len())
	for i := range out {
		f := list.Index(i).Convert(reflect.TypeFor[float64]()).Float()
		out[i] = &f
	}
	return out
}

// place is where the figures of a row go: one of the times, one of the sets of
// labels.
type place struct{ time, labels int }

// frame is of the form timeseries-wide: times ascending, a field for each figure
// of each set of labels in the order in which the answer brings them.
func (w *wide) frame() (*data.Frame, error) {
	times := slices.Clone(w.times)
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	at := make(map[int64]int, len(times))
	for i, t := range times {
		at[t.UnixNano()] = i
	}
	sets, rowSet := w.sets()
	if len(times)*(1+len(sets)*len(w.values)) > maxCells {
		return nil, fmt.Errorf("%w: %d series of %d points; ask for a shorter range, wider buckets or fewer labels", queries.ErrTooMuch, len(sets)*len(w.values), len(times))
	}
	frame := data.NewFrame(w.q.Name, data.NewField("time", nil, times))
	for _, labels := range sets {
		for _, c := range w.values {
			f := data.NewField(c.Name, labels, make([]*float64, len(times)))
			f.Config = config(w.q, c)
			f.Config.DisplayNameFromDS = w.called(c.Name, labels)
			frame.Fields = append(frame.Fields, f)
		}
	}
	taken := make(map[place]bool, w.rows)
	for row := range w.rows {
		p := place{at[w.times[row].UnixNano()], rowSet[row]}
		if taken[p] {
			return nil, fmt.Errorf("%w: two rows at %s have the labels %v; name every column that tells them apart as a label", errShape, w.times[row].Format(time.RFC3339), sets[p.labels])
		}
		taken[p] = true
		for k, figures := range w.figures {
			frame.Fields[1+p.labels*len(w.values)+k].Set(p.time, figures[row])
		}
	}
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesWide, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeGraph}
	return frame, nil
}

// sets are the different labels, and which of them each row has. An answer
// without rows has one without labels, so that its frame has fields.
func (w *wide) sets() ([]data.Labels, []int) {
	var sets []data.Labels
	seen := map[string]int{}
	of := make([]int, w.rows)
	for row := range w.rows {
		labels := data.Labels{}
		for _, c := range w.labels {
			labels[c.Name] = c.Values.([]string)[row]
		}
		key := labels.String()
		i, ok := seen[key]
		if !ok {
			i = len(sets)
			seen[key] = i
			sets = append(sets, labels)
		}
		of[row] = i
	}
	if len(sets) == 0 {
		sets = []data.Labels{nil}
	}
	return sets, of
}

// called is the name of a series, the one by which the dashboards choose its
// colour: the figure, then its labels.
func (w *wide) called(value string, labels data.Labels) string {
	words := []string{value}
	for _, c := range w.labels {
		if label := labels[c.Name]; label != "" {
			words = append(words, label)
		}
	}
	return strings.Join(words, " ")
}
