package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/open-vigie/vigie/services/internal/telemetry"
)

// documented are the metrics of docs/metrics.md, by name.
func documented(t *testing.T) map[string]telemetry.Described {
	t.Helper()
	all, err := telemetry.List(registerAll)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]telemetry.Described{}
	for _, d := range all {
		out[d.Name] = d
	}
	return out
}

// docs/metrics.md is what `vigie metrics list --markdown` prints, and every
// metric has a good name and a meaning.
func TestMetricsPageIsCurrent(t *testing.T) {
	all, err := telemetry.List(registerAll)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(repo(t), "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != telemetry.Markdown(all) {
		t.Error("docs/metrics.md is out of date: write it anew with `bin/vigie metrics list --markdown > docs/metrics.md`")
	}
	problems, err := promlint.NewWithMetricFamilies(telemetry.Families(all)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "vigie_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// wantMetrics scrapes a running process: no series twice, nothing that the page
// does not know, everything lint-free.
func wantMetrics(t *testing.T, url string, want ...string) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v\n%s", url, resp.Status, err, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	known := documented(t)
	for name, f := range families {
		if strings.HasPrefix(name, "promhttp_") {
			continue
		}
		d, ok := known[name]
		if !ok {
			t.Errorf("%s is served and not documented", name)
		} else if kind := strings.ToLower(f.GetType().String()); kind != d.Type {
			t.Errorf("%s is served as a %s and documented as a %s", name, kind, d.Type)
		}
	}
	problems, err := promlint.New(strings.NewReader(string(body))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "vigie_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	for _, name := range want {
		if families[name] == nil {
			t.Errorf("%s serves no %s", url, name)
		}
	}
	return families
}
