package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/dashboards"
	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/console"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/engine"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// The history of the pictures: eight days of a centre, the lockdown in the last two.
const (
	pictureSeed  = 7
	pictureSites = 1500
)

var pictureEnd = time.Date(2026, 3, 18, 20, 40, 0, 0, time.UTC)

const pictureLength = 8 * 24 * time.Hour

// Both dashboards over a seeded history, light and dark: every panel shows its
// value or says that it has none, and the figures are those that plain loops
// over the same history give.
func TestDashboardsShowASeededHistory(t *testing.T) {
	history := seed.New(pictureSeed, pictureEnd, pictureLength, pictureSites)
	url := serveHistory(t, history)
	ctx := browse(t)
	for _, theme := range []string{"light", "dark"} {
		for _, d := range dashboards.All() {
			span := map[string]time.Duration{"vigie-centre-now": time.Hour, "vigie-closed-around-the-clock": 72 * time.Hour}[d.UID]
			from, to := history.End.Add(-span).UnixMilli(), history.End.UnixMilli()
			see(t, ctx, d.Title+" is on the page", scheme(theme), chromedp.EmulateViewport(1440, 1190),
				chromedp.Navigate(fmt.Sprintf("%s/dashboards/%s?from=%d&to=%d", url, d.UID, from, to)), chromedp.WaitVisible(`[data-testid="dashboard"]`))
			panels := settled(t, ctx)
			judge(t, d, panels)
			if theme == "light" {
				compare(t, history, d.UID, panels, from, to)
			}
			if dir := os.Getenv("SCREENSHOTS"); dir != "" {
				name := map[string]string{"vigie-centre-now": "centre-now", "vigie-closed-around-the-clock": "closed"}[d.UID]
				shoot(t, ctx, filepath.Join(dir, "dashboard-"+name+"-"+theme+".png"))
			}
		}
	}
	see(t, ctx, "the page speaks French", chromedp.Click(`button[lang="fr"]`), chromedp.WaitVisible(`html[lang="fr"]`))
	if title := settled(t, ctx)[0].Title; title != "Sites fermés" {
		t.Errorf("the first panel is called %q in French", title)
	}
}

// A real installation, its queue opened by the demonstration: the dashboards
// are one click away from the queue, and no panel fails.
func TestDashboardsOfARunningInstallation(t *testing.T) {
	in := newInstallation(t, "--ephemeral", "--demo", "--sites", "40")
	in.start()
	ctx := browse(t)
	see(t, ctx, "the dashboards open from the queue", chromedp.Navigate(in.Console.Login), chromedp.WaitVisible(`[data-testid="dashboards-link"]`),
		chromedp.Click(`[data-testid="dashboards-link"]`), chromedp.WaitVisible(`[data-uid="vigie-centre-now"]`))
	see(t, ctx, "archived data is on the page", chromedp.WaitVisible(`[data-query="pipeline_flow"][data-state="ok"]`))
	for _, d := range dashboards.All() {
		see(t, ctx, d.Title+" is on the page", chromedp.Navigate(in.Console.URL+"/dashboards/"+d.UID), chromedp.WaitVisible(`[data-testid="dashboard"]`))
		judge(t, d, settled(t, ctx))
	}
}

// serveHistory puts the history into an engine of the test's own and serves a
// console beside it; the result is the console's address.
func serveHistory(t *testing.T, history *seed.History) string {
	t.Helper()
	lib, err := engine.FindLib("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	child, err := engine.NewChild(engine.ChildConfig{
		Executable: binary, Prefix: []string{engineUse}, Lib: lib, Data: filepath.Join(dir, "clickhouse"), LogFile: filepath.Join(dir, "clickhouse.log"), Log: discard(),
	})
	if err != nil {
		t.Fatal(err)
	}
	log, err := broker.NewEphemeral(discard(), localPartitions, 0)
	if err != nil {
		t.Fatal(err)
	}
	group := lifecycle.NewGroup(discard())
	t.Cleanup(func() {
		if err := group.Stop(stopPatience); err != nil {
			t.Error(err)
		}
	})
	start := func(name string, s lifecycle.Service) {
		t.Helper()
		if err := group.Start(t.Context(), lifecycle.Named{Name: name, Service: s}); err != nil {
			t.Fatalf("start %s: %v", name, err)
		}
	}
	start("ClickHouse", child)
	start("Kafka", log)
	kafka := eventlog.Config{Brokers: []string{log.Addr()}}
	if _, err := eventlog.Provision(t.Context(), kafka, eventlog.Options{Partitions: localPartitions, Local: true, Log: discard()}); err != nil {
		t.Fatal(err)
	}
	fill(t, child, history)
	url, user, password := child.ReaderEndpoint()
	view, err := console.New(console.Config{}, console.Deps{
		Log: discard(), Metrics: prometheus.NewRegistry(), Kafka: kafka, Warehouse: openWarehouse(t, url, user, password), Now: time.Now, Explain: alarm.Explain,
	})
	if err != nil {
		t.Fatal(err)
	}
	start("console", view)
	server, err := httpserver.New(httpserver.Config{Addr: "127.0.0.1:0", Version: "test"}, httpserver.Deps{Log: discard(), Metrics: prometheus.NewRegistry(), Gate: everybody{}})
	if err != nil {
		t.Fatal(err)
	}
	console.Register(server.API(), view)
	server.Mux().Handle("/", view.Page())
	front := httptest.NewServer(server.Handler())
	t.Cleanup(front.Close)
	return front.URL
}

func openWarehouse(t *testing.T, url, user, password string) *warehouse.DB {
	t.Helper()
	db, err := warehouse.Open(t.Context(), warehouse.Config{URL: url, User: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func fill(t *testing.T, child *engine.Local, history *seed.History) {
	t.Helper()
	url, user, password := child.Endpoint()
	db := openWarehouse(t, url, user, password)
	for _, do := range []func() error{
		func() error { return db.Migrate(t.Context()) },
		func() error { return seed.KeepForEver(t.Context(), db) },
		func() error { return history.Load(t.Context(), db) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
}

// everybody is a gate that is open.
type everybody struct{}

func (everybody) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), auth.User{Name: "manager", Role: auth.RoleOperator})))
	})
}

func scheme(theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		return err
	})
}

// panelOnPage is what the page says of a panel.
type panelOnPage struct {
	ID     int    `json:"id"`
	Title  string `json:"title"`
	State  string `json:"state"`
	Text   string `json:"text"`
	Values []string
}

const readPanels = `[...document.querySelectorAll('[data-testid="dashboard-panel"]')].map(p => ({
	id: Number(p.dataset.panel), title: p.querySelector('h2').textContent, state: p.dataset.state,
	text: p.querySelector('.body').innerText.trim(),
	values: [...p.querySelectorAll('[data-testid="stat-value"]')].map(v => v.dataset.value ?? ''),
}))`

// settled waits until no panel loads any more, and reads them.
func settled(t *testing.T, ctx context.Context) []panelOnPage {
	t.Helper()
	see(t, ctx, "every panel has its answer", chromedp.WaitNotPresent(`[data-testid="dashboard-panel"][data-state="loading"]`))
	panels, err := chromedp.Run(ctx, chromedp.Evaluate[[]panelOnPage](readPanels))
	if err != nil {
		t.Fatal(err)
	}
	return panels
}

// judge: each panel of the JSON is on the page, and says something that is no error.
func judge(t *testing.T, d dashboards.Dashboard, panels []panelOnPage) {
	t.Helper()
	if want := strings.Count(string(d.JSON), `"gridPos"`); len(panels) != want {
		t.Errorf("%s: %d panels are on the page, want %d", d.Title, len(panels), want)
	}
	for _, p := range panels {
		if p.State != "ok" && p.State != "empty" || p.Text == "" {
			t.Errorf("%s: panel %q is %s and says %q", d.Title, p.Title, p.State, p.Text)
		}
	}
}

// compare checks the figures of the first row against plain loops.
func compare(t *testing.T, history *seed.History, uid string, panels []panelOnPage, from, to int64) {
	t.Helper()
	args := map[string]string{"from": strconv.FormatInt(from, 10), "to": strconv.FormatInt(to, 10)}
	until := map[string]string{"to": args["to"]}
	want := map[string]float64{}
	if uid == "vigie-centre-now" {
		load := rowsOf[queries.Load](t, history, "load_against_usual", map[string]string{"to": args["to"], "window_ms": "3600000"})
		want["Load against usual"] = *load[0].Ratio
		for _, r := range rowsOf[queries.NotProtected](t, history, "sites_not_protected", until) {
			want["Sites not protected"] += float64(r.Sites)
		}
	}
	share := rowsOf[queries.ClosedShareOf](t, history, "closed_share", args)[0]
	want["Closed around the clock"], want["Closed sites now"] = float64(share.ClosedSites), float64(share.ClosedSites)
	want["Their share of sites"], want["Their share of alarms"] = share.ShareOfSites, share.ShareOfAlarms
	for _, s := range rowsOf[queries.ClosedSite](t, history, "sites_closed_around_the_clock", until) {
		if !s.Protected {
			want["Closed, not protected"]++
		}
	}
	compared := 0
	for _, p := range panels {
		figure, ok := want[p.Title]
		if !ok || len(p.Values) == 0 {
			continue
		}
		compared++
		got, err := strconv.ParseFloat(p.Values[0], 64)
		if err != nil || math.Abs(got-figure) > 1e-9*math.Abs(figure) {
			t.Errorf("panel %q shows %q, the history says %v", p.Title, p.Values[0], figure)
		}
	}
	if compared < 3 {
		t.Errorf("only %d figures of %s could be compared", compared, uid)
	}
}

func rowsOf[R any](t *testing.T, history *seed.History, query string, args map[string]string) []R {
	t.Helper()
	answer, err := expect.Answer(history, query, args)
	if err != nil {
		t.Fatal(err)
	}
	return answer.([]R)
}
