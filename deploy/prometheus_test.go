package deploy_test

import (
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

type testFile struct {
	Tests []struct {
		InputSeries []struct{ Series string } `yaml:"input_series"`
		Cases       []struct {
			Alertname string
			Alerts    []any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

func parse(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Prometheus itself reads the configuration and the rules, and each rule does on
// a history what its test says.
func TestAlertsByPromtool(t *testing.T) {
	promtool := tool(t, "promtool")
	if code, said := run(t, nil, promtool, "check", "config", abs(t, "prometheus", "prometheus.yml")); code != 0 {
		t.Error(said)
	}
	args := []string{"test", "rules"}
	for _, file := range glob(t, "prometheus/tests/*.yml") {
		args = append(args, abs(t, file))
	}
	if code, said := run(t, nil, promtool, args...); code != 0 {
		t.Error(said)
	}
}

// A rule, its test and its runbook are files of one name; a test shows the rule
// firing, and quiet before and after.
func TestEachAlertHasTestAndRunbook(t *testing.T) {
	rules := names(glob(t, "prometheus/rules/*.yml"))
	for what, have := range map[string][]string{"tests": names(glob(t, "prometheus/tests/*.yml")), "runbooks": names(glob(t, "runbooks/*.md"))} {
		if !slices.Equal(rules, have) {
			t.Errorf("%s: %v\nrules: %v", what, have, rules)
		}
	}
	for _, name := range rules {
		var file ruleFile
		parse(t, filepath.Join("prometheus", "rules", name+".yml"), &file)
		if len(file.Groups) != 1 || len(file.Groups[0].Rules) != 1 {
			t.Fatalf("%s: one file a rule", name)
		}
		r := file.Groups[0].Rules[0]
		if r.Alert != name || !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) || r.For == "" {
			t.Errorf("%s: %+v", name, r)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || !strings.HasSuffix(r.Annotations["runbook_url"], "/deploy/runbooks/"+name+".md") {
			t.Errorf("%s says %v", name, r.Annotations)
		}
		if title, _, _ := strings.Cut(read(t, "runbooks", name+".md"), "\n"); title != "# "+name {
			t.Errorf("the runbook of %s is headed %q", name, title)
		}
		var test testFile
		parse(t, filepath.Join("prometheus", "tests", name+".yml"), &test)
		fires := ""
		for _, c := range test.Tests[0].Cases {
			fires += map[bool]string{true: "F", false: "."}[len(c.Alerts) > 0]
		}
		if !regexp.MustCompile(`^\.+F+\.+$`).MatchString(fires) {
			t.Errorf("the test of %s goes %s: quiet, firing, quiet is expected", name, fires)
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:vigie|process|go|node)_[a-z0-9_]+\b`)
	metricRow  = regexp.MustCompile("(?m)^\\| `(vigie_[a-z0-9_]+)` \\| ([a-z]+) \\| [^|]* \\|([^|]*)\\|")
	labelName  = regexp.MustCompile(`([a-z_]+)="`)
	series     = regexp.MustCompile(`^([a-z0-9_]+)\{(.*)\}$`)
)

// documented are the metrics of docs/metrics.md with their labels; a histogram
// stands under the names of its series.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, row := range metricRow.FindAllStringSubmatch(read(t, "..", "docs", "metrics.md"), -1) {
		labels := strings.Fields(strings.ReplaceAll(row[3], "`", " "))
		if row[2] != "histogram" {
			out[row[1]] = labels
			continue
		}
		out[row[1]+"_sum"], out[row[1]+"_count"] = labels, labels
		out[row[1]+"_bucket"] = append(slices.Clone(labels), "le")
	}
	return out
}

// An alert on a metric that nobody serves never fires: each name in a rule, a test
// or a runbook is documented, and tests use its very labels.
func TestAlertsUseMetricsThatExist(t *testing.T) {
	known := documented(t)
	if len(known) < 50 {
		t.Fatalf("docs/metrics.md was not understood: %d metrics", len(known))
	}
	for _, file := range append(glob(t, "prometheus/rules/*.yml"), glob(t, "prometheus/tests/*.yml")...) {
		for _, name := range metricName.FindAllString(read(t, file), -1) {
			if _, ok := known[name]; !ok && strings.HasPrefix(name, "vigie_") {
				t.Errorf("%s: %s is not in docs/metrics.md", file, name)
			}
		}
	}
	for _, file := range glob(t, "runbooks/*.md") {
		for _, name := range metricName.FindAllString(read(t, file), -1) {
			if _, ok := known[name]; !ok && known[name+"_sum"] == nil && strings.HasPrefix(name, "vigie_") {
				t.Errorf("%s: %s is not in docs/metrics.md", file, name)
			}
		}
	}
	for _, file := range glob(t, "prometheus/tests/*.yml") {
		var test testFile
		parse(t, file, &test)
		for _, in := range test.Tests[0].InputSeries {
			found := series.FindStringSubmatch(in.Series)
			if found == nil || !strings.HasPrefix(found[1], "vigie_") {
				continue
			}
			want := append(slices.Clone(known[found[1]]), "instance")
			var have []string
			for _, l := range labelName.FindAllStringSubmatch(found[2], -1) {
				have = append(have, l[1])
			}
			slices.Sort(want)
			slices.Sort(have)
			if !slices.Equal(have, want) {
				t.Errorf("%s: %s has labels %v, want %v", file, found[1], have, want)
			}
		}
	}
}

type targetGroup struct {
	Targets []string
	Labels  map[string]string
}

// targets are the addresses of a file, by the service that they are labelled with.
func targets(t *testing.T, file string) map[string][]string {
	t.Helper()
	var groups []targetGroup
	parse(t, filepath.Join("prometheus", "targets", file), &groups)
	out := map[string][]string{}
	for _, g := range groups {
		if service := g.Labels["service"]; service != "" {
			out[service] = append(out[service], g.Targets...)
		}
	}
	return out
}

func sorted(m map[string][]string) map[string][]string {
	for _, list := range m {
		slices.Sort(list)
	}
	return m
}

// Prometheus asks where the roles listen, in containers and on one machine.
func TestTargetsAreWhereTheRolesListen(t *testing.T) {
	containers := map[string][]string{}
	for _, s := range installations(t)["one broker"].Services {
		if listen := s.Environment["VIGIE_METRICS_LISTEN"]; s.Image == image && listen != nil {
			_, port, err := net.SplitHostPort(*listen)
			if err != nil {
				t.Fatal(err)
			}
			containers[s.Command[0]] = append(containers[s.Command[0]], net.JoinHostPort(s.Name, port))
		}
	}
	if got := targets(t, "compose.yml"); !maps.EqualFunc(sorted(got), sorted(containers), slices.Equal) {
		t.Errorf("compose: Prometheus asks %v, the roles are at %v", got, containers)
	}
	asked := targets(t, "machine.yml")
	for _, unit := range units(t) {
		s := service(t, unit)
		role := strings.Fields(s["ExecStart"][0])[1]
		if role == "up" {
			role = "vigie"
		}
		listen := find(t, `VIGIE_METRICS_LISTEN=(\S+)`, "systemd", strings.Replace(unit, "@1.", "@.", 1))
		if !slices.Contains(asked[role], strings.Replace(listen, "%i", "1", 1)) {
			t.Errorf("%s is at %s, Prometheus asks %v", unit, listen, asked[role])
		}
	}
}
