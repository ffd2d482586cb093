package queries_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// notSeeded have cases of their own in queries_test.go.
var notSeeded = []string{"accepted_events", "answer_times_by_class", "calls_answered", "detection_delay", "onboarding", "open_detections", "pipeline_counts"}

func seededNames() []string {
	return slices.DeleteFunc(queries.Names(), func(name string) bool { return slices.Contains(notSeeded, name) })
}

// seeded is a warehouse with a history, old as it may be.
func seeded(t *testing.T, h *seed.History) *warehouse.DB {
	t.Helper()
	db := enginetest.Open(t, enginetest.Shared(t))
	if err := seed.KeepForEver(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	if err := h.Load(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

// tester is what of a test both a case and a property have.
type tester interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// answers compares the typed function, Run and the plain loop, and gives the rows.
func answers(t *testing.T, r tester, db *warehouse.DB, h *seed.History, name string, a expect.Args) reflect.Value {
	t.Helper()
	r.Helper()
	in := registry[name](a)
	want, err := expect.Answer(h, name, in.args)
	if err != nil {
		r.Fatalf("%v", err)
	}
	got := reflect.ValueOf(in.ask(t, db))
	rows := reflect.ValueOf(want)
	if got.Len() != rows.Len() || got.Len() > 0 && !reflect.DeepEqual(got.Interface(), want) {
		r.Errorf("%s %v: the query gives %d rows, the plain loop %d; first difference:\n%s", name, in.args, got.Len(), rows.Len(), difference(got, rows))
	}
	table, err := queries.Run(context.Background(), db.Conn(), db.Database(), name, in.args)
	if err != nil {
		r.Fatalf("%v", err)
	}
	if table.Rows() != got.Len() {
		r.Errorf("%s: Run gives %d rows, the typed function %d", name, table.Rows(), got.Len())
		return rows
	}
	for i := range got.Len() {
		for k, c := range table.Columns {
			if v := reflect.ValueOf(c.Values).Index(i).Interface(); !reflect.DeepEqual(v, got.Index(i).Field(k).Interface()) {
				r.Errorf("%s: row %d of Run has %s = %v, the typed function %v", name, i, c.Name, v, got.Index(i).Field(k))
			}
		}
	}
	return rows
}

func difference(got, want reflect.Value) string {
	for i := range min(got.Len(), want.Len()) {
		if !reflect.DeepEqual(got.Index(i).Interface(), want.Index(i).Interface()) {
			return "row " + strconv.Itoa(i) + ": the query " + show(got.Index(i)) + "\nthe plain loop " + show(want.Index(i))
		}
	}
	if got.Len() > want.Len() {
		return "only the query has " + show(got.Index(want.Len()))
	}
	return "only the plain loop has " + show(want.Index(got.Len()))
}

func show(row reflect.Value) string {
	text := ""
	for i := range row.NumField() {
		f := row.Field(i)
		if f.Kind() == reflect.Pointer && !f.IsNil() {
			f = f.Elem()
		}
		text += " " + row.Type().Field(i).Name + "=" + fmt.Sprint(f.Interface())
	}
	return text
}

// weekEnd is in the month after the week's beginning: what a month leaves behind is
// asked in the next.
var weekEnd = time.Date(2026, 12, 3, 21, 30, 0, 0, time.UTC)

// The answers on a week of a centre, at its end, in its midst, over ranges whose
// ends are those of buckets and are not, whose ends are the times of events, and
// outside all that is known.
func TestAnswersOnASeededWeek(t *testing.T) {
	h := seed.New(7, weekEnd, 7*24*time.Hour, 800)
	db := seeded(t, h)
	some, other := h.Events[len(h.Events)/2], h.Events[len(h.Events)*3/4]
	alarms := slices.DeleteFunc(slices.Clone(h.Events), func(e seed.Event) bool { return e.Kind != "alarm_raised" || e.Class != "intrusion" })
	ranges := map[string]expect.Args{
		"the last six hours":      {From: weekEnd.Add(-6 * time.Hour), To: weekEnd, Bucket: 5 * time.Minute, Window: time.Hour},
		"the whole week":          {From: h.Start, To: weekEnd, Bucket: 6 * time.Hour, Window: 24 * time.Hour},
		"from event to event":     {From: some.ReceivedAt, To: other.ReceivedAt, Bucket: time.Hour, Window: 30 * time.Minute},
		"from alarm to alarm":     {From: alarms[len(alarms)/2].ReceivedAt, To: alarms[len(alarms)*3/4].ReceivedAt, Bucket: time.Hour, Window: 30 * time.Minute},
		"beat to beat":            {From: h.Beats[500].ReceivedAt, To: h.Beats[900].ReceivedAt, Bucket: time.Minute, Window: time.Minute},
		"found to found":          {From: h.Detections[50].ReceivedAt, To: h.Detections[300].ReceivedAt, Bucket: time.Hour, Window: time.Minute},
		"buckets of seven min":    {From: weekEnd.Add(-8*time.Hour - 12345*time.Millisecond), To: weekEnd.Add(-3*time.Hour + 1), Bucket: 7 * time.Minute, Window: 7 * time.Minute},
		"one bucket":              {From: weekEnd.Add(-time.Hour), To: weekEnd, Bucket: 24 * time.Hour, Window: 36 * time.Hour},
		"two days of the wave":    {From: weekEnd.Add(-48 * time.Hour), To: weekEnd, Bucket: time.Hour, Window: 15 * time.Minute},
		"the second day":          {From: h.Start.Add(24 * time.Hour), To: h.Start.Add(48 * time.Hour), Bucket: 2 * time.Hour, Window: time.Hour},
		"the first minutes":       {From: h.Start, To: h.Start.Add(10 * time.Minute), Bucket: time.Minute, Window: time.Minute},
		"before anything":         {From: h.Start.Add(-2 * time.Hour), To: h.Start, Bucket: time.Hour, Window: time.Hour},
		"long after":              {From: weekEnd.Add(48 * time.Hour), To: weekEnd.Add(72 * time.Hour), Bucket: 6 * time.Hour, Window: time.Hour},
		"a month after":           {From: weekEnd.Add(-6 * time.Hour), To: weekEnd.Add(31 * 24 * time.Hour), Bucket: 24 * time.Hour, Window: time.Hour},
		"the turn of the month":   {From: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), To: weekEnd, Bucket: time.Hour, Window: time.Hour},
		"from the end to the end": {From: weekEnd, To: weekEnd, Bucket: time.Hour, Window: time.Hour},
	}
	for _, name := range seededNames() {
		t.Run(name, func(t *testing.T) {
			most := 0
			for _, what := range slices.Sorted(maps.Keys(ranges)) {
				a := ranges[what]
				a.Limit, a.Site, a.Operator, a.Group = 5, contested(h), "e.moreau", "operateur-b"
				if what == "the whole week" {
					a.Limit = 1000
				}
				t.Run(what, func(t *testing.T) { most = max(most, answers(t, t, db, h, name, a).Len()) })
			}
			if most == 0 {
				t.Error("no case has a row: the history does not try this query")
			}
		})
	}
	notAllZero(t, h)
}

// contested is a site where somebody was refused an act.
func contested(h *seed.History) uint64 {
	return h.Outcomes[slices.IndexFunc(h.Outcomes, func(o seed.Outcome) bool { return o.Reason != "" })].Site
}

// notAllZero fails when the history leaves a figure untried, over the whole week and
// from when some site is closed and another lost.
func notAllZero(t *testing.T, h *seed.History) {
	closed := slices.IndexFunc(h.SiteStates, func(s seed.SiteState) bool { return s.Closure == "detected" })
	lost := slices.IndexFunc(h.Detections, func(d seed.Detection) bool {
		return d.Kind == "communication_lost" && d.OpenedAt.After(h.SiteStates[closed].ReceivedAt)
	})
	for _, name := range seededNames() {
		tried := map[string]bool{}
		for _, from := range []time.Time{h.Start, h.Detections[lost].OpenedAt.Add(time.Millisecond)} {
			a := expect.Args{From: from, To: h.End, Bucket: 5 * time.Minute, Window: time.Hour, Limit: 1000, Site: contested(h), Operator: "e.moreau", Group: "operateur-b"}
			rows, err := expect.Answer(h, name, registry[name](a).args)
			if err != nil {
				t.Fatal(err)
			}
			v := reflect.ValueOf(rows)
			for k := range v.Type().Elem().NumField() {
				field := v.Type().Elem().Field(k).Name
				ever := tried[field]
				for i := range v.Len() {
					ever = ever || !v.Index(i).Field(k).IsZero()
				}
				tried[field] = ever
			}
		}
		for field, ever := range tried {
			if !ever {
				t.Errorf("%s: %s is zero in every row of the week", name, field)
			}
		}
	}
}

// Any range, any bucket, any window, of a small history in which much happens at
// once.
func TestAnswersOnAnyRange(t *testing.T) {
	h := seed.New(11, weekEnd, 5*24*time.Hour, 60)
	db := seeded(t, h)
	rapid.Check(t, func(r *rapid.T) {
		instant := rapid.OneOf(
			rapid.Map(rapid.IntRange(0, len(h.Events)-1), func(i int) time.Time { return h.Events[i].ReceivedAt }),
			rapid.Map(rapid.IntRange(0, len(h.SiteStates)-1), func(i int) time.Time { return h.SiteStates[i].ReceivedAt }),
			rapid.Map(rapid.Int64Range(h.Start.Add(-time.Hour).UnixMilli(), h.End.Add(time.Hour).UnixMilli()), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }))
		x, y := instant.Draw(r, "one end"), instant.Draw(r, "other end")
		if y.Before(x) {
			x, y = y, x
		}
		least := max(y.Sub(x)/40, time.Millisecond).Milliseconds()
		a := expect.Args{
			From: x, To: y, Site: h.SiteStates[0].Site, Operator: "e.moreau", Group: "operateur-b", Limit: rapid.IntRange(1, 9).Draw(r, "limit"),
			Bucket: time.Duration(rapid.Int64Range(least, least*60+60_000).Draw(r, "bucket")) * time.Millisecond,
			Window: time.Duration(rapid.Int64Range(1, 60*3_600_000).Draw(r, "window")) * time.Millisecond,
		}
		answers(t, r, db, h, rapid.SampledFrom(seededNames()).Draw(r, "query"), a)
	})
}
