package plugin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/open-vigie/vigie/dashboards/plugin/plugintest"
	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// asked is a query of the editor over the last hour of the history.
func asked(model string) plugintest.Query {
	text := `{"refId":"A","queryType":"named",` + model[1:]
	return plugintest.Query{Target: json.RawMessage(text), MaxDataPoints: 60, From: historyEnd.Add(-time.Hour), To: historyEnd}
}

const queueNow = `{"query":"queue_now"}`

// silentServer takes connections and says nothing, as a ClickHouse that hangs.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				_, _ = io.Copy(io.Discard, c) // until the other end goes
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return "http://" + l.Addr().String()
}

// nowhere is an address at which nothing listens.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// What cannot be answered says why, what to do, and whose fault it is; a
// password is never part of it.
func TestRefusalsSayWhy(t *testing.T) {
	source := seeded(t, &seed.History{End: historyEnd})
	x := plugintest.Start(t)
	with := func(change func(*plugintest.DataSource)) plugintest.DataSource {
		d := source
		d.JSON = map[string]any{"database": source.JSON["database"]}
		change(&d)
		return d
	}
	cases := []struct {
		name   string
		source plugintest.DataSource
		query  string
		status int32
		says   string
	}{
		{"no query", source, `{"query":""}`, 404, "the query editor lists them"},
		{"an unknown query", source, `{"query":"drop_table"}`, 404, `"drop_table"`},
		{"a path", source, `{"query":"../queries/queue_now"}`, 404, "no such named query"},
		{"a parameter is missing", source, `{"query":"incidents_waiting"}`, 400, "limit is missing"},
		{"a parameter is no number", source, `{"query":"incidents_waiting","params":{"limit":"1; DROP TABLE x"}}`, 400, "a whole number"},
		{"a parameter too many", source, `{"query":"queue_now","params":{"site":"1"}}`, 400, `no parameter "site"`},
		{"a parameter that is no text", source, `{"query":"incidents_waiting","params":{"limit":5}}`, 400, "cannot be read"},
		{"an unknown format", source, `{"query":"queue_now","format":"logs"}`, 400, `format "logs"`},
		{"no series", source, `{"query":"queue_now","format":"timeseries"}`, 400, "no points in time"},
		{"a label that is none", source, `{"query":"alarms_by_class","label":["alarms"]}`, 400, `no column "alarms" that can be a label`},
		{"a value that is none", source, `{"query":"alarms_by_class","value":["sites"]}`, 400, `no column "sites" that can be a value`},
		{"an unknown type", source, `{"query":"queue_now","queryType":"sql"}`, 400, `type "sql"`},
		{"live without a console", source, `{"queryType":"sites"}`, 400, "console"},
		{"ClickHouse is away", with(func(d *plugintest.DataSource) { d.URL = nowhere(t) }), queueNow, 502, "does not answer at http://127.0.0.1"},
		{"ClickHouse hangs", with(func(d *plugintest.DataSource) { d.URL, d.JSON["timeoutSeconds"] = silentServer(t), 1 }), queueNow, 504, "no answer within 1s"},
		{"a wrong password", with(func(d *plugintest.DataSource) { d.Password = "letmein" }), queueNow, 401, `refuses the user "reader"`},
		{"no tables", with(func(d *plugintest.DataSource) { d.JSON["database"] = "elsewhere" }), queueNow, 502, `"elsewhere" lacks Vigie's tables`},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.source.Updated = i
			q := asked(c.query)
			if strings.Contains(c.query, "queryType") {
				q.Target = json.RawMessage(`{"refId":"A",` + c.query[1:])
			}
			frames, answer := x.Ask(t, c.source, q)
			if len(frames) > 0 || answer.Status != c.status || !strings.Contains(answer.Error, c.says) || plugintest.Source(answer) != "downstream" {
				t.Errorf("%d, %s, %d frames: %s\nwant %d, downstream, and %q", answer.Status, answer.ErrorSource, len(frames), answer.Error, c.status, c.says)
			}
			for _, secret := range []string{source.Password, "letmein"} {
				if strings.Contains(answer.Error, secret) {
					t.Errorf("the error holds a password: %s", answer.Error)
				}
			}
		})
	}
	if x.Exited() {
		t.Error("the executable has ended")
	}
}

// Settings that cannot be are named at once, wherever they are used.
func TestSettingsThatCannotBe(t *testing.T) {
	x := plugintest.Start(t)
	good := map[string]any{}
	cases := []struct {
		source plugintest.DataSource
		says   string
	}{
		{plugintest.DataSource{JSON: good}, "no address of ClickHouse"},
		{plugintest.DataSource{URL: "127.0.0.1:8123", JSON: good}, "an address as http://127.0.0.1:8123"},
		{plugintest.DataSource{URL: "http://h:1", JSON: map[string]any{"database": "a b"}}, "letters, digits and _"},
		{plugintest.DataSource{URL: "http://h:1", JSON: map[string]any{"timeoutSeconds": 301}}, "1 to 300"},
		{plugintest.DataSource{URL: "http://h:1", JSON: map[string]any{"timeoutSeconds": -1}}, "1 to 300"},
		{plugintest.DataSource{URL: "http://h:1", JSON: map[string]any{"consoleUrl": "console:8080"}}, "consoleUrl"},
		{plugintest.DataSource{URL: "http://h:1", JSON: map[string]any{"consoleUrl": "http://u:secret@h:2"}}, "without a password"},
		{plugintest.DataSource{URL: "http://h:1", JSON: map[string]any{"consoleUrl": 1}}, "jsonData"},
	}
	for i, c := range cases {
		c.source.Updated = i
		h := x.Health(t, c.source)
		if h.Status.String() != "ERROR" || !strings.Contains(h.Message, c.says) || strings.Contains(h.Message, "secret") {
			t.Errorf("%+v: %s %q does not say %q", c.source, h.Status, h.Message, c.says)
		}
		_, answer := x.Ask(t, c.source, asked(queueNow))
		if !strings.Contains(answer.Error, c.says) || plugintest.Source(answer) != "downstream" {
			t.Errorf("%+v: a query says %q (%s)", c.source, answer.Error, answer.ErrorSource)
		}
	}
}

// "Save & test" says what to do about each thing that is missing.
func TestHealth(t *testing.T) {
	source := seeded(t, &seed.History{End: historyEnd})
	x := plugintest.Start(t)
	cases := []struct {
		name    string
		change  func(*plugintest.DataSource)
		healthy bool
		says    string
	}{
		{"all is there", func(*plugintest.DataSource) {}, true, fmt.Sprintf("%d named queries have their tables", len(queries.Names()))},
		{"ClickHouse is away", func(d *plugintest.DataSource) { d.URL = nowhere(t) }, false, "is it running"},
		{"a wrong password", func(d *plugintest.DataSource) { d.Password = "letmein" }, false, "refuses the user"},
		{"no tables", func(d *plugintest.DataSource) { d.JSON["database"] = "elsewhere" }, false, "the archiver makes them"},
		{"the console is away", func(d *plugintest.DataSource) { d.JSON["consoleUrl"] = nowhere(t) }, false, "console does not answer"},
		{"no console there", func(d *plugintest.DataSource) { d.JSON["consoleUrl"] = d.URL + "/nothing" }, false, "is it the address of Vigie's console"},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := source
			d.JSON, d.Updated = map[string]any{"database": source.JSON["database"]}, i
			c.change(&d)
			h := x.Health(t, d)
			if h.Status.String() == "OK" != c.healthy || !strings.Contains(h.Message, c.says) || strings.Contains(h.Message, source.Password) {
				t.Errorf("%s: %s", h.Status, h.Message)
			}
		})
	}
}

// The query editor gets every named query, with its words and its parameters.
func TestQueriesForTheEditor(t *testing.T) {
	x := plugintest.Start(t)
	source := plugintest.DataSource{URL: nowhere(t)}
	status, body := x.Get(t, source, "queries")
	var list []struct {
		Name, Doc  string
		TimeSeries bool
		Params     []struct {
			Name, Doc       string
			Panel, Optional bool
		}
		Columns []struct{ Name, Unit, Doc string }
	}
	if err := json.Unmarshal(body, &list); err != nil || status != 200 {
		t.Fatalf("%d %v\n%s", status, err, body)
	}
	var names []string
	for _, q := range list {
		names = append(names, q.Name)
		if q.Doc == "" || len(q.Columns) == 0 || q.TimeSeries != (q.Columns[0].Name == "time") {
			t.Errorf("%s is shown as %+v", q.Name, q)
		}
		for _, p := range q.Params {
			if p.Doc == "" || p.Panel != slices.Contains([]string{"from", "to", "bucket_ms"}, p.Name) || p.Optional != (p.Name == "window_ms") {
				t.Errorf("%s: parameter %+v", q.Name, p)
			}
		}
	}
	if !slices.Equal(names, queries.Names()) {
		t.Errorf("the editor lists %v", names)
	}
	if status, _ := x.Get(t, source, "secrets"); status != 404 {
		t.Errorf("another resource answers %d", status)
	}
}

// An answer without rows is a frame with all its fields, for tables and series.
func TestEmptyAnswersHaveFields(t *testing.T) {
	source := seeded(t, &seed.History{End: historyEnd})
	x := plugintest.Start(t)
	for _, name := range queries.Names() {
		q, _ := queries.Named(name)
		for _, format := range []string{"table", "timeseries"} {
			if format == "timeseries" && !q.TimeSeries() {
				continue
			}
			own := map[string]string{}
			for _, p := range q.Params {
				if value, ok := map[string]string{"limit": "5", "per_operator": "10", "site": "4711", "operator": "a.martin", "group": "operateur-a", "time_zone": "Europe/Paris"}[p.Name]; ok {
					own[p.Name] = value
				}
			}
			params, err := json.Marshal(own)
			if err != nil {
				t.Fatal(err)
			}
			frames, answer := x.Ask(t, source, asked(fmt.Sprintf(`{"query":%q,"format":%q,"params":%s}`, name, format, params)))
			if answer.Error != "" || len(frames) != 1 || len(frames[0].Fields) == 0 || frames[0].Fields[0].Name == "" {
				t.Errorf("%s as %s: %s, %d frames", name, format, answer.Error, len(frames))
				continue
			}
			if format == "table" && len(frames[0].Fields) != len(q.Columns) {
				t.Errorf("%s has %d fields, want %d", name, len(frames[0].Fields), len(q.Columns))
			}
			if last := frames[0].Fields[len(frames[0].Fields)-1]; format == "timeseries" && last.Type() != data.FieldTypeNullableFloat64 {
				t.Errorf("%s: a series without points is of %s", name, last.Type())
			}
		}
	}
}

// window_ms is the range of the panel where nobody says otherwise.
func TestWindowIsThePanelsRange(t *testing.T) {
	source := seeded(t, &seed.History{End: historyEnd})
	x := plugintest.Start(t)
	for model, want := range map[string]string{
		`{"query":"operators_active"}`:                                "-- window_ms = 3600000\n",
		`{"query":"operators_active","params":{"window_ms":"60000"}}`: "-- window_ms = 60000\n",
		`{"query":"operators_active","params":{"to":"5"}}`:            fmt.Sprintf("-- to = %d\n", historyEnd.UnixMilli()),
	} {
		frames, answer := x.Ask(t, source, asked(model))
		if answer.Error != "" || !strings.Contains(frames[0].Meta.ExecutedQueryString, want) {
			t.Errorf("%s: %s %v, want %q", model, answer.Error, frames, want)
		}
	}
}
