package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// points is how many buckets a panel over time asks for: wide bars that show a
// night as well as an hour.
const points = 60

// at is a place in the grid of 24 columns.
func at(x, y, w, h uint32) dashboard.GridPos { return dashboard.GridPos{X: x, Y: y, W: w, H: h} }

// about is what every panel says of itself.
type about struct {
	title       string
	description string
	at          dashboard.GridPos
	query       namedQuery
	unit        string
	decimals    float64
	// noValue stands where there is nothing to show.
	noValue    string
	thresholds []dashboard.Threshold
	mappings   []dashboard.ValueMapping
	overrides  []dashboard.DashboardFieldConfigSourceOverrides
	transform  []dashboard.DataTransformerConfig
	links      []dataLink
}

// dataLink leads from a value to a page.
type dataLink struct {
	Title       string `json:"title"`
	URL         string `json:"url"`
	TargetBlank bool   `json:"targetBlank"`
}

// built is a panel that is complete.
type built struct {
	panel dashboard.Panel
	err   error
}

// Build makes built a builder of the SDK.
func (b built) Build() (dashboard.Panel, error) { return b.panel, b.err }

// panel puts what is said of a panel onto what a builder of its type made.
func (a about) panel(of cog.Builder[dashboard.Panel]) built {
	p, err := of.Build()
	if err != nil {
		return built{err: fmt.Errorf("panel %q: %w", a.title, err)}
	}
	source := datasource()
	p.Title, p.Description, p.GridPos, p.Datasource = &a.title, &a.description, &a.at, &source
	p.Transformations = a.transform
	if a.query.Query != "" {
		p.Targets = []variants.Dataquery{a.query}
	}
	if p.FieldConfig == nil {
		p.FieldConfig = dashboard.NewFieldConfigSource()
	}
	d := &p.FieldConfig.Defaults
	d.Unit, d.Decimals, d.NoValue, d.Mappings = &a.unit, &a.decimals, &a.noValue, a.mappings
	d.Thresholds = &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: a.thresholds}
	p.FieldConfig.Overrides = append([]dashboard.DashboardFieldConfigSourceOverrides{}, a.overrides...)
	for _, l := range a.links {
		link := dashboard.NewDashboardLink()
		link.Title, link.Url, link.TargetBlank, link.Type = l.Title, &l.URL, l.TargetBlank, dashboard.DashboardLinkTypeLink
		d.Links = append(d.Links, *link)
	}
	return built{panel: p}
}

// stat shows one figure a field: the last of a column, its sum, its greatest.
func (a about) stat(calc, fields string) built {
	coloured := common.BigValueColorModeValue
	if len(a.thresholds) > 1 || len(a.mappings) > 0 {
		coloured = common.BigValueColorModeBackground
	}
	return a.panel(stat.NewPanelBuilder().GraphMode(common.BigValueGraphModeNone).ColorMode(coloured).
		TextMode(common.BigValueTextModeAuto).JustifyMode(common.BigValueJustifyModeAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{calc}).Fields(fields).Values(false)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)))
}

func series(draw common.GraphDrawStyle, fill float64) *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().MaxDataPoints(points).Min(0).
		DrawStyle(draw).FillOpacity(fill).LineWidth(1).ShowPoints(common.VisibilityModeNever).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassicByName)).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
}

// bars counts per bucket, the series on top of each other.
func (a about) bars() built {
	return a.panel(series(common.GraphDrawStyleBars, 80).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A")))
}

// lines compares counts per bucket.
func (a about) lines() built {
	return a.panel(series(common.GraphDrawStyleLine, 0).LineWidth(2).LineInterpolation(common.LineInterpolationLinear))
}

// areas shows levels on top of each other, which hold until the next bucket.
func (a about) areas() built {
	return a.panel(series(common.GraphDrawStyleLine, 50).LineInterpolation(common.LineInterpolationStepAfter).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A")))
}

// table shows rows.
func (a about) table() built {
	return a.panel(table.NewPanelBuilder().ShowHeader(true).CellHeight(common.TableCellHeightSm))
}

// bargauge shows a bar for each row.
func (a about) bargauge(fields string) built {
	return a.panel(bargauge.NewPanelBuilder().Orientation(common.VizOrientationHorizontal).
		DisplayMode(common.BarGaugeDisplayModeBasic).ValueMode(common.BarGaugeValueModeText).ShowUnfilled(true).Min(0).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields(fields).Values(true)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)))
}

// text explains; it asks nothing.
func (a about) text(content string) built {
	a.unit, a.noValue, a.thresholds = "none", "", steps("text")
	return a.panel(text.NewPanelBuilder().Mode(text.TextModeMarkdown).Content(content))
}

// steps are thresholds: a colour from the beginning, then values and colours in turn.
func steps(first string, then ...any) []dashboard.Threshold {
	out := []dashboard.Threshold{{Color: first}}
	for i := 0; i+1 < len(then); i += 2 {
		value := then[i].(float64)
		out = append(out, dashboard.Threshold{Value: &value, Color: then[i+1].(string)})
	}
	return out
}

// property is one setting of an override.
func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

// field overrides settings of the field of that name.
func field(name string, properties ...dashboard.DynamicConfigValue) dashboard.DashboardFieldConfigSourceOverrides {
	return dashboard.DashboardFieldConfigSourceOverrides{Matcher: dashboard.MatcherConfig{Id: "byName", Options: name}, Properties: properties}
}

// called is field with nothing but the name that people read.
func called(name, shown string, properties ...dashboard.DynamicConfigValue) dashboard.DashboardFieldConfigSourceOverrides {
	return field(name, append([]dashboard.DynamicConfigValue{property("displayName", shown)}, properties...)...)
}

func hidden(names ...string) []dashboard.DashboardFieldConfigSourceOverrides {
	var out []dashboard.DashboardFieldConfigSourceOverrides
	for _, name := range names {
		out = append(out, field(name, property("custom.hidden", true)))
	}
	return out
}

// fixed is the colour of a field whatever its value.
func fixed(colour string) dashboard.DynamicConfigValue {
	return property("color", map[string]any{"mode": "fixed", "fixedColor": colour})
}

func inUnit(unit string) dashboard.DynamicConfigValue { return property("unit", unit) }

func width(pixels int) dashboard.DynamicConfigValue { return property("custom.width", pixels) }

func linked(title, url string) dashboard.DynamicConfigValue {
	return property("links", []dataLink{{Title: title, URL: url}})
}

// colouredText colours the text of a table's cell by its mapping or threshold.
func colouredText() dashboard.DynamicConfigValue {
	return property("custom.cellOptions", map[string]any{"type": "color-text"})
}
