package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/dashboards"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// The committed JSON, as a stranger reads it.
type readDashboard struct {
	UID, Title, Description, Refresh string
	Tags                             []string
	Time                             struct{ From, To string }
	Templating                       struct {
		List []struct{ Name, Type, Query string }
	}
	Links  []struct{ Title, URL string }
	Panels []readPanel
}

type readPanel struct {
	ID                       int
	Type, Title, Description string
	Datasource               readSource
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []readTarget
	FieldConfig              struct {
		Defaults struct {
			Unit, NoValue string
			Thresholds    struct {
				Steps []struct {
					Value *float64
					Color string
				}
			}
			Links []struct{ Title, URL string }
		}
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
	Options struct {
		ReduceOptions struct {
			Calcs  []string
			Fields string
		}
		Content string
	}
	Transformations []struct {
		ID      string
		Options struct{ Filters []struct{ FieldName string } }
	}
}

type readSource struct{ Type, UID string }

type readTarget struct {
	RefID, QueryType, Query, Format string
	Datasource                      readSource
	Params                          map[string]string
	Value, Label                    []string
}

func committed(t *testing.T) []readDashboard {
	t.Helper()
	var all []readDashboard
	for _, d := range dashboards.All() {
		var r readDashboard
		if err := json.Unmarshal(d.JSON, &r); err != nil {
			t.Fatalf("%s: %v", d.UID, err)
		}
		all = append(all, r)
	}
	if len(all) != 2 {
		t.Fatalf("%d dashboards, want 2", len(all))
	}
	return all
}

// eachPanel runs a rule on each panel, with a report that names it.
func eachPanel(t *testing.T, rule func(p readPanel, wrong func(format string, args ...any))) {
	t.Helper()
	for _, d := range committed(t) {
		for _, p := range d.Panels {
			rule(p, func(format string, args ...any) {
				t.Helper()
				t.Errorf("%s, panel %d %q: %s", d.UID, p.ID, p.Title, fmt.Sprintf(format, args...))
			})
		}
	}
}

func TestEachDashboardSaysWhatItIsAndLeadsToTheOthers(t *testing.T) {
	all := committed(t)
	for _, d := range all {
		if d.UID == "" || d.Title == "" || d.Description == "" || !slices.Contains(d.Tags, "vigie") || d.Refresh == "" || d.Time.To != "now" {
			t.Errorf("%s lacks a title, a description, the tag vigie, a refresh or a range up to now", d.UID)
		}
		variables := map[string]string{}
		for _, v := range d.Templating.List {
			variables[v.Name] = v.Type + " " + v.Query
		}
		if variables["datasource"] != "datasource "+pluginID || !strings.HasPrefix(variables["console"], "textbox http") {
			t.Errorf("%s has the variables %v", d.UID, variables)
		}
		for _, other := range all {
			if other.UID != d.UID && !slices.ContainsFunc(d.Links, func(l struct{ Title, URL string }) bool { return l.URL == "/d/"+other.UID }) {
				t.Errorf("%s has no link to %s", d.UID, other.UID)
			}
		}
	}
}

func TestEachPanelSaysWhatItShows(t *testing.T) {
	kinds := []string{"stat", "timeseries", "table", "bargauge", "text"}
	eachPanel(t, func(p readPanel, wrong func(string, ...any)) {
		d := p.FieldConfig.Defaults
		if p.Title == "" || len(p.Description) < 20 {
			wrong("a title and a description that explains are asked for")
		}
		if !slices.Contains(kinds, p.Type) {
			wrong("the type %s is not one that the console renders", p.Type)
		}
		if p.Type == "text" {
			if p.Options.Content == "" || len(p.Targets) > 0 {
				wrong("a text has words and no query")
			}
			return
		}
		if d.Unit == "" || d.NoValue == "" || len(d.Thresholds.Steps) == 0 {
			wrong("unit %q, no-value text %q, %d thresholds", d.Unit, d.NoValue, len(d.Thresholds.Steps))
		}
		if first := d.Thresholds.Steps[0]; first.Value != nil || first.Color == "red" {
			wrong("the first threshold begins at %v in %s: everything calm would be red", first.Value, first.Color)
		}
		if p.Datasource != (readSource{pluginID, datasourceUID}) {
			wrong("the data source is %v, not the variable", p.Datasource)
		}
	})
}

// Figures that people judge by name where they come from.
func TestFiguresOfAStandardAreMarked(t *testing.T) {
	eachPanel(t, func(p readPanel, wrong func(string, ...any)) {
		if strings.Contains(p.Description, "EN 50518") && !strings.Contains(p.Description, "(default, unverified)") {
			wrong("a figure of a standard that nobody here has read is not marked")
		}
		coloured := slices.ContainsFunc(p.FieldConfig.Defaults.Thresholds.Steps, func(s struct {
			Value *float64
			Color string
		}) bool {
			return s.Value != nil && *s.Value > 1
		})
		if coloured && !strings.Contains(p.Description, "Vigie's own") && !strings.Contains(p.Description, "unverified") {
			wrong("its thresholds have no source in the description")
		}
	})
}

func TestPanelsDoNotOverlap(t *testing.T) {
	for _, d := range committed(t) {
		taken := map[[2]int]string{}
		ids := map[int]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: the id %d of %q is taken", d.UID, p.ID, p.Title)
			}
			ids[p.ID] = true
			g := p.GridPos
			if g.W == 0 || g.H == 0 || g.X+g.W > 24 {
				t.Errorf("%s: %q leaves the grid: %+v", d.UID, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %q lies on %q", d.UID, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// Each query is one that there is, with its parameters, and names its columns.
func TestEachPanelAsksWhatTheWarehouseAnswers(t *testing.T) {
	given := []string{"from", "to", "bucket_ms"}
	eachPanel(t, func(p readPanel, wrong func(string, ...any)) {
		for _, target := range p.Targets {
			q, ok := queries.Named(target.Query)
			if !ok || target.QueryType != "named" || target.Datasource != p.Datasource || target.RefID == "" {
				wrong("the query %+v is none", target)
				continue
			}
			args := maps.Clone(target.Params)
			for _, param := range q.Params {
				if slices.Contains(given, param.Name) {
					args[param.Name] = map[string]string{"from": "1000", "to": "2000", "bucket_ms": "100"}[param.Name]
				}
			}
			if err := q.Check(args); err != nil {
				wrong("%v", err)
			}
			if (target.Format == formatTimeSeries) != (p.Type == "timeseries") || (p.Type == "timeseries") != q.TimeSeries() {
				wrong("format %s for a panel %s of a query whose first column is %s", target.Format, p.Type, q.Columns[0].Name)
			}
			for _, name := range append(target.Value, target.Label...) {
				if !slices.ContainsFunc(q.Columns, func(c queries.Column) bool { return c.Name == name }) {
					wrong("query %s has no column %s", q.Name, name)
				}
			}
			namesItsColumns(p, q, wrong)
		}
	})
}

// namesItsColumns: a renamed column must not leave a panel silently bare.
func namesItsColumns(p readPanel, q queries.Query, wrong func(string, ...any)) {
	has := func(name string) bool {
		return slices.ContainsFunc(q.Columns, func(c queries.Column) bool { return c.Name == name })
	}
	if fields := p.Options.ReduceOptions.Fields; fields != "" {
		pattern := regexp.MustCompile(strings.Trim(fields, "/"))
		if !slices.ContainsFunc(q.Columns, func(c queries.Column) bool { return pattern.MatchString(c.Name) }) {
			wrong("no column of %s matches %s", q.Name, fields)
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byName" && !has(o.Matcher.Options) {
			wrong("it names a column %s, which %s has not", o.Matcher.Options, q.Name)
		}
	}
	for _, transformation := range p.Transformations {
		for _, f := range transformation.Options.Filters {
			if !has(f.FieldName) {
				wrong("it filters by %s, which %s has not", f.FieldName, q.Name)
			}
		}
	}
	link := regexp.MustCompile(`__data\.fields\.([a-z_]+)`)
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			for _, m := range link.FindAllStringSubmatch(fmt.Sprint(property.Value), -1) {
				if !has(m[1]) {
					wrong("a link uses the column %s, which %s has not", m[1], q.Name)
				}
			}
		}
	}
}

// A duration is shown as one, a share as a percentage.
func TestUnitsAreThoseOfTheColumns(t *testing.T) {
	units := map[string][]string{
		queries.UnitMS: {"ms"}, queries.UnitShare: {"percentunit"}, queries.UnitCount: {"locale", "short"},
		queries.UnitRatio: {"locale"}, queries.UnitRate: {"locale"},
	}
	eachPanel(t, func(p readPanel, wrong func(string, ...any)) {
		if p.Type == "table" || len(p.Targets) == 0 {
			return
		}
		q, _ := queries.Named(p.Targets[0].Query)
		pattern := regexp.MustCompile(strings.Trim(p.Options.ReduceOptions.Fields, "/"))
		for _, c := range q.Columns {
			shown := pattern.MatchString(c.Name)
			if p.Type == "timeseries" {
				shown = slices.Contains(p.Targets[0].Value, c.Name)
			}
			if shown && c.Unit != "" && !slices.Contains(units[c.Unit], p.FieldConfig.Defaults.Unit) {
				wrong("column %s is in %s, the panel in %s", c.Name, c.Unit, p.FieldConfig.Defaults.Unit)
			}
		}
	})
}

// What the fold can say has a name here: a new class or kind is not forgotten.
func TestEveryClassAndKindHasAWord(t *testing.T) {
	for _, enum := range []struct {
		prefix string
		names  map[int32]string
		words  []word
	}{
		{"EVENT_CLASS_", vigiev1.EventClass_name, classes},
		{"DETECTION_KIND_", vigiev1.DetectionKind_name, kinds},
		{"CLOSURE_STATUS_", vigiev1.ClosureStatus_name, append([]word{{value: "none"}}, closures...)},
	} {
		for n, name := range enum.names {
			value := strings.ToLower(strings.TrimPrefix(name, enum.prefix))
			if n != 0 && !slices.ContainsFunc(enum.words, func(w word) bool { return w.value == value }) {
				t.Errorf("%s has no word in words.go", name)
			}
		}
	}
}
