package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Uids of the dashboards: part of addresses, never changed.
const (
	uidCentreNow = "vigie-centre-now"
	uidClosed    = "vigie-closed-around-the-clock"
)

// Pages that values lead to. The variable console is the address of Vigie's own
// page; the console, which is that page, leaves it empty.
const (
	toIncident = "${console}/?incident=${__data.fields.incident}"
	toSite     = "${console}/?site=${__data.fields.site.numeric}"
	toClosed   = "/d/" + uidClosed
	toNow      = "/d/" + uidCentreNow
	toConsole  = "${console}/"
)

// frame is what both dashboards have around their panels.
func frame(uid, title, description, from, refresh string) *dashboard.DashboardBuilder {
	console := "http://127.0.0.1:8080"
	return dashboard.NewDashboardBuilder(title).Uid(uid).Description(description).
		Tags([]string{"vigie"}).Timezone("browser").Time(from, "now").Refresh(refresh).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).Readonly().
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type(pluginID)).
		WithVariable(dashboard.NewTextBoxVariableBuilder("console").Label("Address of Vigie's console").
			DefaultValue(dashboard.StringOrMap{String: &console}).
			Current(dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{String: &console}, Value: dashboard.StringOrArrayOfString{String: &console}}))
}

// leadsTo is a link at the top that keeps the range of time.
func leadsTo(title, url string) *dashboard.DashboardLinkBuilder {
	return dashboard.NewDashboardLinkBuilder(title).Type(dashboard.DashboardLinkTypeLink).Url(url).KeepTime(true).Icon("dashboard").Tooltip(title)
}

// freshness is on every dashboard: figures of data that stands still deceive.
func freshness(place dashboard.GridPos) built {
	return about{
		title:       "Age of the data",
		description: "How old the newest archived beat of the slowest partition is. Past 10 s the archive lags; past a minute it stands still, and nothing else here can be trusted. The thresholds are Vigie's own.",
		at:          place,
		query:       ask("data_freshness"),
		unit:        "ms",
		noValue:     "No data archived",
		thresholds:  steps("text", 10_000.0, "orange", 60_000.0, "red"),
	}.stat("lastNotNull", "/^age_ms$/")
}
